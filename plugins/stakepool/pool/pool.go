// Package pool is the layout of the accounts of the SPL stake pool program, which
// three deployments share, and the program's arithmetic in its own integers. It is
// apart from the plugin so that recordings and tests can build the accounts from
// numbers. The layout of program versions before 611-byte pools is refused.
package pool

import (
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// Size is the length of a stake pool account: room for every option. The fields
// mostly end earlier, and what follows is garbage of earlier, longer states.
const Size = 611

// Account types, the first byte of every account of the program.
const (
	typePool          = 1
	typeValidatorList = 2
)

// Fee is a share, numerator over denominator. It is 0 if either is 0.
type Fee struct {
	Denominator uint64
	Numerator   uint64
}

// FutureFee is a fee that is announced.
type FutureFee struct {
	Epochs uint8 // 0: none; 1: applies after the next epoch boundary; 2: after two
	Fee    Fee
}

// Pool is a stake pool account. Amounts are lamports, or pool tokens of 10^-9.
type Pool struct {
	Manager                solana.PublicKey
	Staker                 solana.PublicKey
	StakeDepositAuthority  solana.PublicKey
	StakeWithdrawBump      uint8
	ValidatorList          solana.PublicKey
	ReserveStake           solana.PublicKey
	PoolMint               solana.PublicKey
	ManagerFeeAccount      solana.PublicKey
	TokenProgram           solana.PublicKey
	TotalLamports          uint64
	PoolTokenSupply        uint64
	LastUpdateEpoch        uint64
	LockupTime             int64 // unix seconds
	LockupEpoch            uint64
	LockupCustodian        solana.PublicKey
	EpochFee               Fee
	NextEpochFee           FutureFee
	PreferredDeposit       *solana.PublicKey
	PreferredWithdraw      *solana.PublicKey
	StakeDepositFee        Fee
	StakeWithdrawalFee     Fee
	NextStakeWithdrawalFee FutureFee
	StakeReferralFee       uint8 // per cent of the deposit fee
	SOLDepositAuthority    *solana.PublicKey
	SOLDepositFee          Fee
	SOLReferralFee         uint8 // per cent of the deposit fee
	SOLWithdrawAuthority   *solana.PublicKey
	SOLWithdrawalFee       Fee
	NextSOLWithdrawalFee   FutureFee
	LastEpochPoolTokens    uint64
	LastEpochTotalLamports uint64
}

// Decode reads a stake pool account. Errors are of kind layout.
func Decode(data []byte) (Pool, error) {
	if len(data) != Size {
		return Pool{}, sdk.Errorf(sdk.KindLayout, "stake pool has %d bytes, want %d; accounts of other lengths are of another program version", len(data), Size)
	}
	var p Pool
	c := solana.Decoding("stake pool", data)
	p.layout(c)
	if err := c.Err(); err != nil {
		return Pool{}, err
	}
	return p, nil
}

// Encode writes the account with Size bytes, zeros behind the fields.
func (p Pool) Encode() []byte {
	c := solana.Encoding("stake pool", Size)
	p.layout(c)
	return c.Bytes()
}

// End is the offset behind the last field: 435, and more with each option set.
func (p Pool) End() int {
	c := solana.Encoding("stake pool", Size)
	p.layout(c)
	return c.Offset()
}

func (p *Pool) layout(c *solana.Codec) {
	c.Const("account_type", typePool)
	c.Key("manager", &p.Manager)
	c.Key("staker", &p.Staker)
	c.Key("stake_deposit_authority", &p.StakeDepositAuthority)
	c.U8("stake_withdraw_bump_seed", &p.StakeWithdrawBump)
	c.Key("validator_list", &p.ValidatorList)
	c.Key("reserve_stake", &p.ReserveStake)
	c.Key("pool_mint", &p.PoolMint)
	c.Key("manager_fee_account", &p.ManagerFeeAccount)
	c.Key("token_program_id", &p.TokenProgram)
	c.U64("total_lamports", &p.TotalLamports)
	c.U64("pool_token_supply", &p.PoolTokenSupply)
	c.U64("last_update_epoch", &p.LastUpdateEpoch)
	c.I64("lockup.unix_timestamp", &p.LockupTime)
	c.U64("lockup.epoch", &p.LockupEpoch)
	c.Key("lockup.custodian", &p.LockupCustodian)
	p.EpochFee.layout(c, "epoch_fee")
	// From here on the offsets depend on the options before.
	p.NextEpochFee.layout(c, "next_epoch_fee")
	c.OptionKey("preferred_deposit_validator", &p.PreferredDeposit)
	c.OptionKey("preferred_withdraw_validator", &p.PreferredWithdraw)
	p.StakeDepositFee.layout(c, "stake_deposit_fee")
	p.StakeWithdrawalFee.layout(c, "stake_withdrawal_fee")
	p.NextStakeWithdrawalFee.layout(c, "next_stake_withdrawal_fee")
	c.U8("stake_referral_fee", &p.StakeReferralFee)
	c.OptionKey("sol_deposit_authority", &p.SOLDepositAuthority)
	p.SOLDepositFee.layout(c, "sol_deposit_fee")
	c.U8("sol_referral_fee", &p.SOLReferralFee)
	c.OptionKey("sol_withdraw_authority", &p.SOLWithdrawAuthority)
	p.SOLWithdrawalFee.layout(c, "sol_withdrawal_fee")
	p.NextSOLWithdrawalFee.layout(c, "next_sol_withdrawal_fee")
	c.U64("last_epoch_pool_token_supply", &p.LastEpochPoolTokens)
	c.U64("last_epoch_total_lamports", &p.LastEpochTotalLamports)
}

func (f *Fee) layout(c *solana.Codec, field string) {
	c.U64(field+".denominator", &f.Denominator)
	c.U64(field+".numerator", &f.Numerator)
	if f.Denominator != 0 && f.Numerator > f.Denominator {
		c.Fail(field, "is %d/%d, more than the whole", f.Numerator, f.Denominator)
	}
}

func (f *FutureFee) layout(c *solana.Codec, field string) {
	c.U8(field, &f.Epochs)
	switch f.Epochs {
	case 0:
	case 1, 2:
		f.Fee.layout(c, field)
	default:
		c.Fail(field, "has tag %d, want 0, 1 or 2", f.Epochs)
	}
}
