package main

import (
	"strconv"
	"strings"
	"time"
)

const numbersOnly = "no licence found, so numbers only"

var all = []series{{
	file: "ethereum/reth_reports.csv", input: "rocketpool_balances.csv",
	source: "xrchz/rockettrack", licence: "GPL-3.0, so numbers only",
	what: `Balance reports of Rocket Pool's oracle nodes, from the contract's events: total
and staking ETH and the rETH supply they counted. The rate is the exact ratio of
the first and the last, as the contract computes it. ` + "`time`" + ` is when the report took
effect (its event), ` + "`height`" + ` the block it describes, which is earlier.`,
	columns: []string{"block", "reference_time", "total_eth_wei", "staking_eth_wei", "reth_supply_wei", "event_time"},
	rows:    rethReport,
}, {
	file: "ethereum/rates_daily.csv", input: "ethereum_rates_daily.csv",
	source: "Tokemak/InternProject", licence: numbersOnly,
	what: `Contract rates in ETH per token at 00:00 UTC. wstETH's rate (stEthPerToken) is
stETH's rate per share and is filed under ` + "`steth`" + `. rETH is left out, because its
reports are exact and complete.`,
	columns: []string{"token", "time", "block", "eth_per_token"},
	rows:    dailyRate,
}, {
	file: "ethereum/market_prices_daily.csv", input: "ethereum_market_prices_daily.csv",
	source: "Tokemak/InternProject", licence: numbersOnly,
	what: `Pool prices in ETH per token, derived by the source's reader: the pool's balance at
market prices ÷ its balance.`,
	columns: []string{"token", "venue", "time", "block", "eth_per_token"},
	rows:    marketPrice,
}, {
	file: "ethereum/prices_usd_daily.csv", input: "prices_usd_daily.csv",
	source: "DeFi-Circuit-Breaker/Hack-Data-Analysis (a download from DefiLlama)", licence: "terms not verified, so numbers only",
	what:    impliedPrices + ` MATIC became POL one to one and is filed under POL.`,
	columns: []string{"date", "eth_usd", "sol_usd", "matic_usd"},
	rows: impliedPrice(map[string]string{
		"ETH": "eth_usd", "POL": "matic_usd",
	}),
}, {
	file: "ethereum/lido_tvl_daily.csv", input: "lido_tvl_daily.csv",
	source: "DeFi-Circuit-Breaker/Hack-Data-Analysis (a download from DefiLlama)", licence: "terms not verified, so numbers only",
	what:    heldUnits + ` MATIC became POL one to one.`,
	columns: []string{"date", "steth_eth", "stsol_sol", "stmatic_matic"},
	rows:    held(map[string]string{"steth": "steth_eth", "stmatic": "stmatic_matic"}),
}, {
	file: "ethereum/staking_apr_daily.csv", input: "ethereum_staking_apr_daily.csv",
	source: "xh3b4sd/eth-staking-rewards", licence: "MIT",
	what: `The network's staking APR of a day as a fraction, filed at the start of the day. The
source does not say which hours it covers.`,
	columns: []string{"date", "apr"},
	rows: func(in map[string]string, t *table) error {
		at, err := midnight(in["date"])
		t.add(row{token: "eth-staking", metric: "benchmark_apr", time: at, value: in["apr"], quality: "estimated", reason: byDay})
		return firstError(err, plain(in["apr"]))
	},
}, {
	file: "ethereum/reward_interval_blocks.csv", input: "rocketpool_reward_intervals.csv",
	source: "rocket-pool/rewards-trees", licence: "Apache-2.0",
	what: `The block Ethereum had reached at the end of each reward interval of Rocket Pool, at
the time of the interval's last slot (1606824023 + 12 × slot). What the intervals
paid is not taken over: no metric is for it.`,
	columns: []string{"index", "rewardsFileVersion", "rulesetVersion", "startTime", "endTime", "consensusStartBlock", "consensusEndBlock",
		"executionStartBlock", "executionEndBlock", "nodes", "nodeOperatorSmoothingPoolEth", "poolStakerSmoothingPoolEth", "protocolDaoRpl",
		"smoothingPoolVoterShareEth", "totalCollateralRpl", "totalNodeWeight", "totalOracleDaoRpl", "totalPdaoShareEth", "totalProtocolDaoEth",
		"totalSmoothingPoolEth", "totalVoterShareEth"},
	rows: intervalBlock,
}, blockTimes, ratesOf2022, reportOf2023, {
	file: "solana/rates_per_epoch.csv", input: "solana_rates_per_epoch.csv",
	source: "glitchful-dev/sol-stake-pool-apy", licence: numbersOnly,
	what: `SOL per token, once an epoch: the price last seen in the epoch, filed at the time the
epoch was first seen, up to 20 minutes or, where the recorder paused, days after
its start. From epoch 487 the source rounds JitoSOL and bSOL to 9 decimals, from
486 stSOL to 4, and drops trailing zeros, which are put back. stSOL stands still
for months; that is in the source.`,
	columns: []string{"token", "epoch", "first_seen", "sol_per_token"},
	rows:    epochRate,
}, {
	file: "solana/marinade_tvl_per_epoch.csv", input: "marinade_tvl_per_epoch.csv",
	source: "marinade-finance/ds-sam-pipeline", licence: numbersOnly,
	what: `Answers of Marinade's API: SOL behind mSOL (total virtual staked; Native and Select
are other products and not counted) and the SOL price it used. Filed at the time
the answer was committed, which is some hours into the epoch.`,
	columns: []string{"epoch", "commit_time", "staked_sol", "total_virtual_staked_sol", "liquidity_sol", "marinade_native_stake_sol", "marinade_select_stake_sol", "implied_sol_usd"},
	rows:    marinadeTVL,
}, {
	file: "solana/prices_usd_daily.csv", input: "prices_usd_daily.csv",
	source: "DeFi-Circuit-Breaker/Hack-Data-Analysis (a download from DefiLlama)", licence: "terms not verified, so numbers only",
	what:    impliedPrices,
	columns: []string{"date", "eth_usd", "sol_usd", "matic_usd"},
	rows:    impliedPrice(map[string]string{"SOL": "sol_usd"}),
}, {
	file: "solana/lido_tvl_daily.csv", input: "lido_tvl_daily.csv",
	source: "DeFi-Circuit-Breaker/Hack-Data-Analysis (a download from DefiLlama)", licence: "terms not verified, so numbers only",
	what:    heldUnits,
	columns: []string{"date", "steth_eth", "stsol_sol", "stmatic_matic"},
	rows:    held(map[string]string{"stsol": "stsol_sol"}),
}}

const (
	byDay         = "dated by day; filed at 00:00 UTC"
	impliedPrices = `Prices in USD implied by the TVL of the same source (USD ÷ units), which it dates by
day; filed at 00:00 UTC. The source's prices have two decimals or more, and
dropped zeros are put back.`
	heldUnits = `Units held, as DefiLlama counts them, dated by day; filed at 00:00 UTC.`
)

// What no recorded source has is written down as unknown, once, so that a query
// finds a reason where it looks for a number.
const (
	unknownFile = "solana/staking_apr.csv"
	unknownRows = `# source: none
token,metric,time,value,quality,reason
sol-staking,benchmark_apr,2023-01-01T00:00:00Z,,estimated,no recorded source states Solana's own staking rate
`
	unknownChapter = "## " + unknownFile + `

Solana's own staking rate. None of the sources has it, so the one row says that it
is unknown.

- this file: 1 row
`
)

func rethReport(in map[string]string, t *table) error {
	total, staking, supply := in["total_eth_wei"], in["staking_eth_wei"], in["reth_supply_wei"]
	if strings.Trim(supply, "0") == "" {
		t.drop("report with a supply of zero, which has no rate")
		return nil
	}
	if in["reference_time"] != "" {
		return strconv.ErrSyntax // none of the recorded reports has one; a newer source needs a column for it
	}
	at, err := utc(in["event_time"])
	for _, r := range []row{
		{metric: "exchange_rate", value: total, divisor: supply},
		{metric: "backing_native", value: point(total, 18)},
		{metric: "staking_native", value: point(staking, 18)},
		{metric: "lst_supply_reported", value: point(supply, 18)},
	} {
		r.token, r.time, r.height = "reth", at, in["block"]
		t.add(r)
	}
	return firstError(err, plain(total), plain(staking), plain(supply))
}

func dailyRate(in map[string]string, t *table) error {
	token := in["token"]
	switch token {
	case "reth":
		t.drop("rETH, exact in reth_reports.csv")
		return nil
	case "wsteth":
		token = "steth"
	}
	at, err := utc(in["time"])
	t.add(row{token: token, metric: "exchange_rate", time: at, value: in["eth_per_token"], height: in["block"]})
	return firstError(err, plain(in["eth_per_token"]))
}

func marketPrice(in map[string]string, t *table) error {
	at, err := utc(in["time"])
	t.add(row{
		token: in["token"], metric: "price", time: at, value: in["eth_per_token"], height: in["block"],
		quote: "ETH", venue: in["venue"], quality: "estimated", reason: "derived from the pool's balances",
	})
	return firstError(err, plain(in["eth_per_token"]))
}

func intervalBlock(in map[string]string, t *table) error {
	slot, err := strconv.ParseInt(in["consensusEndBlock"], 10, 64)
	_, blockErr := strconv.ParseUint(in["executionEndBlock"], 10, 64)
	at := time.Unix(1_606_824_023+12*slot, 0).UTC().Format(time.RFC3339)
	t.add(row{token: "ETH", metric: "chain_height", time: at, value: in["executionEndBlock"], height: in["executionEndBlock"]})
	return firstError(err, blockErr)
}

func impliedPrice(columns map[string]string) func(map[string]string, *table) error {
	return func(in map[string]string, t *table) error {
		at, err := midnight(in["date"])
		for asset, column := range columns {
			t.add(row{
				token: asset, metric: "price", time: at, value: pad(in[column], 2), quote: "USD", venue: "implied",
				quality: "estimated", reason: "implied by a TVL; " + byDay,
			})
			err = firstError(err, plain(in[column]))
		}
		return err
	}
}

func held(columns map[string]string) func(map[string]string, *table) error {
	return func(in map[string]string, t *table) error {
		at, err := midnight(in["date"])
		for token, column := range columns {
			t.add(row{
				token: token, metric: "tvl_reported_native", time: at, value: in[column],
				quality: "estimated", reason: byDay,
			})
			err = firstError(err, plain(in[column]))
		}
		return err
	}
}

// Where the source rounds, and to how many decimals; see the chapter's text.
var rounded = map[string]struct{ from, places int }{
	"jitosol": {487, 9}, "bsol": {487, 9}, "stsol": {486, 4},
}

func epochRate(in map[string]string, t *table) error {
	epoch, err := strconv.Atoi(in["epoch"])
	at, timeErr := utc(in["first_seen"])
	value, reason := in["sol_per_token"], "filed when the epoch was first seen"
	if r, has := rounded[in["token"]]; has && epoch >= r.from {
		value = pad(value, r.places)
		if r.places < 9 {
			reason += "; the source rounds to " + strconv.Itoa(r.places) + " decimals"
		}
	}
	t.add(row{token: in["token"], metric: "exchange_rate", time: at, value: value, epoch: in["epoch"], quality: "estimated", reason: reason})
	return firstError(err, timeErr, plain(value))
}

func marinadeTVL(in map[string]string, t *table) error {
	at, err := utc(in["commit_time"])
	tvl, usd := in["total_virtual_staked_sol"], in["implied_sol_usd"]
	const reason = "filed when the answer was committed"
	t.add(row{token: "msol", metric: "tvl_reported_native", time: at, value: tvl, epoch: in["epoch"], quality: "estimated", reason: reason})
	t.add(row{token: "SOL", metric: "price", time: at, value: usd, epoch: in["epoch"], quote: "USD", venue: "marinade-api", quality: "estimated", reason: reason})
	return firstError(err, plain(tvl), plain(usd))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
