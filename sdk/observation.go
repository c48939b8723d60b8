package sdk

import (
	"math/big"
	"time"
)

// Names used across the contract. They are lower-case and stable for ever:
// facts are keyed by them.
type (
	// ChainID names a chain, for example "ethereum" or "solana".
	ChainID string
	// TokenID names a liquid staking token, for example "reth", or an asset, for
	// example "ETH", where a price is observed.
	TokenID string
	// ProtocolID names a protocol, for example "rocketpool".
	ProtocolID string
	// MetricID names an entry of the catalogue (see Catalogue).
	MetricID string
)

// Observation is one value read from a source, exact and with its evidence.
type Observation struct {
	Token  TokenID
	Metric MetricID
	// Anchor is the index into Request.Anchors.
	Anchor int
	// At is set when the value belongs to another point than the anchor.
	At *Position

	// Value is the integer as the source gave it; nil means unknown and then
	// Reason is required. The quantity is Value / Divisor / 10^Decimals in the
	// metric's unit.
	Value *big.Int
	// Divisor makes the quantity an exact ratio, for example ether over shares.
	// nil means 1. It must be positive.
	Divisor *big.Int
	// Decimals is the decimal exponent of Value, for example 18 for wei as ETH.
	Decimals uint8

	// RefTime is the moment the source says the value describes (oracle report,
	// epoch end); zero when the source names none.
	RefTime time.Time
	// RefEpoch is the epoch or report number the value belongs to; zero if none.
	RefEpoch uint64

	// Labels qualify metrics that need it: see LabelQuote and its neighbours.
	Labels map[string]string

	// Quality is QualityOK unless the plugin knows better.
	Quality Quality
	// Reason explains an unknown value or a quality other than ok.
	Reason string
	// Basis is how the number came to be known; empty means on-chain.
	Basis Basis

	// Source is the evidence: what was read. It is mandatory.
	Source Source
}

// Source is the evidence of an observation.
type Source struct {
	// Method is the call: "getTotalPooledEther()", "getMultipleAccounts",
	// or the file of a published series.
	Method string
	// Target is the contract, account or address that answered.
	Target string
	// Field is the part of the answer: "word 0", "total_lamports @258".
	Field string
	// Digest is the SHA-256 (hex) of the JSON-RPC result bytes the value was
	// decoded from, or of the body of an answer of a beacon node or an API. The host checks it
	// against what its gateway saw. Empty means the plugin's client cannot tell.
	Digest string
}

// Labels known to the host.
const (
	// LabelQuote is the asset a price is in: "USD", "ETH", "SOL".
	LabelQuote = "quote"
	// LabelVenue is where a price was seen: "chainlink", "curve", "balancer".
	LabelVenue = "venue"
	// LabelRoute is the way out an exit quote takes: "instant", "queue",
	// "stake", "delayed", "dex".
	LabelRoute = "route"
	// LabelSize is the size of an exit quote in whole native units: "100".
	LabelSize = "size_native"
	// LabelWait is the expected wait of an exit quote in seconds; absent means
	// unknown, "0" means at once.
	LabelWait = "wait_s"
	// LabelPeriod is how long before its reference time the value began to accrue, in
	// whole seconds, where a value is what one report did.
	LabelPeriod = "period_s"
	// LabelOperator is the operator an operator's stake belongs to: the name of the legal
	// entity where the source names it, else the key it runs under, in base58 or in
	// hexadecimal with 0x. What the warehouse counts by it says which.
	LabelOperator = "operator"
)

// Quality is how far an observation can be trusted.
type Quality string

// The qualities an observation can have.
const (
	QualityOK        Quality = "ok"        // read as it stands on the chain
	QualityEstimated Quality = "estimated" // a part, such as its time, was derived
	QualityStale     Quality = "stale"     // read well, but the source itself is old
	QualitySuspect   Quality = "suspect"   // contradicts something; not for headlines
)

// Basis is how a number came to be known.
type Basis string

// The bases an observation can have.
const (
	OnChain   Basis = "onchain"   // read from chain state
	Published Basis = "published" // somebody else's recorded series
	API       Basis = "api"       // a third party's live answer
)

// Failure says that something could not be read.
type Failure struct {
	Anchor int     // index into Request.Anchors
	Token  TokenID // empty: every token of the plugin at this anchor
	Kind   Kind
	// Message says what happened to what and, where it can, what to do next.
	Message string
}
