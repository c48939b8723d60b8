package main

import (
	"strconv"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// feesV1 emits the fee in basis points of the rewards. getFeeDistribution gives
// basis points of the fee, so that products have four decimals more.
func (b *steth) feesV1() {
	fee := b.plain(getFee, 0)
	part := func(i int) evm.Number { return fee.Mul(b.Get(getFeeDistribution.At(stETH)).Number(i, 4)) }
	b.rows.Add(sdk.FeeRewardBPS, fee)
	b.rows.Add(sdk.FeeRewardTreasuryBPS, part(0))
	b.rows.Add(sdk.FeeRewardInsuranceBPS, part(1))
	b.rows.Add(sdk.FeeRewardOperatorsBPS, part(2))
}

// fees emits the fee of V2 and later from the getter that does not truncate to
// basis points: parts of 1e20, which is a basis point with 16 decimals.
func (b *steth) fees() {
	r := b.Get(getStakingFeeAggregateDistribution.At(b.parts.router))
	operators, treasury := r.Number(0, 16), r.Number(1, 16)
	if precision, err := r.Int(2); err == nil && precision.Cmp(e20) != 0 {
		err := sdk.Errorf(sdk.KindLayout, "block %d: the fee's precision is %s, 1e20 expected", b.Anchor.Height, precision)
		operators.Err, treasury.Err = err, err
	}
	b.rows.Add(sdk.FeeRewardBPS, operators.Plus(treasury))
	b.rows.Add(sdk.FeeRewardOperatorsBPS, operators)
	b.rows.Add(sdk.FeeRewardTreasuryBPS, treasury)
}

// feeShares emits what the newest report minted to operators and treasury, at the
// report's own block. A report that is not the one the oracle names last comes from
// a node whose logs lag behind its state, and is not taken.
func (b *steth) feeShares() {
	report := b.Get(tokenRebased.Newest(stETH, reportBlocks))
	minted := report.Number(6, 18)
	described, err := report.Uint64(0)
	elapsed, err2 := report.Uint64(1)
	if err != nil || err2 != nil {
		b.rows.Add(sdk.FeeShares, minted)
		return
	}
	at := time.Unix(int64(described), 0).UTC()
	if !b.refTime.IsZero() && !at.Equal(b.refTime) {
		b.rows.Add(sdk.FeeShares, evm.Unknown(minted.Source, "the newest report logged describes %s, the oracle's last one %s", at.Format(time.RFC3339), b.refTime.Format(time.RFC3339)))
		return
	}
	b.rows.Add(sdk.FeeShares, minted.At(at), sdk.LabelPeriod, strconv.FormatUint(elapsed, 10))
}

// operatorsV1 counts in the one registry there was. Nothing could exit yet.
func (b *steth) operatorsV1() {
	b.rows.Add(sdk.Operators, b.Get(getActiveNodeOperatorsCount.At(curated)).Number(0, 0))
	b.rows.Add(sdk.ValidatorsActive, b.plain(getBeaconStat, 1).At(b.refTime))
}

// operators adds the staking modules up.
func (b *steth) operators() {
	list := b.Get(getStakingModules.At(b.parts.router))
	count := evm.Number{Quality: sdk.QualityOK, Source: list.Source(0)}
	modules, err := modulesOf(b.Snapshot, b.parts.router)
	if err != nil {
		count.Err = err
		for _, m := range []sdk.MetricID{sdk.Modules, sdk.Operators, sdk.ValidatorsActive, sdk.ValidatorsExited} {
			b.rows.Add(m, count)
		}
		return
	}
	count.Value = integer(len(modules))
	b.rows.Add(sdk.Modules, count)
	if len(modules) == 0 {
		return
	}
	sum := func(read func(module) evm.Number) evm.Number {
		total := read(modules[0])
		for _, m := range modules[1:] {
			total = total.Plus(read(m))
		}
		return total
	}
	b.rows.Add(sdk.Operators, sum(func(m module) evm.Number {
		return b.Get(getActiveNodeOperatorsCount.At(m.address)).Number(0, 0)
	}))
	b.rows.Add(sdk.ValidatorsActive, sum(func(m module) evm.Number {
		return b.Get(getStakingModuleActiveValidatorsCount.At(b.parts.router, m.id)).Number(0, 0)
	}))
	b.rows.Add(sdk.ValidatorsExited, sum(func(m module) evm.Number {
		return b.Get(getStakingModuleSummary.At(b.parts.router, m.id)).Number(0, 0)
	}))
}
