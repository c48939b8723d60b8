package main

import (
	"context"
	"fmt"
	"math/big"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// methodPace gives the real duration of the last slots. Some providers lack it,
// and the rate can do without.
const methodPace = "getRecentPerformanceSamples"

// maxSamples is the most samples a node keeps: twelve hours of one a minute.
const maxSamples = 720

// fetchSolana reads the newest anchor: the slot-time gates in one snapshot, which
// gives the position, then inflation, stake, supply and the pace of the slots.
func fetchSolana(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	if !req.Wants(solStaking) {
		return nil
	}
	i, err := solana.Newest(req, sink)
	if err != nil {
		return err
	}
	anchor := req.Anchors[i]
	rows, err := readSolana(ctx, solana.Dial(req.Endpoint), anchor, i)
	if err != nil {
		return fmt.Errorf("solana's staking rate at slot %d: %w", anchor.Height, err)
	}
	return sink.Observe(rows...)
}

func readSolana(ctx context.Context, client *solana.Client, anchor sdk.Anchor, index int) ([]sdk.Observation, error) {
	snap, err := client.Snapshot(ctx, anchor, gateKeys()...)
	if err != nil {
		return nil, err
	}
	inflation, err := ask[inflationRate](ctx, client, "getInflationRate")
	if err != nil {
		return nil, err
	}
	votes, err := ask[voteAccounts](ctx, client, "getVoteAccounts", commitment{Commitment: "finalized"})
	if err != nil {
		return nil, err
	}
	supply, err := ask[wholeSupply](ctx, client, "getSupply", supplyConfig{Commitment: "finalized", ExcludeList: true})
	if err != nil {
		return nil, err
	}
	samples, noSamples := ask[paceSamples](ctx, client, methodPace, maxSamples)
	if sdk.KindOf(noSamples) == sdk.KindTransient {
		return nil, noSamples
	}

	// The answers belong to one epoch, in which neither rate nor stake changes, but
	// not to one slot: no method gives them together.
	switch {
	case *inflation.is.Epoch != snap.Clock.Epoch:
		return nil, sdk.Errorf(sdk.KindTransient, "the clock is in epoch %d and the inflation rate of epoch %d: the epoch turned in between",
			snap.Clock.Epoch, *inflation.is.Epoch)
	case supply.is.Context.Slot < anchor.Height:
		return nil, sdk.Errorf(sdk.KindTransient, "the node answered getSupply for slot %d, before the anchor's slot", supply.is.Context.Slot)
	case votes.is.stake().Cmp(supply.is.total()) > 0:
		return nil, sdk.Errorf(sdk.KindLayout, "%s lamports are staked, more than the whole supply of %s", votes.is.stake(), supply.is.total())
	}

	at := snap.Position()
	var rows []sdk.Observation
	add := func(metric sdk.MetricID, v *big.Rat, decimals uint8, source sdk.Source) *sdk.Observation {
		rows = append(rows, sdk.Observation{
			Token: solStaking, Metric: metric, Anchor: index, At: &at,
			Value: new(big.Int).Set(v.Num()), Divisor: divisor(v), Decimals: decimals,
			RefEpoch: snap.Clock.Epoch, Quality: sdk.QualityOK, Basis: sdk.OnChain, Source: source,
		})
		return &rows[len(rows)-1]
	}
	add(sdk.InflationRate, inflation.is.validator, 0, inflation.source("validator"))
	add(sdk.GrossStakeNative, new(big.Rat).SetInt(votes.is.stake()), solana.LamportDecimals,
		votes.source("sum of activatedStake, current and delinquent"))
	add(sdk.NetworkSupplyNative, new(big.Rat).SetInt(supply.is.total()), solana.LamportDecimals, supply.source("value.total"))
	add(sdk.ValidatorCommissionBPS, votes.is.commissionBPS(), 0, votes.source("commission, weighted by activatedStake"))
	add(sdk.Validators, votes.is.count(true), 0, votes.source("accounts with activatedStake"))
	add(sdk.ValidatorsActive, votes.is.count(false), 0, votes.source("current accounts with activatedStake"))

	apr, note := rate(inflation.is.validator, supply.is.total(), votes.is.stake()), ""
	if pace, err := measure(snap, samples.is, noSamples); err != nil {
		apr.Mul(apr, asPlanned())
		note = "annualised as if slots took exactly their target time, because the real one is not known (" + err.Error() + ")"
	} else {
		o := add(sdk.SlotSeconds, pace.seconds, 0, samples.source("sum of samplePeriodSecs over sum of numSlots"))
		o.Quality, o.Reason = sdk.QualityEstimated, pace.window()
		apr.Mul(apr, pace.yearly())
		note = pace.String()
	}
	o := add(sdk.BenchmarkAPR, apr, 0, inflation.source("validator × getSupply total ÷ getVoteAccounts activatedStake, annualised by slot time"))
	o.Quality, o.Reason = sdk.QualityEstimated, aprScope+", "+note
	return rows, nil
}

// aprScope is what Solana's rate counts and what not.
const aprScope = "inflation only: before validators' commission, without tips and fees, not compounded"

// rate is what a staked lamport gains in one year of the inflation schedule: what
// is issued to stakers in that year over what is staked.
func rate(validator *big.Rat, supply, stake *big.Int) *big.Rat {
	return new(big.Rat).Mul(validator, new(big.Rat).SetFrac(supply, stake))
}

// divisor is the denominator of an exact ratio, nil for 1.
func divisor(v *big.Rat) *big.Int {
	if v.IsInt() {
		return nil
	}
	return new(big.Int).Set(v.Denom())
}
