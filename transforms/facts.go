package transforms

import (
	"math/big"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Bases the transforms add to those of sdk.
const (
	// BasisDerived marks facts computed from other facts of the same batch.
	BasisDerived sdk.Basis = "derived"
	// BasisManual marks facts a person entered.
	BasisManual sdk.Basis = "manual"
)

// QualityRetracted marks a version that takes an earlier one back.
const QualityRetracted sdk.Quality = "retracted"

// MetricFact is one number in the metric's own unit. Its key is
// (Metric, Token, TS, Basis).
type MetricFact struct {
	Metric sdk.MetricID
	Token  sdk.TokenID
	// TS is when it was so on chain (valid time). RefTS is the moment the source
	// says it describes, zero if it names none; RefEpoch likewise.
	TS       time.Time
	RefTS    time.Time
	RefEpoch uint64
	// PeriodStart is the start of the interval a flow belongs to; zero for levels.
	PeriodStart time.Time
	// Value is exact. nil means unknown, and then Reason says why.
	Value *big.Rat
	// Uncertainty is the half-width around Value; never nil.
	Uncertainty *big.Rat
	Height      uint64 // 0: none named
	Epoch       uint64 // 0: none named
	Quality     sdk.Quality
	Reason      string
	Basis       sdk.Basis
	Finality    sdk.Finality
	// Obs are the indexes of the observations it was made of, ascending.
	Obs       []int
	Transform string // name@version
}

// PriceFact is one market price: Quote per Base at Venue.
type PriceFact struct {
	Base   sdk.TokenID // a token or an asset
	Quote  string
	Venue  string
	TS     time.Time
	RefTS  time.Time // when the venue last updated it; zero if unknown
	Price  *big.Rat  // nil: unknown, see Reason
	Size   *big.Rat  // size in Base the price is good for; nil: not size bound
	Height uint64

	Quality   sdk.Quality
	Reason    string
	Basis     sdk.Basis
	Obs       []int
	Transform string
}

// ExitQuote is what selling tokens worth Size at redemption value gives.
type ExitQuote struct {
	Token  sdk.TokenID
	TS     time.Time
	Route  string
	Size   *big.Rat       // native, never nil
	Out    *big.Rat       // native; nil: the route cannot take the size, see Reason
	Wait   *time.Duration // nil: unknown
	Height uint64

	Quality   sdk.Quality
	Reason    string
	Basis     sdk.Basis
	Obs       []int
	Transform string
}

// OperatorStake is the stake one operator of a protocol runs.
type OperatorStake struct {
	Protocol   sdk.ProtocolID
	Operator   string
	TS         time.Time
	Stake      *big.Rat // native; nil: unknown
	Validators *int64   // nil: unknown
	Obs        []int
	Transform  string
}

// Event is something that happened to a protocol at one moment.
type Event struct {
	Protocol sdk.ProtocolID
	Chain    sdk.ChainID
	TS       time.Time
	Height   uint64
	Type     string   // pause | unpause | upgrade | fee_change | slashing | bunker_on | bunker_off | sunset | incident
	Severity string   // info | warning | critical
	Amount   *big.Rat // native; nil: none
	Details  string   // JSON object, or empty
	TxRef    string
	Source   string
}

// Epoch is an observed start of an epoch of a chain.
type Epoch struct {
	Chain sdk.ChainID
	Epoch uint64
	Start time.Time
	Basis sdk.Basis
}

// Reject is an observation that was refused, with the check that refused it and
// a reason in words and numbers.
type Reject struct {
	Obs    int // index of the observation; -1: none
	Token  sdk.TokenID
	Metric sdk.MetricID
	TS     time.Time
	Check  string
	Reason string
}
