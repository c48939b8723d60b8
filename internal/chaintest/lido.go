package chaintest

import (
	"math/big"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// StETH is the Lido contract.
const StETH = "0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84"

// The beacon chain's clock.
const (
	genesis     = 1_606_824_023
	slotSeconds = 12
)

var (
	stETH   = evm.MustAddress(StETH)
	wstETH  = evm.MustAddress("0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0")
	locator = evm.MustAddress("0xC1d0b3DE6792Bf6b4b37EccdcC24e45978Cfd2Eb")
	oracle  = evm.MustAddress("0x852deD011285fe67063a08005c71a85690503Cee")
	router  = evm.MustAddress("0xFdDf38947aFB03C621C71b06C9C70bce73f12999")
	queue   = evm.MustAddress("0x889edC2eDab5f40e902b864aD4d7AdE8E412F9B1")
	curated = evm.MustAddress("0x55032650b14df07b85bF18A3a3eC8E0Af2e028d5")
	curve   = evm.MustAddress("0xDC24316b9AE028F1497c275EB9192a3Ea0f67022")
)

// TotalPooledEther is the call that gives stETH's backing.
var TotalPooledEther = method("getTotalPooledEther() returns (uint256)").At(stETH)

// DailyRewards is what stETH earns a day, in ETH, a tenth of it for the protocol.
const DailyRewards = 700

// TokenRebased is the event of stETH's reports.
var TokenRebased = evm.MustEvent("TokenRebased(uint256,uint256,uint256,uint256,uint256,uint256,uint256)")

// TeachLido teaches stETH of version 3: a report in the first block of each day,
// which adds DailyRewards and mints shares worth a tenth of them as fees.
func (e *Ethereum) TeachLido() {
	var (
		externalShares       = ether(50_000)
		buffered, validators = ether(12_000), 280_000
	)
	pooled := func(b Block) *big.Int { return ether(9_000_000 + DailyRewards*b.Days()) }
	minted := []*big.Int{ether(7_500_000)} // all shares after each day's report
	for day := int64(1); day < 4_000; day++ {
		after := ether(9_000_000 + DailyRewards*day)
		minted = append(minted, quo(minted[day-1], after, sub(after, ether(DailyRewards/10))))
	}
	shares := func(b Block) *big.Int { return minted[b.Days()] }
	external := func(b Block) *big.Int { return quo(pooled(b), externalShares, shares(b)) }
	internal := func(b Block) *big.Int { return sub(pooled(b), external(b)) }
	internalShares := func(b Block) *big.Int { return sub(shares(b), externalShares) }
	to := func(signature string, args ...any) evm.Call { return method(signature).At(stETH, args...) }
	convert := func(amount *big.Int) Answer {
		return func(b Block) []any { return []any{quo(amount, internal(b), internalShares(b))} }
	}
	refSlot := func(b Block) int64 { return (b.Day().Unix() - genesis) / slotSeconds }

	e.Answer(to("getContractVersion() returns (uint256)"), 3)
	e.At(TotalPooledEther, func(b Block) []any { return []any{pooled(b)} })
	e.At(to("totalSupply() returns (uint256)"), func(b Block) []any { return []any{pooled(b)} })
	e.At(to("getTotalShares() returns (uint256)"), func(b Block) []any { return []any{shares(b)} })
	e.At(to("getPooledEthByShares(uint256) returns (uint256)", pow10(27)), convert(pow10(27)))
	e.At(to("getPooledEthByShares(uint256) returns (uint256)", pow10(18)), convert(pow10(18)))
	e.At(method("stEthPerToken() returns (uint256)").At(wstETH), convert(pow10(18)))
	e.Answer(to("getBufferedEther() returns (uint256)"), buffered)
	e.At(to("getBeaconStat() returns (uint256,uint256,uint256)"), func(b Block) []any {
		return []any{validators, validators, sub(internal(b), buffered)}
	})
	e.At(to("getExternalEther() returns (uint256)"), func(b Block) []any { return []any{external(b)} })
	e.Answer(to("getExternalShares() returns (uint256)"), externalShares)
	e.Answer(to("getTotalELRewardsCollected() returns (uint256)"), ether(300_000))
	e.Answer(to("getCurrentStakeLimit() returns (uint256)"), ether(150_000))
	e.Answer(to("isStakingPaused() returns (bool)"), false)
	e.Answer(to("isStopped() returns (bool)"), false)
	e.Answer(method("get_dy(int128,int128,uint256) returns (uint256)").At(curve, 1, 0, pow10(18)), number("999_312_000_000_000_000"))

	e.Answer(method("accountingOracle() returns (address)").At(locator), oracle)
	e.Answer(method("stakingRouter() returns (address)").At(locator), router)
	e.Answer(method("withdrawalQueue() returns (address)").At(locator), queue)
	e.At(method("getLastProcessingRefSlot() returns (uint256)").At(oracle), func(b Block) []any { return []any{refSlot(b)} })
	e.Logs(stETH, TokenRebased, func(b Block) []any {
		before := block(b.Number - 1)
		if b.Day().Equal(before.Day()) {
			return nil
		}
		return []any{
			genesis + slotSeconds*refSlot(b), slotSeconds * (refSlot(b) - refSlot(before)),
			shares(before), pooled(before), shares(b), pooled(b), sub(shares(b), shares(before)),
		}
	})
	e.Answer(method("getStakingFeeAggregateDistribution() returns (uint96,uint96,uint256)").At(router), pow10(18, 5), pow10(18, 5), pow10(20))
	e.Answer(method("getStakingModules() returns ((uint24,address,uint16,uint16,uint16,uint8,string,uint64,uint256,uint256)[])").At(router),
		32, 1, 32, // one module; its 13 fields begin after the list of offsets
		1, curated, 0, 0, 0, 0, 13*32, 0, 0, 0, 0, 0, 0, 4, append([]byte("name"), make([]byte, 28)...))
	e.Answer(method("getStakingModuleSummary(uint256) returns (uint256,uint256,uint256)").At(router, 1), 10, validators, 5)
	e.Answer(method("getStakingModuleActiveValidatorsCount(uint256) returns (uint256)").At(router, 1), validators-10)
	e.Answer(method("getActiveNodeOperatorsCount() returns (uint256)").At(curated), 37)

	e.Answer(method("unfinalizedStETH() returns (uint256)").At(queue), ether(5_000))
	e.Answer(method("unfinalizedRequestNumber() returns (uint256)").At(queue), 13)
	e.Answer(method("getLockedEtherAmount() returns (uint256)").At(queue), ether(1_234))
	e.Answer(method("isPaused() returns (bool)").At(queue), false)
	e.Answer(method("isBunkerModeActive() returns (bool)").At(queue), false)
	e.Answer(method("MIN_STETH_WITHDRAWAL_AMOUNT() returns (uint256)").At(queue), 100)
	e.Answer(method("MAX_STETH_WITHDRAWAL_AMOUNT() returns (uint256)").At(queue), ether(1_000))
}
