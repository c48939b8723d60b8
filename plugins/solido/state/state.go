// Package state is the layout of the state account of Lido on Solana (Solido) as
// program version 2.1.0 wrote it. It is apart from the plugin so that recordings
// and tests can build the account from numbers. Other versions are refused.
package state

import (
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// Size is the length of the state account. The fields end at byte 418.
const Size = 7953

// The account type and the version this package reads.
const (
	accountType = 1
	version     = 1
)

// State is the state account. Amounts are lamports, or stSOL units of 10^-9.
type State struct {
	Manager      solana.PublicKey
	StSOLMint    solana.PublicKey
	ExchangeRate ExchangeRate

	ReserveBump        uint8
	StakeAuthorityBump uint8
	MintAuthorityBump  uint8

	// The reward is divided in proportion to these three shares.
	TreasuryFee       uint32
	DeveloperFee      uint32
	StSOLAppreciation uint32

	TreasuryAccount  solana.PublicKey
	DeveloperAccount solana.PublicKey
	Metrics          Metrics

	ValidatorList           solana.PublicKey
	MaintainerList          solana.PublicKey
	MaxCommissionPercentage uint8
}

// ExchangeRate is the rate as of the epoch it was computed in.
type ExchangeRate struct {
	ComputedInEpoch uint64
	StSOLSupply     uint64
	SOLBalance      uint64
}

// Metrics are the program's counters since its start.
type Metrics struct {
	FeeTreasurySOL     uint64
	FeeValidationSOL   uint64
	FeeDeveloperSOL    uint64
	AppreciationSOL    uint64
	FeeTreasuryStSOL   uint64
	FeeValidationStSOL uint64
	FeeDeveloperStSOL  uint64
	DepositCounts      [12]uint64 // cumulative: deposits of at most 10^5, 10^6, ... lamports
	DepositsTotal      uint64
	WithdrawalsStSOL   uint64
	WithdrawalsSOL     uint64
	WithdrawalsCount   uint64
}

// Decode reads the state account. Errors are of kind layout; version 0, which was
// in use until 2022, is one.
func Decode(data []byte) (State, error) {
	if len(data) != Size {
		return State{}, sdk.Errorf(sdk.KindLayout, "solido state has %d bytes, want %d", len(data), Size)
	}
	var s State
	c := solana.Decoding("solido state", data)
	s.layout(c)
	if err := c.Err(); err != nil {
		return State{}, err
	}
	return s, nil
}

// Encode writes the account with Size bytes, zeros behind the fields.
func (s State) Encode() []byte {
	c := solana.Encoding("solido state", Size)
	s.layout(c)
	return c.Bytes()
}

func (s *State) layout(c *solana.Codec) {
	c.Const("account_type", accountType)
	c.Const("lido_version", version)
	c.Key("manager", &s.Manager)
	c.Key("st_sol_mint", &s.StSOLMint)
	c.U64("exchange_rate.computed_in_epoch", &s.ExchangeRate.ComputedInEpoch)
	c.U64("exchange_rate.st_sol_supply", &s.ExchangeRate.StSOLSupply)
	c.U64("exchange_rate.sol_balance", &s.ExchangeRate.SOLBalance)
	c.U8("sol_reserve_account_bump_seed", &s.ReserveBump)
	c.U8("stake_authority_bump_seed", &s.StakeAuthorityBump)
	c.U8("mint_authority_bump_seed", &s.MintAuthorityBump)
	c.U32("treasury_fee", &s.TreasuryFee)
	c.U32("developer_fee", &s.DeveloperFee)
	c.U32("st_sol_appreciation", &s.StSOLAppreciation)
	c.Key("treasury_account", &s.TreasuryAccount)
	c.Key("developer_account", &s.DeveloperAccount)
	s.Metrics.layout(c)
	c.Key("validator_list", &s.ValidatorList)
	c.Key("maintainer_list", &s.MaintainerList)
	c.U8("max_commission_percentage", &s.MaxCommissionPercentage)
}

func (m *Metrics) layout(c *solana.Codec) {
	c.U64("metrics.fee_treasury_sol_total", &m.FeeTreasurySOL)
	c.U64("metrics.fee_validation_sol_total", &m.FeeValidationSOL)
	c.U64("metrics.fee_developer_sol_total", &m.FeeDeveloperSOL)
	c.U64("metrics.st_sol_appreciation_sol_total", &m.AppreciationSOL)
	c.U64("metrics.fee_treasury_st_sol_total", &m.FeeTreasuryStSOL)
	c.U64("metrics.fee_validation_st_sol_total", &m.FeeValidationStSOL)
	c.U64("metrics.fee_developer_st_sol_total", &m.FeeDeveloperStSOL)
	for i := range m.DepositCounts {
		c.U64("metrics.deposit_amount.counts", &m.DepositCounts[i])
	}
	c.U64("metrics.deposit_amount.total", &m.DepositsTotal)
	c.U64("metrics.withdraw_amount.total_st_sol_amount", &m.WithdrawalsStSOL)
	c.U64("metrics.withdraw_amount.total_sol_amount", &m.WithdrawalsSOL)
	c.U64("metrics.withdraw_amount.count", &m.WithdrawalsCount)
}
