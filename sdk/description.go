package sdk

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Description is what a plugin says about itself. Most of it comes from the
// plugin's protocol.yaml (see sdk/card).
type Description struct {
	Name      string // the folder and binary name, for example "rocketpool"
	Version   string // semantic version of the plugin
	Summary   string // one sentence for `pipeline plugin list`
	Protocols []Protocol
	Tokens    []Token
	Metrics   []MetricID
	Chains    []ChainNeed
}

// ChainNeed says how the plugin uses a chain.
type ChainNeed struct {
	Chain ChainID
	// ReadsPast reports that any past anchor can be read again, from block From.
	ReadsPast bool
	From      uint64
	// Offline reports that the plugin needs no endpoint on this chain, because it
	// carries its numbers (published history).
	Offline bool
	// MaxAnchors is how many anchors one Fetch should carry; 0 means 1.
	MaxAnchors int
	// Paths say that this is no chain but an HTTP API (kind api), and are all that the
	// plugin may GET of it: "/v1/protocol/steth/apr/sma". An API answers only for now.
	Paths []string
}

// IsAPI reports that the plugin reads an HTTP API here, and no chain.
func (n ChainNeed) IsAPI() bool { return len(n.Paths) > 0 }

var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+$`)

// Check reports what makes no sense in it.
func (n ChainNeed) Check() error {
	for _, p := range n.Paths {
		if !plainPath.MatchString(p) {
			return fmt.Errorf("path %q is not like /v1/rate: segments of letters, digits, -, _ and ., and no query", p)
		}
	}
	if n.IsAPI() && (n.ReadsPast || n.Offline) {
		return errors.New("an API, which has paths, is neither offline nor can its past be read")
	}
	return nil
}

// Protocol is the slowly changing facts of a protocol.
type Protocol struct {
	ID             ProtocolID
	Name           string
	Status         string // live | deposits_closed | sunset | dead
	Launched       string // date, YYYY-MM-DD, or empty
	DepositsClosed string
	Sunset         string
	Governance     string
	NodeSet        string // permissionless | permissioned | mixed
	TVLBasis       string // what the protocol's TVL counts, in a sentence
	Website        string
	Fees           []AdvertisedFee
}

// AdvertisedFee is what a protocol says it charges, for comparison with what it
// really takes.
type AdvertisedFee struct {
	Type      string // reward | deposit | withdraw | instant
	BPS       string // decimal text, basis points
	Recipient string
	From      string // date the fee is valid from, YYYY-MM-DD
	To        string // empty while valid
	Source    string // where it says so
}

// Token is the slowly changing facts of a token.
type Token struct {
	ID       TokenID
	Protocol ProtocolID
	Chain    ChainID
	Symbol   string
	Address  string
	Decimals uint8
	// Underlying is the native asset, "ETH", "SOL", "POL", or the id of another token
	// that this one is made of; its stake is then already counted there.
	Underlying TokenID
	Accrual    Accrual
	// RateOf names the token whose redemption rate a wrapper shares.
	RateOf TokenID
	// ExpectedUpdate is how often the redemption rate normally changes.
	ExpectedUpdate time.Duration
	// StaleAfter is the age of the last change from which the token is frozen.
	StaleAfter time.Duration
	// RateNeverFalls reports that the contract cannot lower the redemption rate, not
	// even for a slashing: a fall is then an error of the reading.
	RateNeverFalls bool
}

// Accrual is how a token passes rewards to its holders.
type Accrual string

// The accruals the host knows.
const (
	Rebase       Accrual = "rebase"        // balances grow; supply is kept in shares
	ExchangeRate Accrual = "exchange_rate" // the redemption rate grows
	Basket       Accrual = "basket"        // a pool of other staking tokens with its own growing rate; their stake is already counted
	Wrapper      Accrual = "wrapper"       // a wrapped form of another token; never counted twice
	Bridged      Accrual = "bridged"       // supply already counted on its home chain
	Benchmark    Accrual = "benchmark"     // a chain's own staking rate as an index
)
