package main

import (
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// reth holds what the rows of one block share.
type reth struct {
	*evm.Snapshot
	rows *evm.Rows
	at   places
	// saturn reports v1.4, where megapools share revenues by one network-wide split.
	saturn bool
	// refTime is the moment the last report describes; known since v1.4.
	refTime time.Time
}

func emit(s *evm.Snapshot, sink sdk.Sink) error {
	if s.Err != nil {
		return sink.Fail(s.Failure())
	}
	at, err := placesOf(s)
	if err != nil {
		return sink.Fail(sdk.Failure{Anchor: s.Index, Token: tokenRETH, Kind: sdk.KindOf(err), Message: "RocketStorage: " + err.Error()})
	}
	b := &reth{Snapshot: s, rows: s.Rows(tokenRETH), at: at, saturn: at.revenues != (common.Address{})}
	b.report()
	b.deposits()
	b.fees()
	b.operators()
	b.exit()
	b.rows.Add(sdk.Price, b.uniswapPrice(), sdk.LabelQuote, "ETH", sdk.LabelVenue, "uniswap")
	return b.rows.Emit(sink)
}

// stored reads a number of RocketStorage.
func (b *reth) stored(key [32]byte, decimals uint8) evm.Number {
	return b.Get(getUint.At(storage, key)).Number(0, decimals)
}

// report emits what the oracle DAO last agreed on, and the supply of now beside
// the supply it counted.
func (b *reth) report() {
	height := b.stored(keyReportBlock, 0)
	if when := b.stored(keyReportTime, 0); when.Err == nil && when.Value.Sign() > 0 && when.Value.IsInt64() {
		b.refTime = time.Unix(when.Value.Int64(), 0).UTC()
	}
	none := height.Err == nil && height.Value.Sign() == 0
	reported := func(n evm.Number) evm.Number {
		if none {
			return evm.Unknown(n.Source, "no report was made before block %d", b.Anchor.Height)
		}
		return n.At(b.refTime)
	}
	total, supply := b.stored(keyTotalETH, 18), b.stored(keyRETHSupply, 18)
	b.rows.Add(sdk.ReportHeight, reported(height))
	b.rows.Add(sdk.BackingNative, reported(total))
	b.rows.Add(sdk.StakingNative, reported(b.stored(keyStakingETH, 18)))
	b.rows.Add(sdk.LSTSupplyReported, reported(supply))
	b.rows.Add(sdk.LSTSupply, b.Get(totalSupply.At(rETH)).Number(0, 18))
	b.rows.Add(sdk.ExchangeRateMetric, reported(b.rate(total, supply)))
}

// rate is total ether over supply, both of the last report: never over the
// supply of now. The token itself must say the same.
func (b *reth) rate(total, supply evm.Number) evm.Number {
	own := b.Get(getExchangeRate.At(rETH)).Number(0, 18)
	if supply.Err == nil && supply.Value.Sign() == 0 {
		return own // the contract's rule: one to one while there is no rETH
	}
	rate := total.Over(supply)
	if rate.Err != nil || own.Err != nil {
		return rate
	}
	expected := new(big.Int).Mul(rate.Value, e18)
	if expected.Quo(expected, rate.Divisor).Cmp(own.Value) != 0 {
		return rate.Marked(sdk.QualitySuspect, fmt.Sprintf("getExchangeRate() says %s, the report gives %s", own.Value, expected))
	}
	return rate
}

// deposits emits the deposit pool and its limits.
func (b *reth) deposits() {
	pool := b.Get(balanceOf.At(vault, "rocketDepositPool")).Number(0, 18)
	enabled := b.Get(getBool.At(storage, keyEnabled)).Number(0, 0)

	b.rows.Add(sdk.BufferNative, b.idle(pool))
	b.rows.Add(sdk.DepositsPaused, enabled.Not())
	b.rows.Add(sdk.DepositMinNative, b.stored(keyMinimum, 18))
	b.rows.Add(sdk.DepositCapacityNative, b.capacity(pool, enabled))
	// Parts of 1e18 are basis points with 14 decimals.
	b.rows.Add(sdk.FeeDepositBPS, b.stored(keyDepositFee, 14))
}

// idle is the depositors' part of the deposit pool. It can be negative: the pool
// then holds less than it owes to node operators who wait with their bond.
func (b *reth) idle(pool evm.Number) evm.Number {
	users := pool.Minus(b.stored(keyNodeBalance, 18))
	if users.Err == nil && users.Value.Sign() < 0 {
		return evm.Unknown(users.Source, "the depositors' balance of the pool is %s wei: their ether is lent to the queue and none is idle", users.Value)
	}
	return users
}

// capacity is the largest deposit. The pool tells it since v1.2; before, it is
// the room up to the pool's maximum.
func (b *reth) capacity(pool, enabled evm.Number) evm.Number {
	if b.at.depositPool != (common.Address{}) {
		if told := b.Get(getMaximumDepositAmount.At(b.at.depositPool)); !told.Absent() {
			return told.Number(0, 18)
		}
	}
	room := b.stored(keyPoolMaximum, 18).Minus(pool)
	if enabled.Err != nil {
		room.Err = enabled.Err
	}
	if room.Err == nil && (enabled.Value.Sign() == 0 || room.Value.Sign() < 0) {
		room.Value = new(big.Int)
	}
	return room
}

// fees emits the commission on rewards: of megapools since v1.4, of a new
// minipool before. Existing minipools keep the fee they were made with, so the
// fee that all holders pay together is not readable.
func (b *reth) fees() {
	const kept = "older minipools keep the fee they were made with"
	if !b.saturn && b.at.fees == (common.Address{}) {
		b.rows.Add(sdk.FeeRewardBPS, evm.Unknown(b.Get(getAddress.At(storage, keyNetworkFees)).Source(0), "no contract for fees is registered"))
		return
	}
	if !b.saturn {
		fee := b.Get(getNodeFee.At(b.at.fees)).Number(0, 14).
			Marked(sdk.QualityEstimated, "the fee of a new minipool; "+kept)
		b.rows.Add(sdk.FeeRewardBPS, fee)
		b.rows.Add(sdk.FeeRewardOperatorsBPS, fee)
		return
	}
	share := func(m evm.Method) evm.Number {
		return b.Get(m.At(b.at.revenues)).Number(0, 14).
			Marked(sdk.QualityEstimated, "the fee of megapools; "+kept)
	}
	node, voter, treasury := share(getCurrentNodeShare), share(getCurrentVoterShare), share(getCurrentProtocolDAOShare)
	b.rows.Add(sdk.FeeRewardBPS, node.Plus(voter).Plus(treasury))
	b.rows.Add(sdk.FeeRewardOperatorsBPS, node)
	b.rows.Add(sdk.FeeRewardHoldersBPS, voter)
	b.rows.Add(sdk.FeeRewardTreasuryBPS, treasury)
}

// operators emits counts. Since v1.4 part of the validators is in megapools,
// whose active ones only a walk over all nodes can count.
func (b *reth) operators() {
	minipools, active, exited := b.stored(keyMinipools, 0), b.stored(keyStaking, 0), b.stored(keyFinalised, 0)
	stake := active
	if stake.Err == nil {
		stake.Value = new(big.Int).Mul(active.Value, new(big.Int).Mul(big.NewInt(32), e18))
	}
	stake.Decimals = 18
	if b.saturn {
		minipools = minipools.Plus(b.stored(keyMegapool, 0))
		const why = "active validators of megapools take one call a node; %s minipools are known"
		stake = unknownPart(stake, active, why)
		active, exited = unknownPart(active, active, why), unknownPart(exited, exited, why)
	}
	b.rows.Add(sdk.Operators, b.stored(keyNodes, 0))
	b.rows.Add(sdk.Validators, minipools)
	b.rows.Add(sdk.ValidatorsActive, active)
	b.rows.Add(sdk.ValidatorsExited, exited)
	b.rows.Add(sdk.GrossStakeNative, stake)
}

func unknownPart(n, known evm.Number, why string) evm.Number {
	if n.Err != nil || known.Err != nil {
		return n
	}
	return evm.Unknown(n.Source, why, known.Value)
}

// quoteSizes are the amounts exit quotes are made for, in whole ether.
var quoteSizes = []int64{1, 10, 100, 1000, 10000}

// exit emits what burning rETH gives: par, at once, up to the collateral. Above
// it the burn reverts; there is no queue.
func (b *reth) exit() {
	collateral := b.Get(getTotalCollateral.At(rETH)).Number(0, 18)
	b.rows.Add(sdk.InstantCapacityNative, collateral)
	for _, size := range quoteSizes {
		out := collateral
		if collateral.Err == nil {
			out.Value = new(big.Int).Mul(big.NewInt(size), e18)
			if out.Value.Cmp(collateral.Value) > 0 {
				out = evm.Unknown(collateral.Source, "burning reverts above the collateral of %s wei, and there is no queue", collateral.Value)
			}
		}
		labels := []string{sdk.LabelRoute, "instant", sdk.LabelSize, strconv.FormatInt(size, 10)}
		if out.Err == nil {
			labels = append(labels, sdk.LabelWait, "0")
		}
		b.rows.Add(sdk.ExitQuote, out, labels...)
	}
}

// uniswapPrice is the spot price of the pool, the square of sqrtPriceX96 ÷ 2^96:
// WETH per rETH, exact. One trade moves it for a block.
func (b *reth) uniswapPrice() evm.Number {
	slot := b.Get(slot0.At(wethPool))
	price := slot.Number(0, 0)
	if price.Err != nil {
		return price
	}
	if first, err := b.Get(token0.At(wethPool)).Address(0); err != nil || first != rETH {
		price.Err = sdk.Errorf(sdk.KindIdentity, "block %d: token0 of the pool is %s (%v), not rETH", b.Anchor.Height, first, err)
		return price
	}
	if price.Value.Sign() == 0 {
		return evm.Unknown(price.Source, "the pool was never initialised")
	}
	price.Value = new(big.Int).Mul(price.Value, price.Value)
	price.Divisor = new(big.Int).Mul(q96, q96)
	price.Source.Field += " (sqrtPriceX96), squared over 2^192"
	return price
}
