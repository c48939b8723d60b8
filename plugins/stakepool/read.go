package main

import (
	"fmt"
	"math/big"
	"time"

	"github.com/lst-pipeline/lst-pipeline/plugins/stakepool/pool"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// read turns the pool, its mint and its reserve into rows. An error means that
// the pool account could not be used and there are none.
func (t target) read(snap *solana.Snapshot, rows *solana.Rows) error {
	p, err := t.decode(snap)
	if err != nil {
		return err
	}
	t.holdings(p, rows)
	t.closed(snap, p, rows)
	t.fees(p, rows)
	t.supply(snap, p, rows)
	t.exits(snap, p, rows)
	permissioned := p.SOLDepositAuthority != nil || p.StakeDepositAuthority != t.depositAuthority
	rows.Flag(sdk.DepositPermissioned, t.pool, "sol_deposit_authority, stake_deposit_authority @65", permissioned)
	t.age(snap, p, rows)
	return nil
}

func (t target) holdings(p pool.Pool, rows *solana.Rows) {
	rows.Lamports(sdk.BackingNative, t.pool, "total_lamports @258", p.TotalLamports)
	rows.Lamports(sdk.LSTSupply, t.pool, "pool_token_supply @266", p.PoolTokenSupply)
	const rate = "total_lamports @258 / pool_token_supply @266"
	if p.PoolTokenSupply == 0 {
		rows.Unknown(sdk.ExchangeRateMetric, t.pool, rate, "no pool token is in circulation, so it has no rate")
	} else {
		rows.Ratio(sdk.ExchangeRateMetric, t.pool, rate, integer(p.TotalLamports), integer(p.PoolTokenSupply), 0)
	}
	rows.Epoch(p.LastUpdateEpoch, sdk.BackingNative, sdk.LSTSupply, sdk.ExchangeRateMetric)
}

// closed is the rate at the end of the epoch before the pool's last update.
func (t target) closed(snap *solana.Snapshot, p pool.Pool, rows *solana.Rows) {
	const field = "last_epoch_total_lamports / last_epoch_pool_token_supply"
	lamports, tokens, epoch, reason := p.ClosedRate()
	if reason != "" {
		rows.Unknown(sdk.ExchangeRateClosed, t.pool, field, reason)
		return
	}
	o := rows.Ratio(sdk.ExchangeRateClosed, t.pool, field, integer(lamports), integer(tokens), 0)
	o.RefEpoch = epoch
	if p.LastUpdateEpoch == snap.Clock.Epoch {
		// That epoch ended when the running one began; of older ones nobody here knows.
		o.RefTime = snap.Position().EpochStart
	}
}

func (t target) fees(p pool.Pool, rows *solana.Rows) {
	for _, f := range []struct {
		metric sdk.MetricID
		field  string
		fee    pool.Fee
	}{
		{sdk.FeeRewardBPS, "epoch_fee @330", p.EpochFee},
		{sdk.FeeDepositBPS, "sol_deposit_fee", p.SOLDepositFee},
		{sdk.FeeDepositStakeBPS, "stake_deposit_fee", p.StakeDepositFee},
		{sdk.FeeWithdrawBPS, "stake_withdrawal_fee", p.StakeWithdrawalFee},
		{sdk.FeeInstantBPS, "sol_withdrawal_fee", p.SOLWithdrawalFee},
	} {
		t.fee(rows, f.metric, f.field, f.fee)
	}
	for _, f := range []struct {
		metric sdk.MetricID
		field  string
		future pool.FutureFee
	}{
		{sdk.FeeNextRewardBPS, "next_epoch_fee @346", p.NextEpochFee},
		{sdk.FeeNextWithdrawBPS, "next_stake_withdrawal_fee", p.NextStakeWithdrawalFee},
	} {
		if f.future.Epochs == 0 {
			rows.Unknown(f.metric, t.pool, f.field, "no change is announced")
			continue
		}
		// The pool counts down at its first update of an epoch.
		t.fee(rows, f.metric, f.field, f.future.Fee).RefEpoch = p.LastUpdateEpoch + uint64(f.future.Epochs)
	}
}

func (t target) fee(rows *solana.Rows, metric sdk.MetricID, field string, fee pool.Fee) *sdk.Observation {
	if fee.IsZero() {
		return rows.Count(metric, t.pool, field, 0)
	}
	return rows.BPS(metric, t.pool, field, fee.Numerator, fee.Denominator)
}

// supply reads the mint. The pool's own count can lie above it, after somebody
// burnt tokens, but not below.
func (t target) supply(snap *solana.Snapshot, p pool.Pool, rows *solana.Rows) {
	const field = "supply @36"
	mint, err := snap.Mint(t.mint, solana.LamportDecimals)
	if err == nil && (mint.Authority == nil || *mint.Authority != t.withdrawAuthority) {
		err = sdk.Errorf(sdk.KindIdentity, "mint %s can be issued by %v, not by the pool's authority %s", t.mint, mint.Authority, t.withdrawAuthority)
	}
	if err != nil {
		rows.Lacks(t.mint, field, err, sdk.LSTSupplyMint)
		return
	}
	o := rows.Lamports(sdk.LSTSupplyMint, t.mint, field, mint.Supply)
	if mint.Supply > p.PoolTokenSupply {
		o.Quality = sdk.QualitySuspect
		o.Reason = fmt.Sprintf("the mint counts %d units, more than the pool's pool_token_supply %d", mint.Supply, p.PoolTokenSupply)
	}
}

// exits are the program's two ways out: SOL from the reserve at once, and an
// active stake account that takes until the end of the epoch to become SOL.
func (t target) exits(snap *solana.Snapshot, p pool.Pool, rows *solana.Rows) {
	const capacity = "lamports - rent_exempt_reserve @4"
	const instant = "WithdrawSol(sol_withdrawal_fee)"
	var now time.Duration
	closed := p.SOLWithdrawAuthority != nil
	rows.Flag(sdk.InstantClosed, t.pool, "sol_withdraw_authority", closed)
	available, err := t.available(snap)
	switch {
	case closed:
		rows.Lamports(sdk.InstantCapacityNative, t.pool, "sol_withdraw_authority", 0)
	case err != nil:
		rows.Lacks(p.ReserveStake, capacity, err, sdk.InstantCapacityNative)
	default:
		rows.Lamports(sdk.InstantCapacityNative, p.ReserveStake, capacity, available)
	}
	rows.ExitQuotes(p.ReserveStake, "instant", instant, &now, func(lamports uint64) (uint64, string) {
		if err != nil && !closed {
			return 0, err.Error()
		}
		return p.InstantOut(lamports, available)
	})
	var wait *time.Duration
	if left, _, ok := snap.EpochLeft(); ok {
		wait = &left
	}
	rows.ExitQuotes(t.pool, "stake", "WithdrawStake(stake_withdrawal_fee)", wait, p.StakeOut)
}

// available is what the reserve holds above its rent.
func (t target) available(snap *solana.Snapshot) (uint64, error) {
	account, err := snap.Owned(t.reserve, solana.StakeProgram)
	if err != nil {
		return 0, err
	}
	reserve, err := solana.DecodeStakeAccount(account.Data)
	if err != nil {
		return 0, err
	}
	return account.Lamports - min(account.Lamports, reserve.RentExemptReserve), nil
}

// age lowers the quality of what the last update wrote when that is too long ago.
func (t target) age(snap *solana.Snapshot, p pool.Pool, rows *solana.Rows) {
	asOfUpdate := []sdk.MetricID{sdk.ExchangeRateMetric, sdk.BackingNative, sdk.LSTSupply, sdk.ExitQuote}
	switch p.Freshness(snap.Clock) {
	case pool.Stale:
		rows.Doubt(sdk.QualityStale, fmt.Sprintf("the pool was last updated in epoch %d, the chain is in epoch %d", p.LastUpdateEpoch, snap.Clock.Epoch), asOfUpdate...)
	case pool.Future:
		rows.Doubt(sdk.QualitySuspect, fmt.Sprintf("the pool claims an update in epoch %d, the chain is in epoch %d", p.LastUpdateEpoch, snap.Clock.Epoch), asOfUpdate...)
	}
}

const countField = "count @5"

func (t target) count(snap *solana.Snapshot, rows *solana.Rows) {
	account, err := snap.Owned(t.validatorList, t.program)
	var head pool.ListHead
	if err == nil {
		head, err = pool.DecodeListHead(account.Data)
	}
	if err != nil {
		rows.Lacks(t.validatorList, countField, err, sdk.Validators)
		return
	}
	rows.Count(sdk.Validators, t.validatorList, countField, uint64(head.Count))
}

// idleValidator is the active stake up to which a validator counts as unused: one
// SOL above the rent of its stake account, which pools leave with every validator.
const idleValidator = 1_000_000_000 + 2_282_880

// stakes reads a whole validator list.
func (t target) stakes(snap *solana.Snapshot, rows *solana.Rows) {
	account, err := snap.Owned(t.validatorList, t.program)
	var list pool.List
	if err == nil {
		list, err = pool.DecodeList(account.Data)
	}
	if err != nil {
		rows.Lacks(t.validatorList, "records", err, sdk.Validators, sdk.ValidatorsActive, sdk.StakingNative)
		return
	}
	rows.Count(sdk.Validators, t.validatorList, countField, uint64(len(list.Validators)))
	rows.Count(sdk.ValidatorsActive, t.validatorList, "records with active_stake_lamports above one SOL", uint64(list.Above(idleValidator)))
	const field = "sum of active_stake_lamports and transient_stake_lamports"
	p, err := t.decode(snap)
	if err != nil {
		return // reported with the pool itself
	}
	stake, ok := list.Stake(p.LastUpdateEpoch)
	if !ok {
		rows.Unknown(sdk.StakingNative, t.validatorList, field, fmt.Sprintf("not every validator's record is of epoch %d, the pool's last update", p.LastUpdateEpoch))
		return
	}
	rows.Lamports(sdk.StakingNative, t.validatorList, field, stake).RefEpoch = p.LastUpdateEpoch
	if p.LastUpdateEpoch == snap.Clock.Epoch {
		t.operators(snap, list, rows)
	}
}

// operators gives the stake of each validator in use at the start of the epoch, so
// that reading an epoch again adds only what changed. When an epoch before this one
// started nobody here knows.
func (t target) operators(snap *solana.Snapshot, list pool.List, rows *solana.Rows) {
	at := snap.Position()
	at.Time = at.EpochStart
	if schedule, ok := snap.Schedule(); ok {
		at.Height = schedule.GetFirstSlotInEpoch(at.Epoch)
	}
	for _, v := range list.Validators {
		if v.ActiveStake+v.TransientStake <= idleValidator { // the sum of all fits, so this does
			continue
		}
		vote := v.Vote.String()
		o := rows.Lamports(sdk.OperatorStake, t.validatorList, "active_stake_lamports + transient_stake_lamports of "+vote, v.ActiveStake+v.TransientStake)
		o.At, o.RefEpoch, o.Labels = &at, at.Epoch, map[string]string{sdk.LabelOperator: vote}
	}
}

func integer(v uint64) *big.Int { return new(big.Int).SetUint64(v) }
