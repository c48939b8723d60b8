// Package state is the layout of Marinade's state account (version 2.0 with the
// tail of version 2.1) and the arithmetic of its program, in the program's own
// integers. It is apart from the plugin so that recordings and tests can build
// the account from numbers. It reads no chain and knows nothing of the lists of
// validators and stakes.
package state

import (
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// Size is the length of the state account on mainnet. The fields end earlier, and
// what follows is padding.
const Size = 2616

// fixedSize is the length of version 2.0: everything at fixed offsets.
const fixedSize = 638

// discriminator is sha256("account:State")[:8]. Other Anchor programs use it too,
// so the owner must be checked as well.
var discriminator = []byte{0xd8, 0x92, 0x6b, 0x5e, 0x68, 0x4b, 0xb6, 0xb1}

// Unlimited is the cap that means none, and the epoch that means never.
const Unlimited = 1<<64 - 1

// State is the state account. Amounts are lamports, or mSOL units of 10^-9; fees
// are basis points, and fee cents hundredths of one (1,000,000 = 100 %).
type State struct {
	MSOLMint                 solana.PublicKey
	AdminAuthority           solana.PublicKey
	OperationalSOLAccount    solana.PublicKey
	TreasuryMSOLAccount      solana.PublicKey
	ReserveBump              uint8
	MSOLMintAuthorityBump    uint8
	RentExemptForTokenAcc    uint64
	RewardFee                uint32 // basis points
	StakeList                List
	DelayedUnstakeCooling    uint64
	StakeDepositBump         uint8
	StakeWithdrawBump        uint8
	SlotsForStakeDelta       uint64
	LastStakeDeltaEpoch      uint64
	MinStake                 uint64
	ExtraStakeDeltaRuns      uint32
	ValidatorList            List
	ManagerAuthority         solana.PublicKey
	TotalValidatorScore      uint32
	TotalActiveBalance       uint64
	AutoAddValidator         uint8
	LPMint                   solana.PublicKey
	LPMintAuthorityBump      uint8
	SOLLegBump               uint8
	MSOLLegAuthorityBump     uint8
	MSOLLeg                  solana.PublicKey
	LPLiquidityTarget        uint64
	LPMaxFee                 uint32 // basis points
	LPMinFee                 uint32 // basis points
	TreasuryCut              uint32 // basis points of the LP fee
	LPSupply                 uint64
	LentFromSOLLeg           uint64
	LiquiditySOLCap          uint64
	AvailableReserveBalance  uint64
	MSOLSupply               uint64
	MSOLPrice                uint64 // SOL per mSOL × 2^32 at the last crank
	CirculatingTicketCount   uint64
	CirculatingTicketBalance uint64
	LentFromReserve          uint64
	MinDeposit               uint64
	MinWithdraw              uint64
	StakingSOLCap            uint64
	EmergencyCooling         uint64
	PauseAuthority           solana.PublicKey
	Paused                   bool
	DelayedUnstakeFee        uint32 // fee cents
	WithdrawStakeFee         uint32 // fee cents
	WithdrawStakeEnabled     bool
	LastStakeMoveEpoch       uint64
	StakeMoved               uint64
	MaxStakeMovedPerEpoch    uint32 // basis points

	// Upgrader is the tail of version 2.1; see DepositFees.
	Upgrader        Upgrader
	DepositSOLFee   uint32 // fee cents
	DepositStakeFee uint32 // fee cents
}

// List is the head of one of Marinade's lists, kept in an account of its own.
type List struct {
	Account  solana.PublicKey
	ItemSize uint32
	Count    uint32
}

// The tags of Upgrader.
const (
	IteratingStakes     = 0
	IteratingValidators = 1
	Done                = 2
)

// Upgrader is the progress of the upgrade to version 2.1. Its length depends on
// its tag. On an account that was never upgraded it reads as IteratingStakes with
// zeros.
type Upgrader struct {
	Tag     uint8
	Visited uint32 // tags 0 and 1
	First   uint64 // tag 0: active balance; tag 1: delinquent balance left
	Second  uint64 // tag 0: delinquent balance
}

// Decode reads the state account. Bytes behind the fields are ignored, because the
// program leaves stale ones there. Errors are of kind layout.
func Decode(data []byte) (State, error) {
	if len(data) < fixedSize {
		return State{}, sdk.Errorf(sdk.KindLayout, "marinade state has %d bytes, want at least %d", len(data), fixedSize)
	}
	var s State
	c := solana.Decoding("marinade state", data)
	s.layout(c)
	if err := c.Err(); err != nil {
		return State{}, err
	}
	s.tail(solana.Decoding("marinade state", data[fixedSize:]))
	return s, nil
}

// Encode writes the account with Size bytes, zeros behind the fields.
func (s State) Encode() []byte {
	c := solana.Encoding("marinade state", Size)
	s.layout(c)
	s.tail(c)
	return c.Bytes()
}

func (s *State) layout(c *solana.Codec) {
	c.Const("discriminator", discriminator...)
	c.Key("msol_mint", &s.MSOLMint)
	c.Key("admin_authority", &s.AdminAuthority)
	c.Key("operational_sol_account", &s.OperationalSOLAccount)
	c.Key("treasury_msol_account", &s.TreasuryMSOLAccount)
	c.U8("reserve_bump_seed", &s.ReserveBump)
	c.U8("msol_mint_authority_bump_seed", &s.MSOLMintAuthorityBump)
	c.U64("rent_exempt_for_token_acc", &s.RentExemptForTokenAcc)
	c.U32("reward_fee", &s.RewardFee)
	s.StakeList.layout(c, "stake_list")
	c.U64("delayed_unstake_cooling_down", &s.DelayedUnstakeCooling)
	c.U8("stake_deposit_bump_seed", &s.StakeDepositBump)
	c.U8("stake_withdraw_bump_seed", &s.StakeWithdrawBump)
	c.U64("slots_for_stake_delta", &s.SlotsForStakeDelta)
	c.U64("last_stake_delta_epoch", &s.LastStakeDeltaEpoch)
	c.U64("min_stake", &s.MinStake)
	c.U32("extra_stake_delta_runs", &s.ExtraStakeDeltaRuns)
	s.ValidatorList.layout(c, "validator_list")
	c.Key("manager_authority", &s.ManagerAuthority)
	c.U32("total_validator_score", &s.TotalValidatorScore)
	c.U64("total_active_balance", &s.TotalActiveBalance)
	c.U8("auto_add_validator_enabled", &s.AutoAddValidator)
	c.Key("lp_mint", &s.LPMint)
	c.U8("lp_mint_authority_bump_seed", &s.LPMintAuthorityBump)
	c.U8("sol_leg_bump_seed", &s.SOLLegBump)
	c.U8("msol_leg_authority_bump_seed", &s.MSOLLegAuthorityBump)
	c.Key("msol_leg", &s.MSOLLeg)
	c.U64("lp_liquidity_target", &s.LPLiquidityTarget)
	c.U32("lp_max_fee", &s.LPMaxFee)
	c.U32("lp_min_fee", &s.LPMinFee)
	c.U32("treasury_cut", &s.TreasuryCut)
	c.U64("lp_supply", &s.LPSupply)
	c.U64("lent_from_sol_leg", &s.LentFromSOLLeg)
	c.U64("liquidity_sol_cap", &s.LiquiditySOLCap)
	c.U64("available_reserve_balance", &s.AvailableReserveBalance)
	c.U64("msol_supply", &s.MSOLSupply)
	c.U64("msol_price", &s.MSOLPrice)
	c.U64("circulating_ticket_count", &s.CirculatingTicketCount)
	c.U64("circulating_ticket_balance", &s.CirculatingTicketBalance)
	c.U64("lent_from_reserve", &s.LentFromReserve)
	c.U64("min_deposit", &s.MinDeposit)
	c.U64("min_withdraw", &s.MinWithdraw)
	c.U64("staking_sol_cap", &s.StakingSOLCap)
	c.U64("emergency_cooling_down", &s.EmergencyCooling)
	c.Key("pause_authority", &s.PauseAuthority)
	c.Bool("paused", &s.Paused)
	c.U32("delayed_unstake_fee", &s.DelayedUnstakeFee)
	c.U32("withdraw_stake_account_fee", &s.WithdrawStakeFee)
	c.Bool("withdraw_stake_account_enabled", &s.WithdrawStakeEnabled)
	c.U64("last_stake_move_epoch", &s.LastStakeMoveEpoch)
	c.U64("stake_moved", &s.StakeMoved)
	c.U32("max_stake_moved_per_epoch", &s.MaxStakeMovedPerEpoch)
}

func (l *List) layout(c *solana.Codec, name string) {
	c.Key(name+".account", &l.Account)
	c.U32(name+".item_size", &l.ItemSize)
	c.U32(name+".count", &l.Count)
	c.Skip(name+".reserved", 36)
}

// tail reads or writes what version 2.1 appended. Nothing depends on it but the
// deposit fees, so an unreadable tail leaves them unknown and is no error.
func (s *State) tail(c *solana.Codec) {
	c.U8("delinquent_upgrader", &s.Upgrader.Tag)
	switch s.Upgrader.Tag {
	case IteratingStakes:
		c.U32("delinquent_upgrader.visited_count", &s.Upgrader.Visited)
		c.U64("delinquent_upgrader.total_active_balance", &s.Upgrader.First)
		c.U64("delinquent_upgrader.total_delinquent_balance", &s.Upgrader.Second)
	case IteratingValidators:
		c.U32("delinquent_upgrader.visited_count", &s.Upgrader.Visited)
		c.U64("delinquent_upgrader.delinquent_balance_left", &s.Upgrader.First)
	}
	c.U32("deposit_sol_fee", &s.DepositSOLFee)
	c.U32("deposit_stake_account_fee", &s.DepositStakeFee)
}
