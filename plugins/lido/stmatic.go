package main

import (
	"math/big"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// wantsStMATIC leaves stMATIC out where it cannot be: it is younger than
// Multicall3 by the same spring, and asking costs eight calls there.
func wantsStMATIC(req sdk.Request, a sdk.Anchor) bool {
	return req.Wants(tokenStMATIC) && a.Height >= evm.Multicall3Block
}

func stMATICCalls() []evm.Call {
	return []evm.Call{
		getTotalPooledMatic.At(stMATIC),
		totalSupply.At(stMATIC),
		convertStMaticToMatic.At(stMATIC, e18),
		getTotalStakeAcrossAllValidator.At(stMATIC),
		totalBuffered.At(stMATIC),
		protocolFee.At(stMATIC),
		entityFees.At(stMATIC),
		paused.At(stMATIC),
	}
}

// stMATICRows emits what still answers: the product is sunset, so that a revert
// is an unknown with its reason and no failure.
func stMATICRows(s *evm.Snapshot) *evm.Rows {
	rows := s.Rows(tokenStMATIC)
	amount := func(m evm.Method) evm.Number { return s.Get(m.At(stMATIC)).Number(0, 18) }

	conversion := s.Get(convertStMaticToMatic.At(stMATIC, e18))
	shares, pooled := conversion.Number(1, 18), conversion.Number(2, 18)
	rate := pooled.Over(shares)
	if matic, err := conversion.Int(0); err == nil && rate.Err == nil {
		expected := new(big.Int).Mul(e18, pooled.Value)
		if expected.Quo(expected, shares.Value).Cmp(matic) != 0 {
			rate = rate.Marked(sdk.QualitySuspect, "the contract converts 1 stMATIC to "+matic.String()+" wei, its totals give "+expected.String())
		}
	}
	rows.Add(sdk.ExchangeRateMetric, rate)
	rows.Add(sdk.BackingNative, amount(getTotalPooledMatic))
	rows.Add(sdk.LSTSupply, amount(totalSupply))
	rows.Add(sdk.StakingNative, amount(getTotalStakeAcrossAllValidator))
	rows.Add(sdk.BufferNative, amount(totalBuffered))

	// Both are whole percents, so a product is in basis points as it stands.
	fee := s.Get(protocolFee.At(stMATIC)).Number(0, 0)
	part := func(i int) evm.Number { return fee.Mul(s.Get(entityFees.At(stMATIC)).Number(i, 0)) }
	rows.Add(sdk.FeeRewardBPS, fee.Times(100))
	rows.Add(sdk.FeeRewardTreasuryBPS, part(0))
	rows.Add(sdk.FeeRewardOperatorsBPS, part(1))
	rows.Add(sdk.FeeRewardInsuranceBPS, part(2))
	rows.Add(sdk.ProtocolPaused, s.Get(paused.At(stMATIC)).Number(0, 0))
	return rows
}
