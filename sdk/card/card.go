// Package card reads a plugin's identity card, protocol.yaml, into the
// sdk.Description the host works with.
//
// The file has six keys at the top. Durations are Go durations ("24h", "90m"),
// dates are YYYY-MM-DD, basis points are decimal text. Everything not marked
// optional is required.
//
//	name: lido                  # the plugin's folder and binary: [a-z][a-z0-9_-]*
//	version: 0.1.0              # semantic version of the plugin
//	summary: One sentence.
//	protocols:                  # optional; a plugin of prices has none
//	  - id: lido                # [a-z][a-z0-9_-]*, stable for ever
//	    name: Lido
//	    status: live            # live | deposits_closed | sunset | dead
//	    launched: 2020-12-18    # optional, as all keys below
//	    deposits_closed: ""
//	    sunset: ""
//	    governance: Lido DAO
//	    node_set: mixed         # permissionless | permissioned | mixed
//	    tvl_basis: What the protocol's TVL counts, in a sentence.
//	    website: https://lido.fi
//	    fees:                   # what the protocol SAYS it charges
//	      - type: reward        # reward | deposit | withdraw | instant
//	        bps: "1000"
//	        recipient: operators and treasury
//	        from: 2020-12-18    # optional
//	        to: ""              # optional; empty while valid
//	        source: https://docs.lido.fi
//	tokens:                     # optional
//	  - id: steth
//	    protocol: lido          # an id of protocols above
//	    chain: ethereum         # one of chains below
//	    symbol: stETH
//	    address: "0xae7a…"      # optional
//	    decimals: 18
//	    underlying: ETH
//	    accrual: rebase         # rebase | exchange_rate | basket | wrapper | bridged | benchmark
//	    rate_of: ""             # required for a wrapper: the token whose rate it shares
//	    expected_update: 24h    # optional: how often the rate normally changes
//	    stale_after: 50h        # optional: age of the last change that means frozen
//	    rate_never_falls: false # optional: the contract cannot lower the rate
//	chains:
//	  - chain: ethereum
//	    reads_past: true        # optional: any past anchor can be read again
//	    from: 11473216          # optional: first height that can be read
//	    offline: false          # optional: needs no endpoint
//	    max_anchors: 50         # optional: anchors one Fetch should carry, 0 means 1
//	    paths: [/v1/apr]        # of an HTTP API: all that is asked of it, by GET
//	metrics: [backing_native]   # ids of sdk.Catalogue that the plugin may emit
//
// Parsing is strict: an unknown key, a wrong type, a repeated id and a name the
// catalogue does not hold are errors that show line, column and an excerpt. The
// package does not check that a protocol's claims are true.
package card

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Parse reads one identity card. All mistakes of meaning are reported together,
// each with its place; a mistake of form (unknown key, wrong type) ends at the
// first. Errors are of kind sdk.KindConfig.
func Parse(source []byte) (sdk.Description, error) {
	var c file
	dec := yaml.NewDecoder(bytes.NewReader(source), yaml.Strict())
	if err := dec.Decode(&c); err != nil {
		if errors.Is(err, io.EOF) {
			return sdk.Description{}, sdk.Errorf(sdk.KindConfig, "identity card is empty")
		}
		return sdk.Description{}, sdk.Errorf(sdk.KindConfig, "identity card: %s", yaml.FormatError(err, false, true))
	}
	if err := dec.Decode(new(file)); !errors.Is(err, io.EOF) {
		return sdk.Description{}, sdk.Errorf(sdk.KindConfig, "identity card holds more than one YAML document")
	}
	if err := c.check(source); err != nil {
		return sdk.Description{}, sdk.Errorf(sdk.KindConfig, "identity card: %w", err)
	}
	return c.description(), nil
}

// MustParse is Parse for a card embedded in the plugin's binary, where a mistake
// is a defect of the build. It panics on any error.
func MustParse(source []byte) sdk.Description {
	d, err := Parse(source)
	if err != nil {
		panic(fmt.Sprintf("protocol.yaml: %v", err))
	}
	return d
}

// file mirrors protocol.yaml; sdk.Description carries no tags of any format.
type file struct {
	Name      string     `yaml:"name"`
	Version   string     `yaml:"version"`
	Summary   string     `yaml:"summary"`
	Protocols []protocol `yaml:"protocols"`
	Tokens    []token    `yaml:"tokens"`
	Chains    []chain    `yaml:"chains"`
	Metrics   []string   `yaml:"metrics"`
}

type protocol struct {
	ID             string `yaml:"id"`
	Name           string `yaml:"name"`
	Status         string `yaml:"status"`
	Launched       string `yaml:"launched"`
	DepositsClosed string `yaml:"deposits_closed"`
	Sunset         string `yaml:"sunset"`
	Governance     string `yaml:"governance"`
	NodeSet        string `yaml:"node_set"`
	TVLBasis       string `yaml:"tvl_basis"`
	Website        string `yaml:"website"`
	Fees           []fee  `yaml:"fees"`
}

type fee struct {
	Type      string `yaml:"type"`
	BPS       string `yaml:"bps"`
	Recipient string `yaml:"recipient"`
	From      string `yaml:"from"`
	To        string `yaml:"to"`
	Source    string `yaml:"source"`
}

type token struct {
	ID             string        `yaml:"id"`
	Protocol       string        `yaml:"protocol"`
	Chain          string        `yaml:"chain"`
	Symbol         string        `yaml:"symbol"`
	Address        string        `yaml:"address"`
	Decimals       uint8         `yaml:"decimals"`
	Underlying     string        `yaml:"underlying"`
	Accrual        string        `yaml:"accrual"`
	RateOf         string        `yaml:"rate_of"`
	ExpectedUpdate time.Duration `yaml:"expected_update"`
	StaleAfter     time.Duration `yaml:"stale_after"`
	RateNeverFalls bool          `yaml:"rate_never_falls"`
}

type chain struct {
	Chain      string   `yaml:"chain"`
	ReadsPast  bool     `yaml:"reads_past"`
	From       uint64   `yaml:"from"`
	Offline    bool     `yaml:"offline"`
	MaxAnchors int      `yaml:"max_anchors"`
	Paths      []string `yaml:"paths"`
}

func (n chain) need() sdk.ChainNeed {
	return sdk.ChainNeed{
		Chain: sdk.ChainID(n.Chain), ReadsPast: n.ReadsPast, From: n.From,
		Offline: n.Offline, MaxAnchors: n.MaxAnchors, Paths: n.Paths,
	}
}

func (c file) description() sdk.Description {
	d := sdk.Description{Name: c.Name, Version: c.Version, Summary: c.Summary}
	for _, p := range c.Protocols {
		out := sdk.Protocol{
			ID: sdk.ProtocolID(p.ID), Name: p.Name, Status: p.Status, Launched: p.Launched,
			DepositsClosed: p.DepositsClosed, Sunset: p.Sunset, Governance: p.Governance,
			NodeSet: p.NodeSet, TVLBasis: p.TVLBasis, Website: p.Website,
		}
		for _, f := range p.Fees {
			out.Fees = append(out.Fees, sdk.AdvertisedFee(f))
		}
		d.Protocols = append(d.Protocols, out)
	}
	for _, t := range c.Tokens {
		d.Tokens = append(d.Tokens, sdk.Token{
			ID: sdk.TokenID(t.ID), Protocol: sdk.ProtocolID(t.Protocol), Chain: sdk.ChainID(t.Chain),
			Symbol: t.Symbol, Address: t.Address, Decimals: t.Decimals,
			Underlying: sdk.TokenID(t.Underlying), Accrual: sdk.Accrual(t.Accrual),
			RateOf: sdk.TokenID(t.RateOf), ExpectedUpdate: t.ExpectedUpdate, StaleAfter: t.StaleAfter,
			RateNeverFalls: t.RateNeverFalls,
		})
	}
	for _, n := range c.Chains {
		d.Chains = append(d.Chains, n.need())
	}
	for _, m := range c.Metrics {
		d.Metrics = append(d.Metrics, sdk.MetricID(m))
	}
	return d
}
