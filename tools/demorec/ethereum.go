package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

const ethereum sdk.ChainID = "ethereum"

// The beacon chain's clock.
const (
	genesis       = 1_606_824_023
	secondsInSlot = 12
)

// ethereumMoments are the ticks of Lido's recorded pairs, with Rocket Pool's last
// report beside them, the last report of 2023, and one full state of 2026.
func ethereumMoments(files fs.FS, licences map[string]string) ([]moment, error) {
	blocks, err := blockTimes(files)
	if err != nil {
		return nil, err
	}
	reports, err := rethReports(files)
	if err != nil {
		return nil, err
	}
	var moments []moment
	for _, p := range lidoPairs {
		m, err := estimatedBlock(blocks, p.tick)
		if err != nil {
			return nil, err
		}
		m.Tasks = append(m.Tasks, p.task())
		m.Calls = p.calls()
		moments = append(moments, m)
	}
	last, err := estimatedBlock(blocks, time.Date(2023, 12, 31, 18, 0, 0, 0, time.UTC))
	if err != nil {
		return nil, err
	}
	moments = append(moments, last)
	for i := range moments {
		if err := moments[i].addReport(reports); err != nil {
			return nil, err
		}
	}
	licences[rocketTrack] = "GPL-3.0, so numbers only"
	licences[rewardsTrees] = "Apache-2.0"
	licences[lidoSDK] = "MIT"
	licences[lidoDocs] = "terms not checked, so addresses only"
	licences[rocketDocs] = "terms not checked, so addresses only"
	licences[smartnode] = "terms not checked, so numbers only"
	return append(moments, saturn()), nil
}

const (
	rocketTrack  = "xrchz/rockettrack"
	rewardsTrees = "rocket-pool/rewards-trees"
	lidoSDK      = "lidofinance/lido-ethereum-sdk"
	lidoDocs     = "lidofinance/docs"
	rocketDocs   = "rocket-pool/docs.rocketpool.net"
	smartnode    = "rocket-pool/smartnode"
)

// blockTime is a block that is known to be the newest one at a time.
type blockTime struct{ block, unix int64 }

// blockTimes are the ends of Rocket Pool's reward intervals: the last slot and the
// execution block the chain had reached in it.
func blockTimes(files fs.FS) ([]blockTime, error) {
	rows, err := table(files, "history/rocketpool_reward_intervals.csv", "index", "rewardsFileVersion", "rulesetVersion",
		"startTime", "endTime", "consensusStartBlock", "consensusEndBlock", "executionStartBlock", "executionEndBlock")
	if err != nil {
		return nil, err
	}
	var list []blockTime
	for _, row := range rows {
		slot, err1 := strconv.ParseInt(row[6], 10, 64)
		block, err2 := strconv.ParseInt(row[8], 10, 64)
		if err := cmp.Or(err1, err2); err != nil {
			return nil, err
		}
		list = append(list, blockTime{block, genesis + secondsInSlot*slot})
	}
	slices.SortFunc(list, func(x, y blockTime) int { return cmp.Compare(x.unix, y.unix) })
	return list, nil
}

// estimatedBlock is the moment of a tick: the last slot not after it, and a block
// by interpolation between the ends of the reward intervals around it.
func estimatedBlock(blocks []blockTime, tick time.Time) (moment, error) {
	at := tick.Unix() - (tick.Unix()-genesis)%secondsInSlot
	for i := 1; i < len(blocks); i++ {
		a, b := blocks[i-1], blocks[i]
		if a.unix <= at && at <= b.unix {
			return moment{
				Chain: ethereum, Tick: tick, Time: time.Unix(at, 0).UTC(),
				Height:    uint64(between(a.block, b.block, at-a.unix, b.unix-a.unix)),
				Estimated: "the block is estimated from its time, between blocks of known time",
			}, nil
		}
	}
	return moment{}, fmt.Errorf("no known blocks around %s", tick)
}

// pair is ether and shares of stETH from the test vectors of Lido's SDK, at the
// moment they are estimated to belong to. The vectors are called with the time
// elapsed between the report before the first pair and that of the last; see
// PROVENANCE.md for how the last was dated.
type pair struct {
	ether, shares string
	tick          time.Time
	report        time.Time // day of the last report before the tick
	what          string
}

// lastReport is the day of the report all vectors end with.
var lastReport = time.Date(2023, 12, 10, 0, 0, 0, 0, time.UTC)

var lidoPairs = []pair{{
	ether: "8394212555328852098606993", shares: "7381214257921691114069196",
	report: lastReport.Add(-9_244_800 * time.Second), tick: lastReport.Add(-106*24*time.Hour + 12*time.Hour),
	what: "the state before the first report of the vector over 9,244,800 s (107 days)",
}, {
	ether: "9263068471084128020814862", shares: "8066681860242338824295513",
	report: lastReport.Add(-950_400 * time.Second), tick: lastReport.Add(-10*24*time.Hour + 12*time.Hour),
	what: "the state before the first report of the vector over 950,400 s (11 days)",
}, {
	ether: "9214558073511239726258077", shares: "8015162922459393384526309",
	report: lastReport, tick: lastReport.Add(13 * time.Hour),
	what: "the state after the last report of both vectors",
}}

func (p pair) task() task {
	return task{
		Plugin: "lido", Tokens: []sdk.TokenID{"steth"}, Note: p.what,
		Estimated: "the report's day is estimated (" + p.report.Format(time.DateOnly) + ")",
	}
}

// The frame of Lido's oracle: a report a day, for the last slot before 12:00:23 UTC.
const (
	firstFrameEpoch = 201_600 // 2023-05-16
	epochsInFrame   = 225
	slotsInEpoch    = 32
)

// refSlot is the slot the report of a day describes.
func refSlot(day time.Time) int64 {
	noon := day.Unix() + 12*3600 + 23
	frame := (noon - genesis - firstFrameEpoch*slotsInEpoch*secondsInSlot) / (epochsInFrame * slotsInEpoch * secondsInSlot)
	return (firstFrameEpoch+epochsInFrame*frame)*slotsInEpoch - 1
}

var (
	stETH   = evm.MustAddress("0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84")
	locator = evm.MustAddress("0xC1d0b3DE6792Bf6b4b37EccdcC24e45978Cfd2Eb")
	oracle  = evm.MustAddress("0x852deD011285fe67063a08005c71a85690503Cee")
)

func (p pair) calls() []answer {
	const vectors = lidoSDK + " packages/sdk/src/statistics/__tests__/stats.test.ts @5258429"
	const addresses = lidoDocs + " docs/deployed-contracts/index.md"
	list := []answer{
		{What: "stETH: total pooled ether, wei", To: stETH, Method: "getTotalPooledEther() returns (uint256)", Words: []string{p.ether}, Source: vectors},
		{What: "stETH: total shares", To: stETH, Method: "getTotalShares() returns (uint256)", Words: []string{p.shares}, Source: vectors},
		{What: "stETH: version of the contract, 2 from May 2023 to December 2025", To: stETH, Method: "getContractVersion() returns (uint256)", Words: []string{"2"}, Source: addresses},
		{What: "oracle: slot of the last report, from the estimated day", To: oracle, Method: "getLastProcessingRefSlot() returns (uint256)", Words: []string{strconv.FormatInt(refSlot(p.report), 10)}, Source: vectors + ", estimated"},
	}
	for _, part := range [][2]string{
		{"accountingOracle", oracle.Hex()},
		{"stakingRouter", "0xFdDf38947aFB03C621C71b06C9C70bce73f12999"},
		{"withdrawalQueue", "0x889edC2eDab5f40e902b864aD4d7AdE8E412F9B1"},
	} {
		list = append(list, answer{What: "locator: " + part[0], To: locator, Method: part[0] + "() returns (address)", Words: []string{part[1]}, Source: addresses})
	}
	return list
}

// report is one balance report of Rocket Pool, in wei.
type report struct {
	block                  uint64
	total, staking, supply *big.Int
	event                  time.Time // when it took effect
}

// rethReports are all reports in the order they took effect.
func rethReports(files fs.FS) ([]report, error) {
	rows, err := table(files, "history/rocketpool_balances.csv", "block", "reference_time", "total_eth_wei", "staking_eth_wei", "reth_supply_wei", "event_time")
	if err != nil {
		return nil, err
	}
	var list []report
	for _, row := range rows {
		var r report
		var ok [3]bool
		r.total, ok[0] = new(big.Int).SetString(row[2], 10)
		r.staking, ok[1] = new(big.Int).SetString(row[3], 10)
		r.supply, ok[2] = new(big.Int).SetString(row[4], 10)
		var err1, err2 error
		r.block, err1 = strconv.ParseUint(row[0], 10, 64)
		r.event, err2 = time.Parse(time.RFC3339, row[5])
		if err := cmp.Or(err1, err2, check(ok == [3]bool{true, true, true}, "an amount is no integer")); err != nil {
			return nil, fmt.Errorf("report of block %s: %w", row[0], err)
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(x, y report) int { return x.event.Compare(y.event) })
	return list, nil
}

// Rocket Pool's contracts.
var (
	rocketStorage = evm.MustAddress("0x1d8f8f00cfa6758d7bE78336684788Fb0ee0Fa46")
	rocketVault   = evm.MustAddress("0x3bDC69C4E5e13E52A65f5583c23EFB9636b469d6")
	rETH          = evm.MustAddress("0xae78736Cd615f374D3085123A210448E74Fc6393")
)

// key is the place of a value in RocketStorage.
func key(name string) string { return crypto.Keccak256Hash([]byte(name)).Hex() }

func storedUint(name, value, source string) answer {
	return answer{
		What: "RocketStorage: " + name, To: rocketStorage, Method: "getUint(bytes32) returns (uint256)",
		Args: []string{key(name)}, Words: []string{value}, Source: source,
	}
}

func storedAddress(name string, at common.Address, source string) answer {
	return answer{
		What: "RocketStorage: address of " + name, To: rocketStorage, Method: "getAddress(bytes32) returns (address)",
		Args: []string{key("contract.address" + name)}, Words: []string{at.Hex()}, Source: source,
	}
}

// addReport adds what RocketStorage held at the moment: the last report that had
// taken effect, and the contracts of version 1.2.
func (m *moment) addReport(reports []report) error {
	i, _ := slices.BinarySearchFunc(reports, m.Tick, func(r report, t time.Time) int {
		if r.event.After(t) {
			return 1
		}
		return -1
	})
	if i == 0 {
		return fmt.Errorf("no report before %s", m.Tick)
	}
	r := reports[i-1]
	if err := check(r.block < m.Height, "the report of block %d took effect before block %d", r.block, m.Height); err != nil {
		return err
	}
	event := "event of " + r.event.UTC().Format(time.RFC3339)
	source := rocketTrack + ", " + event
	rate := new(big.Int).Mul(r.total, big.NewInt(1_000_000_000_000_000_000))
	rate.Quo(rate, r.supply)
	const docs = rocketDocs + ", table of contracts of version 1.2"
	m.Calls = append(m.Calls,
		storedUint("network.balance.total", r.total.String(), source),
		storedUint("network.balance.staking", r.staking.String(), source),
		storedUint("network.balance.reth.supply", r.supply.String(), source),
		storedUint("network.balances.updated.block", strconv.FormatUint(r.block, 10), source),
		answer{
			What: "rETH: exchange rate, total × 1e18 ÷ supply rounded down, as the contract computes it", To: rETH,
			Method: "getExchangeRate() returns (uint256)", Words: []string{rate.String()}, Source: source + ", derived",
		},
		storedAddress("rocketDepositPool", evm.MustAddress("0xDD3f50F8A6CafbE9b31a427582963f465E745AF8"), docs),
		storedAddress("rocketNetworkFees", evm.MustAddress("0xf824e2d69dc7e7c073162C2bdE87dA4746d27a0f"), docs),
		storedAddress("rocketNetworkRevenues", common.Address{}, rocketDocs+": the contract came with version 1.4 in 2026"),
	)
	m.Tasks = append(m.Tasks, task{
		Plugin: "rocketpool", Tokens: []sdk.TokenID{"reth"}, Note: "the report of block " + strconv.FormatUint(r.block, 10) + ", " + event,
	})
	return nil
}

// saturn is the state a test of Rocket Pool's node software holds. Its block and
// its time are known.
func saturn() moment {
	const slot = 14_113_923
	at := time.Unix(genesis+secondsInSlot*slot, 0).UTC()
	const source = smartnode + " shared/services/state/testdata/small_state.json"
	const docs = rocketDocs + ", contracts of version 1.4"
	revenues := common.HexToAddress("0x9d9708da8e0200dd8dd9ad09e0aaf184ad260842")
	share := func(name, value string) answer {
		return answer{What: "RocketNetworkRevenues: " + name + ", parts of 1e18", To: revenues, Method: name + "() returns (uint256)", Words: []string{value}, Source: source}
	}
	return moment{
		Chain: ethereum, Tick: at.Truncate(time.Minute).Add(time.Minute), Height: 24_879_811, Time: at,
		Tasks: []task{{Plugin: "rocketpool", Tokens: []sdk.TokenID{"reth"}, Note: "a full state of the network; the supply the report counted is not in it, and with it the rate"}},
		Calls: []answer{
			storedUint("network.balance.total", "393070246092667017109023", source),
			storedUint("network.balance.staking", "340571417532849325110122", source),
			storedUint("network.balances.updated.block", "24876097", source),
			storedUint("deposit.pool.node.balance", "7944000000000000000000", source+", derived: the pool's balance less its users' balance of -7919068041764507559154"),
			{What: "RocketVault: ether of the deposit pool", To: rocketVault, Method: "balanceOf(string) returns (uint256)", Args: []string{"rocketDepositPool"}, Words: []string{"24931958235492440846"}, Source: source},
			{What: "rETH: supply", To: rETH, Method: "totalSupply() returns (uint256)", Words: []string{"338360158912466277545855"}, Source: source},
			{What: "rETH: collateral, the contract's ether and an excess of 0", To: rETH, Method: "getTotalCollateral() returns (uint256)", Words: []string{"2224148175222317944602"}, Source: source},
			share("getCurrentNodeShare", "50000000000000000"),
			share("getCurrentVoterShare", "90000000000000000"),
			share("getCurrentProtocolDAOShare", "0"),
			storedAddress("rocketDepositPool", evm.MustAddress("0xCE15294273CFb9D9b628F4D61636623decDF4fdC"), docs),
			storedAddress("rocketNetworkFees", evm.MustAddress("0xf824e2d69dc7e7c073162C2bdE87dA4746d27a0f"), docs),
			storedAddress("rocketNetworkRevenues", revenues, docs),
		},
	}
}
