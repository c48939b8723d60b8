package pool

import (
	"fmt"

	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// IsZero reports whether the fee takes nothing.
func (f Fee) IsZero() bool { return f.Denominator == 0 || f.Numerator == 0 }

// Apply is the fee on an amount, rounded up as the program does.
func (f Fee) Apply(amount uint64) (fee uint64, ok bool) {
	if f.IsZero() {
		return 0, true
	}
	return solana.MulDivUp(amount, f.Numerator, f.Denominator)
}

// Tokens is how many pool tokens are worth the lamports, rounded down.
func (p Pool) Tokens(lamports uint64) (tokens uint64, ok bool) {
	return solana.MulDiv(lamports, p.PoolTokenSupply, p.TotalLamports)
}

// Lamports is what the program gives for pool tokens, rounded down.
func (p Pool) Lamports(tokens uint64) (lamports uint64, ok bool) {
	return solana.MulDiv(tokens, p.TotalLamports, p.PoolTokenSupply)
}

// InstantOut is what WithdrawSol pays for pool tokens worth the given lamports
// when the reserve holds available lamports above its rent, or the reason why it
// pays nothing.
func (p Pool) InstantOut(lamports, available uint64) (out uint64, reason string) {
	if p.SOLWithdrawAuthority != nil {
		return 0, fmt.Sprintf("withdrawals of SOL need the signature of %s", p.SOLWithdrawAuthority)
	}
	out, reason = p.sell(lamports, p.SOLWithdrawalFee)
	if reason == "" && out > available {
		return 0, fmt.Sprintf("the reserve holds %d lamports, the withdrawal needs %d", available, out)
	}
	return out, reason
}

// StakeOut is the stake WithdrawStake hands over for pool tokens worth the given
// lamports, or the reason why it hands over none. A large size takes several
// withdrawals, from several validators.
func (p Pool) StakeOut(lamports uint64) (out uint64, reason string) {
	return p.sell(lamports, p.StakeWithdrawalFee)
}

func (p Pool) sell(lamports uint64, fee Fee) (out uint64, reason string) {
	if p.PoolTokenSupply == 0 {
		return 0, "the pool has no tokens in circulation"
	}
	tokens, ok := p.Tokens(lamports)
	if !ok {
		return 0, "the pool's tokens have no value in this state"
	}
	if tokens > p.PoolTokenSupply {
		return 0, fmt.Sprintf("the size is more than all pool tokens in circulation, %d units", p.PoolTokenSupply)
	}
	taken, ok := fee.Apply(tokens)
	if !ok || taken > tokens {
		return 0, fmt.Sprintf("a fee of %d/%d is more than the whole", fee.Numerator, fee.Denominator)
	}
	if out, ok = p.Lamports(tokens - taken); !ok || out == 0 {
		return 0, "the withdrawal comes to nothing"
	}
	return out, ""
}

// ClosedRate is the rate at the close of epoch LastUpdateEpoch-1, as lamports over
// tokens: the first update of an epoch keeps the totals it found. The reason says
// why there is none.
func (p Pool) ClosedRate() (lamports, tokens, epoch uint64, reason string) {
	switch {
	case p.LastUpdateEpoch == 0:
		return 0, 0, 0, "the pool was never updated"
	case p.LastEpochPoolTokens == 0 || p.LastEpochTotalLamports == 0:
		return 0, 0, 0, "the pool has no totals of an earlier epoch yet"
	case p.LastEpochPoolTokens == p.PoolTokenSupply && p.LastEpochTotalLamports == p.TotalLamports:
		return 0, 0, 0, "the pool's totals of the last epoch equal the present ones, as in a new pool"
	}
	return p.LastEpochTotalLamports, p.LastEpochPoolTokens, p.LastUpdateEpoch - 1, ""
}

// Freshness compares a pool with the clock.
type Freshness int

// How old a pool's totals can be.
const (
	Fresh    Freshness = iota // updated in the running epoch
	Boundary                  // of the epoch before, within the hour updates take
	Stale                     // older: deposits and withdrawals fail until somebody updates
	Future                    // of an epoch that has not begun: a contradiction
)

// boundarySeconds is how long after the start of an epoch a pool may be late.
const boundarySeconds = 3600

// Freshness says how old the pool's totals are at the clock.
func (p Pool) Freshness(clock solana.Clock) Freshness {
	switch {
	case p.LastUpdateEpoch == clock.Epoch:
		return Fresh
	case p.LastUpdateEpoch > clock.Epoch:
		return Future
	case p.LastUpdateEpoch+1 == clock.Epoch && clock.Time-clock.EpochStart < boundarySeconds:
		return Boundary
	}
	return Stale
}
