package state

import (
	"fmt"
	"math/bits"

	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// maxDepositFee is the program's cap on deposit fees, in fee cents (0.2 %).
const maxDepositFee = 2000

// The denominators of the program's two kinds of fee.
const (
	wholeBPS   = 10_000
	wholeCents = 1_000_000
)

// CoolingDown is the stake that is being deactivated, in lamports. ok is false
// when the sum overflows, which only a state of an unknown layout does; so for
// all sums below.
func (s State) CoolingDown() (sum uint64, ok bool) {
	return add(s.DelayedUnstakeCooling, s.EmergencyCooling)
}

// UnderControl is all lamports the program runs: active stake, stake that cools
// down, and the reserve.
func (s State) UnderControl() (sum uint64, ok bool) {
	return add(s.TotalActiveBalance, s.DelayedUnstakeCooling, s.EmergencyCooling, s.AvailableReserveBalance)
}

// VirtualStaked is the lamports owed to mSOL holders: everything under control
// less what open tickets claim, never below 0.
func (s State) VirtualStaked() (lamports uint64, ok bool) {
	all, ok := s.UnderControl()
	return all - min(all, s.CirculatingTicketBalance), ok
}

// DepositCapacity is how many lamports the staking cap leaves. limited is false
// when there is no cap.
func (s State) DepositCapacity() (lamports uint64, limited bool) {
	if s.StakingSOLCap == Unlimited {
		return 0, false
	}
	all, ok := s.UnderControl()
	if !ok {
		return 0, true
	}
	return s.StakingSOLCap - min(s.StakingSOLCap, all), true
}

// DepositFees returns the fees on depositing SOL and stake accounts, in fee cents,
// or the reason why they are not known: they exist since version 2.1, their place
// is certain only when its upgrade is done, and behind that the account may hold
// stale bytes of an earlier state.
func (s State) DepositFees() (sol, stake uint32, reason string) {
	switch {
	case s.Upgrader.Tag != Done:
		return 0, 0, fmt.Sprintf("the account does not say that the upgrade to version 2.1, which brought deposit fees, is done (upgrader tag %d)", s.Upgrader.Tag)
	case s.DepositSOLFee > maxDepositFee || s.DepositStakeFee > maxDepositFee:
		return 0, 0, fmt.Sprintf("the bytes of the deposit fees are stale: %d and %d exceed the program's cap of %d", s.DepositSOLFee, s.DepositStakeFee, maxDepositFee)
	}
	return s.DepositSOLFee, s.DepositStakeFee, ""
}

// MSOLToSOL is the program's value of mSOL in lamports, rounded down.
func (s State) MSOLToSOL(msol uint64) (lamports uint64, ok bool) {
	virtual, ok := s.VirtualStaked()
	if !ok {
		return 0, false
	}
	return solana.MulDiv(msol, virtual, s.MSOLSupply)
}

// SOLToMSOL is how much mSOL is worth the lamports, rounded down.
func (s State) SOLToMSOL(lamports uint64) (msol uint64, ok bool) {
	virtual, ok := s.VirtualStaked()
	if !ok {
		return 0, false
	}
	return solana.MulDiv(lamports, s.MSOLSupply, virtual)
}

// LinearFee is the fee of the instant route in basis points when left lamports
// remain in the liquidity pool: from lp_max_fee at none down to lp_min_fee at the
// target.
func (s State) LinearFee(left uint64) uint32 {
	if left >= s.LPLiquidityTarget {
		return s.LPMinFee
	}
	// left is below the target, so the product fits.
	cut, _ := solana.MulDiv(uint64(s.LPMaxFee-min(s.LPMaxFee, s.LPMinFee)), left, s.LPLiquidityTarget)
	return s.LPMaxFee - uint32(cut)
}

// InstantOut is what the instant route pays for mSOL worth the given lamports when
// the liquidity pool holds available lamports above its rent, or the reason why it
// can not. The fee is charged on the liquidity that remains after the trade.
func (s State) InstantOut(lamports, available uint64) (out uint64, reason string) {
	msol, value, reason := s.sell(lamports)
	if reason != "" {
		return 0, reason
	}
	bps := s.LPMaxFee
	if value < available {
		bps = s.LinearFee(available - value)
	}
	fee, ok := solana.MulDiv(msol, uint64(bps), wholeBPS)
	if !ok || fee > msol {
		return 0, fmt.Sprintf("a fee of %d basis points is more than the whole", bps)
	}
	if out, ok = s.MSOLToSOL(msol - fee); !ok {
		return 0, "the amount is beyond 64 bits"
	}
	switch {
	case out > available:
		return 0, fmt.Sprintf("the liquidity pool holds %d lamports, the trade needs %d", available, out)
	case out < s.MinWithdraw:
		return 0, fmt.Sprintf("%d lamports are below the program's minimum of %d", out, s.MinWithdraw)
	}
	return out, ""
}

// DelayedOut is what a ticket for mSOL worth the given lamports pays when it is
// due, or the reason why there is none.
func (s State) DelayedOut(lamports uint64) (out uint64, reason string) {
	_, value, reason := s.sell(lamports)
	if reason != "" {
		return 0, reason
	}
	fee, ok := solana.MulDiv(value, uint64(s.DelayedUnstakeFee), wholeCents)
	if !ok || fee > value {
		return 0, fmt.Sprintf("a fee of %d fee cents is more than the whole", s.DelayedUnstakeFee)
	}
	if out = value - fee; out < s.MinWithdraw {
		return 0, fmt.Sprintf("%d lamports are below the program's minimum of %d", out, s.MinWithdraw)
	}
	return out, ""
}

// sell turns a size in lamports into mSOL and the value the program gives it.
func (s State) sell(lamports uint64) (msol, value uint64, reason string) {
	if s.Paused {
		return 0, 0, "the program is paused"
	}
	if s.MSOLSupply == 0 {
		return 0, 0, "no mSOL is in circulation"
	}
	msol, ok := s.SOLToMSOL(lamports)
	if !ok {
		return 0, 0, "mSOL has no value in this state"
	}
	if msol > s.MSOLSupply {
		return 0, 0, fmt.Sprintf("the size is more than all mSOL in circulation, %d units", s.MSOLSupply)
	}
	if value, ok = s.MSOLToSOL(msol); !ok {
		return 0, 0, "the amount is beyond 64 bits"
	}
	return msol, value, ""
}

// PriceAgrees compares the rate with msol_price, which the program wrote at its
// last crank. Between cranks the rate can only rise: rounding and the fee on
// delayed unstakes stay in the pool. So a rate below the price by more than
// rounding, or above it by more than a hundredth, contradicts the state.
func (s State) PriceAgrees() bool {
	virtual, ok := s.VirtualStaked()
	if !ok || s.MSOLSupply == 0 {
		return ok
	}
	const one = 1 << 32
	rate, ok := solana.MulDiv(virtual, one, s.MSOLSupply)
	if !ok {
		return false
	}
	const rounding = 2 // both numbers are rounded down to 2^-32
	return rate+rounding >= s.MSOLPrice && rate <= s.MSOLPrice+s.MSOLPrice/100+rounding
}

func add(values ...uint64) (sum uint64, ok bool) {
	for _, v := range values {
		var carry uint64
		if sum, carry = bits.Add64(sum, v, 0); carry != 0 {
			return 0, false
		}
	}
	return sum, true
}
