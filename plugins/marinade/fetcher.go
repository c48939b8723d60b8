package main

import (
	"context"
	_ "embed"
	"fmt"
	"math/big"
	"time"

	"github.com/lst-pipeline/lst-pipeline/plugins/marinade/state"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

const token sdk.TokenID = "msol"

// Marinade's accounts on mainnet. The two PDAs hold lamports only.
var (
	program    = solana.MustKey("MarBmsSgKXdrN1egZf5sqe1TMai9K1rChYNDJgjq7aD")
	stateKey   = solana.MustKey("8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC")
	mintKey    = solana.MustKey("mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So")
	lpMintKey  = solana.MustKey("LPmSozJJ8Jh69ut2WP3XmVohTjL4ipR18yiCzxrUmVj")
	reserveKey = solana.MustDerive(program, stateKey, "reserve")
	solLegKey  = solana.MustDerive(program, stateKey, "liq_sol")
)

// ticketDelay is how long after the start of its epoch a ticket becomes due.
const ticketDelay = 30 * time.Minute

//go:embed protocol.yaml
var identity []byte

type fetcher struct{ description sdk.Description }

// New makes the fetcher.
func New() sdk.Fetcher { return fetcher{card.MustParse(identity)} }

func (f fetcher) Describe() sdk.Description { return f.description }

// Fetch reads the newest anchor in one getMultipleAccounts.
func (fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	if req.Chain != solana.Chain {
		return sdk.Errorf(sdk.KindConfig, "marinade is on chain solana, not on %s", req.Chain)
	}
	if !req.Wants(token) {
		return nil
	}
	i, err := solana.Newest(req, sink)
	if err != nil {
		return err
	}
	snap, err := solana.Dial(req.Endpoint).Snapshot(ctx, req.Anchors[i], stateKey, mintKey, reserveKey, solLegKey)
	if err != nil {
		return fmt.Errorf("marinade on solana at slot %d: %w", req.Anchors[i].Height, err)
	}
	rows := snap.Rows(token, i)
	if err := read(snap, rows); err != nil {
		rows.Fail(fmt.Errorf("marinade at slot %d: %w", snap.Slot, err))
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
	if s.MSOLMint != mintKey || s.LPMint != lpMintKey {
		return sdk.Errorf(sdk.KindIdentity, "the state names the mints %s and %s, want %s and %s", s.MSOLMint, s.LPMint, mintKey, lpMintKey)
	}
	if err := holdings(s, rows); err != nil {
		return err
	}
	fees(s, rows)
	limits(s, rows)
	supply(snap, s, rows)
	exits(snap, s, rows)
	doubts(snap, s, rows)
	rows.Epoch(snap.Clock.Epoch, sdk.ExchangeRateMetric, sdk.BackingNative, sdk.LSTSupply)
	return nil
}

// holdings are what the state says the protocol holds and owes.
func holdings(s state.State, rows *solana.Rows) error {
	virtual, ok := s.VirtualStaked()
	cooling, ok2 := s.CoolingDown()
	if !ok || !ok2 {
		return sdk.Errorf(sdk.KindLayout, "marinade state: its balances add up to more than 64 bits")
	}
	const backing = "total_active_balance @376 + delayed_unstake_cooling_down @226 + emergency_cooling_down @568 + available_reserve_balance @496 - circulating_ticket_balance @528"
	rows.Lamports(sdk.BackingNative, stateKey, backing, virtual)
	rows.Lamports(sdk.LSTSupply, stateKey, "msol_supply @504", s.MSOLSupply)
	const rate = "(" + backing + ") / msol_supply @504"
	if s.MSOLSupply == 0 {
		rows.Unknown(sdk.ExchangeRateMetric, stateKey, rate, "no mSOL is in circulation, so it has no rate")
	} else {
		rows.Ratio(sdk.ExchangeRateMetric, stateKey, rate, new(big.Int).SetUint64(virtual), new(big.Int).SetUint64(s.MSOLSupply), 0)
	}
	rows.Lamports(sdk.StakingNative, stateKey, "total_active_balance @376", s.TotalActiveBalance)
	rows.Lamports(sdk.BufferNative, stateKey, "available_reserve_balance @496", s.AvailableReserveBalance)
	rows.Lamports(sdk.CoolingDownNative, stateKey, "delayed_unstake_cooling_down @226 + emergency_cooling_down @568", cooling)
	rows.Lamports(sdk.TicketsNative, stateKey, "circulating_ticket_balance @528", s.CirculatingTicketBalance)
	rows.Count(sdk.QueueRequests, stateKey, "circulating_ticket_count @520", s.CirculatingTicketCount)
	rows.Count(sdk.Validators, stateKey, "validator_list.count @300", uint64(s.ValidatorList.Count))
	return nil
}

// cents adds a fee of the program's fee cents, hundredths of a basis point.
func cents(rows *solana.Rows, metric sdk.MetricID, field string, v uint32) {
	rows.Ratio(metric, stateKey, field, big.NewInt(int64(v)), nil, 2)
}

func fees(s state.State, rows *solana.Rows) {
	rows.Count(sdk.FeeRewardBPS, stateKey, "reward_fee @146", uint64(s.RewardFee))
	cents(rows, sdk.FeeWithdrawBPS, "delayed_unstake_fee @609", s.DelayedUnstakeFee)
	rows.Count(sdk.FeeInstantMinBPS, stateKey, "lp_min_fee @464", uint64(s.LPMinFee))
	rows.Count(sdk.FeeInstantMaxBPS, stateKey, "lp_max_fee @460", uint64(s.LPMaxFee))
	const sol, stake = "deposit_sol_fee @639", "deposit_stake_account_fee @643"
	if deposit, depositStake, reason := s.DepositFees(); reason != "" {
		rows.Unknown(sdk.FeeDepositBPS, stateKey, sol, reason)
		rows.Unknown(sdk.FeeDepositStakeBPS, stateKey, stake, reason)
	} else {
		cents(rows, sdk.FeeDepositBPS, sol, deposit)
		cents(rows, sdk.FeeDepositStakeBPS, stake, depositStake)
	}
}

func limits(s state.State, rows *solana.Rows) {
	rows.Flag(sdk.ProtocolPaused, stateKey, "paused @608", s.Paused)
	rows.Lamports(sdk.DepositMinNative, stateKey, "min_deposit @544", s.MinDeposit)
	rows.Lamports(sdk.WithdrawMinNative, stateKey, "min_withdraw @552", s.MinWithdraw)
	rows.Lamports(sdk.InstantTargetNative, stateKey, "lp_liquidity_target @452", s.LPLiquidityTarget)
	const field = "staking_sol_cap @560 - lamports under control"
	left, limited := s.DepositCapacity()
	rows.Flag(sdk.DepositUnlimited, stateKey, "staking_sol_cap @560", !limited)
	if limited {
		rows.Lamports(sdk.DepositCapacityNative, stateKey, field, left)
	} else {
		rows.Unknown(sdk.DepositCapacityNative, stateKey, field, "the program sets no limit (staking_sol_cap is 2^64-1)")
	}
}

// supply reads the mint. The state's own count can lie above it, after somebody
// burnt tokens, but not below.
func supply(snap *solana.Snapshot, s state.State, rows *solana.Rows) {
	const field = "supply @36"
	mint, err := snap.Mint(mintKey, solana.LamportDecimals)
	if err != nil {
		rows.Lacks(mintKey, field, err, sdk.LSTSupplyMint)
		return
	}
	o := rows.Lamports(sdk.LSTSupplyMint, mintKey, field, mint.Supply)
	if mint.Supply > s.MSOLSupply {
		o.Quality = sdk.QualitySuspect
		o.Reason = fmt.Sprintf("the mint counts %d units, more than the state's msol_supply %d", mint.Supply, s.MSOLSupply)
	}
}

// exits are the two ways out that the state prices: the liquidity pool at once,
// and a ticket after the epoch.
func exits(snap *solana.Snapshot, s state.State, rows *solana.Rows) {
	const capacity = "lamports - rent_exempt_for_token_acc"
	const instant = "liquid_unstake(lamports, lp fee curve)"
	var now time.Duration
	if leg, err := snap.Owned(solLegKey, solana.SystemProgram); err != nil {
		rows.Lacks(solLegKey, capacity, err, sdk.InstantCapacityNative, sdk.FeeInstantBPS)
		rows.ExitQuotes(solLegKey, "instant", instant, &now, func(uint64) (uint64, string) { return 0, err.Error() })
	} else {
		available := leg.Lamports - min(leg.Lamports, s.RentExemptForTokenAcc)
		rows.Lamports(sdk.InstantCapacityNative, solLegKey, capacity, available)
		rows.Count(sdk.FeeInstantBPS, solLegKey, "lp fee curve at the present liquidity", uint64(s.LinearFee(available)))
		rows.ExitQuotes(solLegKey, "instant", instant, &now, func(lamports uint64) (uint64, string) {
			return s.InstantOut(lamports, available)
		})
	}
	rows.ExitQuotes(stateKey, "delayed", "order_unstake(delayed_unstake_fee @609)", ticketWait(snap, s), s.DelayedOut)
}

// ticketWait is how long a ticket ordered now takes: until the running epoch ends,
// or the one after it once this epoch's stake delta has run, and half an hour. nil
// means that the end of the epoch is not knowable.
func ticketWait(snap *solana.Snapshot, s state.State) *time.Duration {
	left, whole, ok := snap.EpochLeft()
	if !ok {
		return nil
	}
	wait := left + ticketDelay
	if s.LastStakeDeltaEpoch == snap.Clock.Epoch {
		wait += whole
	}
	return &wait
}

// doubts compares the state with what it should agree with.
func doubts(snap *solana.Snapshot, s state.State, rows *solana.Rows) {
	if !s.PriceAgrees() {
		rows.Doubt(sdk.QualitySuspect, fmt.Sprintf("the rate contradicts the program's msol_price %d/2^32 @512", s.MSOLPrice),
			sdk.ExchangeRateMetric, sdk.BackingNative, sdk.ExitQuote)
	}
	const field = "reserve lamports"
	reserve, err := snap.Owned(reserveKey, solana.SystemProgram)
	if err != nil {
		rows.Lacks(reserveKey, field, err) // only the comparison is lost
		return
	}
	held := reserve.Lamports - min(reserve.Lamports, s.RentExemptForTokenAcc)
	if held == s.AvailableReserveBalance {
		return
	}
	reason := fmt.Sprintf("the reserve account holds %d lamports above rent, the state counts %d", held, s.AvailableReserveBalance)
	rows.Doubt(sdk.QualitySuspect, reason, sdk.BufferNative)
	// More than counted is a transfer that the next crank takes in. Less means that
	// a part of the backing is not there.
	if held < s.AvailableReserveBalance {
		rows.Doubt(sdk.QualitySuspect, reason, sdk.BackingNative, sdk.ExchangeRateMetric, sdk.ExitQuote)
	}
}
