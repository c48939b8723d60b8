package main

import (
	"context"
	_ "embed"
	"fmt"
	"math/big"

	"github.com/lst-pipeline/lst-pipeline/plugins/solido/state"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

const token sdk.TokenID = "stsol"

// Lido's accounts on mainnet.
var (
	program       = solana.MustKey("CrX7kMhLC3cSsXJdT7JDgqrRVWGnUpX3gfEfxxU2NVLi")
	stateKey      = solana.MustKey("49Yi1TKkNyYjPAFdR9LBvoHcUjuPX4Df5T5yv39w2XTn")
	mintKey       = solana.MustKey("7dHbWXmci3dT8UFYWYZweBLXgycu7Y3iL6trKn1Y7ARj")
	mintAuthority = solana.MustDerive(program, stateKey, "mint_authority")
)

//go:embed protocol.yaml
var identity []byte

type fetcher struct{ description sdk.Description }

// New makes the fetcher.
func New() sdk.Fetcher { return fetcher{card.MustParse(identity)} }

func (f fetcher) Describe() sdk.Description { return f.description }

// Fetch reads the newest anchor in one getMultipleAccounts.
func (fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	if req.Chain != solana.Chain {
		return sdk.Errorf(sdk.KindConfig, "solido is on chain solana, not on %s", req.Chain)
	}
	if !req.Wants(token) {
		return nil
	}
	i, err := solana.Newest(req, sink)
	if err != nil {
		return err
	}
	snap, err := solana.Dial(req.Endpoint).Snapshot(ctx, req.Anchors[i], stateKey, mintKey)
	if err != nil {
		return fmt.Errorf("solido on solana at slot %d: %w", req.Anchors[i].Height, err)
	}
	rows := snap.Rows(token, i)
	if err := read(snap, rows); err != nil {
		rows.Fail(fmt.Errorf("solido at slot %d: %w", snap.Slot, err))
	}
	return rows.Send(sink)
}

// read turns the snapshot into rows. An error means that the state account could
// not be used and there are none.
func read(snap *solana.Snapshot, rows *solana.Rows) error {
	account, err := snap.Owned(stateKey, program)
	if err != nil {
		return err
	}
	s, err := state.Decode(account.Data)
	if err != nil {
		return err
	}
	if s.StSOLMint != mintKey {
		return sdk.Errorf(sdk.KindIdentity, "the state names the mint %s, want %s", s.StSOLMint, mintKey)
	}
	rate(s, rows)
	holdings(snap, s, rows)
	fees(s, rows)
	epoch := s.ExchangeRate.ComputedInEpoch
	rows.Epoch(epoch, sdk.ExchangeRateMetric, sdk.BackingNative, sdk.LSTSupplyReported)
	switch {
	case epoch > snap.Clock.Epoch:
		rows.Doubt(sdk.QualitySuspect, fmt.Sprintf("the rate claims to be of epoch %d, the chain is in epoch %d", epoch, snap.Clock.Epoch),
			sdk.ExchangeRateMetric, sdk.BackingNative)
	case epoch < snap.Clock.Epoch:
		rows.Doubt(sdk.QualityStale, fmt.Sprintf("the rate was computed in epoch %d, the chain is in epoch %d", epoch, snap.Clock.Epoch),
			sdk.ExchangeRateMetric, sdk.BackingNative)
	}
	return nil
}

func rate(s state.State, rows *solana.Rows) {
	const field = "exchange_rate.sol_balance @82 / exchange_rate.st_sol_supply @74"
	r := s.ExchangeRate
	if r.StSOLSupply == 0 {
		rows.Unknown(sdk.ExchangeRateMetric, stateKey, field, "the last computed rate counted no stSOL")
	} else {
		rows.Ratio(sdk.ExchangeRateMetric, stateKey, field, integer(r.SOLBalance), integer(r.StSOLSupply), 0)
	}
	rows.Lamports(sdk.LSTSupplyReported, stateKey, "exchange_rate.st_sol_supply @74", r.StSOLSupply)
}

// holdings are counted by the mint: the state's balance and supply are those of
// the last computed rate, and withdrawals go on without a new one.
func holdings(snap *solana.Snapshot, s state.State, rows *solana.Rows) {
	const supply = "supply @36"
	const backing = "supply @36 × exchange_rate of the state account"
	mint, err := snap.Mint(mintKey, solana.LamportDecimals)
	if err == nil && (mint.Authority == nil || *mint.Authority != mintAuthority) {
		err = sdk.Errorf(sdk.KindIdentity, "mint %s can be issued by %v, not by the program's authority %s", mintKey, mint.Authority, mintAuthority)
	}
	if err != nil {
		rows.Lacks(mintKey, supply, err, sdk.LSTSupply, sdk.LSTSupplyMint, sdk.BackingNative)
		return
	}
	rows.Lamports(sdk.LSTSupply, mintKey, supply, mint.Supply)
	rows.Lamports(sdk.LSTSupplyMint, mintKey, supply, mint.Supply)
	r := s.ExchangeRate
	if r.StSOLSupply == 0 {
		rows.Unknown(sdk.BackingNative, mintKey, backing, "there is no rate to value the stSOL at")
		return
	}
	value := new(big.Int).Mul(integer(mint.Supply), integer(r.SOLBalance))
	rows.Ratio(sdk.BackingNative, mintKey, backing, value, integer(r.StSOLSupply), solana.LamportDecimals)
}

func fees(s state.State, rows *solana.Rows) {
	const field = "treasury_fee @93, developer_fee @97, st_sol_appreciation @101"
	treasury, developer := uint64(s.TreasuryFee), uint64(s.DeveloperFee)
	whole := treasury + developer + uint64(s.StSOLAppreciation)
	if whole == 0 {
		for _, m := range []sdk.MetricID{sdk.FeeRewardBPS, sdk.FeeRewardTreasuryBPS} {
			rows.Unknown(m, stateKey, field, "the state divides rewards into no shares")
		}
		return
	}
	rows.BPS(sdk.FeeRewardBPS, stateKey, field, treasury+developer, whole)
	rows.BPS(sdk.FeeRewardTreasuryBPS, stateKey, field, treasury, whole)
}

func integer(v uint64) *big.Int { return new(big.Int).SetUint64(v) }
