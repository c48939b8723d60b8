package main

import (
	"fmt"
	"math/big"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// The beacon chain's clock.
const (
	genesis       = 1606824023
	secondsInSlot = 12
	slotsInEpoch  = 32
)

func slotTime(slot uint64) time.Time {
	return time.Unix(genesis+secondsInSlot*int64(slot), 0).UTC()
}

// steth holds what the rows of one block share.
type steth struct {
	*evm.Snapshot
	rows  *evm.Rows
	era   era
	parts parts
	// refTime is the moment the last oracle report describes; zero if there is none.
	refTime time.Time
}

// ether reads word i of a call to the Lido contract as wei.
func (b *steth) ether(m evm.Method, i int) evm.Number { return b.Get(m.At(stETH)).Number(i, 18) }

// plain reads word i of a call to the Lido contract as it stands.
func (b *steth) plain(m evm.Method, i int) evm.Number { return b.Get(m.At(stETH)).Number(i, 0) }

func emitStETH(s *evm.Snapshot, sink sdk.Sink) error {
	b := &steth{Snapshot: s, rows: s.Rows(tokenStETH)}
	var err error
	if b.era, err = eraOf(s); err == nil && b.era >= v2 {
		b.parts, err = partsOf(s)
	}
	if err != nil {
		return sink.Fail(sdk.Failure{Anchor: s.Index, Token: tokenStETH, Kind: sdk.KindOf(err), Message: "stETH: " + err.Error()})
	}
	b.report()
	b.size()
	b.deposits()
	if b.era == v1 {
		b.feesV1()
		b.operatorsV1()
	} else {
		b.fees()
		b.feeShares()
		b.operators()
		b.withdrawals()
	}
	b.rows.Add(sdk.Price, b.curvePrice(), sdk.LabelQuote, "ETH", sdk.LabelVenue, "curve")
	return b.rows.Emit(sink)
}

// report finds the slot of the last oracle report, which dates the rate.
func (b *steth) report() {
	r := b.Get(getLastProcessingRefSlot.At(b.parts.oracle))
	perUnit := int64(1)
	if b.era == v1 {
		r, perUnit = b.Get(getLastCompletedEpochID.At(lidoOracle)), slotsInEpoch
	}
	height := r.Number(0, 0).Times(perUnit)
	switch {
	case height.Err != nil:
	case height.Value.Sign() == 0:
		height = evm.Unknown(height.Source, "the oracle has not reported yet")
	case height.Value.IsUint64():
		b.refTime = slotTime(height.Value.Uint64())
		height = height.At(b.refTime)
	}
	b.rows.Add(sdk.ReportHeight, height)
}

// size emits backing, supply and rate, each marked suspect when the contract
// contradicts itself.
func (b *steth) size() {
	pooled, shares := b.ether(getTotalPooledEther, 0), b.ether(getTotalShares, 0)
	internal, internalShares := pooled, shares
	if b.era >= v3 {
		external, externalShares := b.ether(getExternalEther, 0), b.ether(getExternalShares, 0)
		internal, internalShares = pooled.Minus(external), shares.Minus(externalShares)
		b.rows.Add(sdk.BackingExternalNative, external)
		b.rows.Add(sdk.LSTSupplyExternal, externalShares)
	}
	doubt := b.contradiction(pooled, internal, internalShares)
	mark := func(n evm.Number) evm.Number { return n.Marked(sdk.QualitySuspect, doubt) }

	b.rows.Add(sdk.BackingNative, mark(pooled))
	b.rows.Add(sdk.BackingInternalNative, mark(internal))
	b.rows.Add(sdk.LSTSupply, shares)
	// The protocol itself converts by the internal part alone (Lido.sol,
	// _getShareRateNumerator), which spares a rounding step.
	b.rows.Add(sdk.ExchangeRateMetric, mark(internal.Over(internalShares)).At(b.refTime))
	b.rows.Add(sdk.BufferNative, b.ether(getBufferedEther, 0))
	b.rows.Add(sdk.StakingNative, b.staking().At(b.refTime))
	b.rows.Add(sdk.ELRewardsCumulative, b.ether(getTotalELRewardsCollected, 0))
	b.rows.Add(sdk.Validators, b.plain(getBeaconStat, 0))
}

// staking is the validators' balance at the last report. Ether on its way to
// validators is in the backing but earns nothing yet.
func (b *steth) staking() evm.Number {
	if b.era >= srv3 {
		return b.ether(getBalanceStats, 0)
	}
	return b.ether(getBeaconStat, 2)
}

// contradiction checks the identities that hold exactly in the contract's
// source. It returns what is broken, or "". Calls that have no answer at the
// block (wstETH before its deployment) are left out.
func (b *steth) contradiction(pooled, internal, internalShares evm.Number) string {
	var broken []string
	same := func(what string, x, y evm.Number) {
		if x.Err == nil && y.Err == nil && x.Value.Cmp(y.Value) != 0 {
			broken = append(broken, fmt.Sprintf("%s: %s is not %s", what, x.Value, y.Value))
		}
	}
	same("totalSupply is not the pooled ether", b.ether(totalSupply, 0), pooled)
	same("wstETH has another rate than stETH", b.Get(stEthPerToken.At(wstETH)).Number(0, 18), b.Get(getPooledEthByShares.At(stETH, e18)).Number(0, 18))

	converted := b.Get(getPooledEthByShares.At(stETH, e27)).Number(0, 18)
	expected := internal
	if internal.Err == nil && internalShares.Err == nil && internalShares.Value.Sign() > 0 {
		expected.Value = new(big.Int).Mul(internal.Value, e27)
		expected.Value.Quo(expected.Value, internalShares.Value)
		same("the contract converts at another rate than ether by shares", converted, expected)
	}
	same("the parts of the pooled ether do not add up", b.sumOfParts(), internal)
	if len(broken) == 0 {
		return ""
	}
	text := broken[0]
	for _, more := range broken[1:] {
		text += "; " + more
	}
	return text
}

// sumOfParts adds the internal ether up from what it consists of.
func (b *steth) sumOfParts() evm.Number {
	buffered := b.ether(getBufferedEther, 0)
	if b.era >= srv3 {
		return buffered.Plus(b.ether(getBalanceStats, 0)).Plus(b.ether(getBalanceStats, 1)).Plus(b.ether(getBalanceStats, 2))
	}
	transient := b.ether(getBeaconStat, 0).Minus(b.ether(getBeaconStat, 1))
	if transient.Err == nil {
		transient.Value = new(big.Int).Mul(transient.Value, new(big.Int).Mul(big.NewInt(32), e18))
	}
	return buffered.Plus(b.ether(getBeaconStat, 2)).Plus(transient)
}

// deposits emits the limit and the switches. There is no minimum: any amount
// above zero wei is taken, and no getter says so.
func (b *steth) deposits() {
	limit := b.ether(getCurrentStakeLimit, 0)
	unlimited := limit
	unlimited.Decimals = 0
	if limit.Err == nil {
		unlimited.Value = new(big.Int)
		if evm.IsUnlimited(limit.Value) {
			unlimited.Value.SetInt64(1)
			limit = evm.Unknown(limit.Source, "staking has no limit (the contract answers 2^256-1)")
		}
	}
	b.rows.Add(sdk.DepositCapacityNative, limit)
	b.rows.Add(sdk.DepositUnlimited, unlimited)
	b.rows.Add(sdk.DepositsPaused, b.plain(isStakingPaused, 0))
	b.rows.Add(sdk.ProtocolPaused, b.plain(isStopped, 0))
}

// curvePrice is what Curve's classic pool pays for one stETH, its fee taken.
func (b *steth) curvePrice() evm.Number {
	return b.Get(getDy.At(curvePool, 1, 0, e18)).Number(0, 18)
}
