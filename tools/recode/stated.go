package main

// Numbers that a source states in its text or its tests, too few for a file of
// their own among the recorded sources.

// blockTimes are blocks whose time is known to the second.
var blockTimes = series{
	file:   "ethereum/block_times.csv",
	source: "lidofinance/scripts", licence: "terms not checked, so numbers only",
	what: `Blocks in which votes of the Lido DAO were executed, with their times.`,
	stated: []row{
		block("2022-05-28T12:27:55Z", "14860268"),
		block("2023-05-26T16:51:35Z", "17344569"),
		block("2024-10-25T16:03:23Z", "21043699"),
		block("2025-12-20T14:01:35Z", "24054276"),
		block("2025-12-25T13:14:59Z", "24089870"),
		block("2026-01-01T14:10:47Z", "24140293"),
		block("2026-01-20T11:09:11Z", "24275593"),
		block("2026-04-13T16:40:47Z", "24872110"),
		block("2026-04-28T20:09:59Z", "24980862"),
	},
}

func block(at, number string) row {
	return row{token: "ETH", metric: "chain_height", time: at, value: number, height: number}
}

// ratesOf2022 are samples of two series of exact contract rates.
var ratesOf2022 = series{
	file:   "ethereum/rates_2022.csv",
	source: "Reya-Labs/voltz-core", licence: "terms not checked, so numbers only",
	what: `Samples of contract rates with 27 decimals: getPooledEthByShares(1e27) of stETH and
getEthValue(1e27) of rETH, rounded down by the contracts. stETH's times are those of
the block; rETH's are those of the block its report describes, and so is ` + "`ref_time`" + `.`,
	stated: []row{
		{token: "steth", metric: "exchange_rate", time: "2022-04-10T01:30:19Z", value: "1.067472418481557458937724253", height: "14555030"},
		{token: "steth", metric: "exchange_rate", time: "2022-05-18T10:09:08Z", value: "1.071663732239299774767008133", height: "14798230"},
		{token: "steth", metric: "exchange_rate", time: "2022-07-08T01:42:34Z", value: "1.077623031079333642872922972", height: "15099030"},
		reported("2022-04-09T05:53:00Z", "1.020888790267817335872958447", "14549760"),
		reported("2022-05-19T05:28:10Z", "1.025059422737838059736779106", "14803200"),
		reported("2022-07-07T18:10:51Z", "1.030176558094566769975853933", "15096960"),
	},
}

func reported(at, value, height string) row {
	return row{token: "reth", metric: "exchange_rate", time: at, refTime: at, value: value, height: height}
}

// reportOf2023 is one report of Lido's oracle.
var reportOf2023 = series{
	file:   "ethereum/lido_report.csv",
	source: "lidofinance/alerting-forta", licence: "terms not checked, so numbers only",
	what: `One report of Lido's oracle (transaction
0xbf52777e4dd583d52104be96f7da420be977faeee97cc25a89d6c81fa919056f) as a test prints it,
with two decimals: ether and shares before and after it, the rate after it, and what
it left in the withdrawal queue. The test names no time. Its rates lie between the
daily rates of wstETH of 2023-05-18 and 2023-05-19 (ethereum/rates_daily.csv: before
1.1245044, after 1.1246664), so it is the report of 2023-05-18, which describes the
slot of 12:00:11 UTC; the minutes are estimated. Rewards and finalised requests of the
report are not taken over: no metric is for them.`,
	stated: append(
		before("backing_native", "6349026.64", "lst_supply", "5646066.68"),
		after("backing_native", "6348106.24", "lst_supply", "5644434.78", "exchange_rate", "1.12467",
			"queue_native", "43.68", "queue_requests", "13")...),
}

const datedByRate = "dated by the daily rates of wstETH, with estimated minutes"

func before(values ...string) []row {
	return lidoReport("2023-05-18T12:00:00Z", "2023-05-17T12:00:11Z", values)
}

func after(values ...string) []row {
	return lidoReport("2023-05-18T12:30:00Z", "2023-05-18T12:00:11Z", values)
}

func lidoReport(at, describes string, values []string) (rows []row) {
	for i := 0; i+1 < len(values); i += 2 {
		rows = append(rows, row{
			token: "steth", metric: values[i], time: at, refTime: describes, value: values[i+1],
			quality: "estimated", reason: datedByRate,
		})
	}
	return rows
}
