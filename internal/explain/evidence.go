// Package explain finds where a stored number came from: the fact, its versions,
// the observations it was made of, how it was computed, and whether computing it
// again gives the same.
//
// It only reads. It does not judge a number, and it does not ask a chain: comparing
// with a new reading is Compare's, the reading is the caller's.
package explain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Question names a number: the newest fact of a metric of a token at or before a
// time, as it was known at another. A zero KnownAt is now.
type Question struct {
	Metric  sdk.MetricID `json:"metric"`
	Token   sdk.TokenID  `json:"token"`
	At      time.Time    `json:"at"`
	KnownAt time.Time    `json:"known_at,omitzero"`
}

// Fact is one version of a fact. Numbers are text with all their digits.
type Fact struct {
	Metric      sdk.MetricID `json:"metric"`
	Token       sdk.TokenID  `json:"token"`
	Quote       string       `json:"quote,omitempty"` // of a price
	Venue       string       `json:"venue,omitempty"` // of a price
	Unit        string       `json:"unit"`
	TS          time.Time    `json:"ts"`
	RefTS       time.Time    `json:"ref_ts,omitzero"`
	Value       string       `json:"value,omitempty"` // empty: unknown, see Reason
	Exact       bool         `json:"exact"`           // Value is the exact quotient, rounded to 18 decimals
	Uncertainty float64      `json:"uncertainty"`
	Height      uint64       `json:"height,omitempty"`
	Epoch       uint64       `json:"epoch,omitempty"`
	Quality     string       `json:"quality"`
	Reason      string       `json:"reason,omitempty"`
	Basis       string       `json:"basis"`
	Finality    string       `json:"finality,omitempty"`
	KnownAt     time.Time    `json:"known_at"`
	RunID       string       `json:"run_id"`
	Transform   string       `json:"transform"`
	ObsIDs      []int64      `json:"obs_ids"`
}

// Observation is one raw row and where it was read.
type Observation struct {
	ID            int64        `json:"obs_id"`
	Token         sdk.TokenID  `json:"token"`
	Metric        sdk.MetricID `json:"metric"`
	Labels        string       `json:"labels,omitempty"` // JSON object
	Value         string       `json:"value_text,omitempty"`
	Divisor       string       `json:"divisor_text,omitempty"`
	Decimals      uint8        `json:"decimals"`
	Quality       string       `json:"quality"`
	Reason        string       `json:"reason,omitempty"`
	Basis         string       `json:"basis"`
	Method        string       `json:"method"`
	Target        string       `json:"target"`
	Field         string       `json:"field"`
	Digest        string       `json:"payload_sha256,omitempty"`
	Chain         sdk.ChainID  `json:"chain"`
	Height        uint64       `json:"height,omitempty"`
	Hash          string       `json:"block_hash,omitempty"`
	BlockTS       time.Time    `json:"block_ts"`
	RefTS         time.Time    `json:"ref_ts,omitzero"`
	Finality      string       `json:"finality,omitempty"`
	Endpoint      string       `json:"endpoint,omitempty"`
	Plugin        string       `json:"plugin"`
	PluginVersion string       `json:"plugin_version"`
	PluginSHA256  string       `json:"plugin_sha256"`
	Job           string       `json:"job"`
	Tick          time.Time    `json:"tick"`
	FetchedAt     time.Time    `json:"fetched_at"`
	RunID         string       `json:"run_id"`
	Command       string       `json:"command,omitempty"` // of the run
	// Verdict is what reading it again gave; nil when that was not asked for.
	Verdict *Verdict `json:"verdict,omitempty"`
}

// Evidence is everything that is stored about one number.
type Evidence struct {
	Question     Question      `json:"question"`
	Fact         Fact          `json:"fact"`
	Versions     []Fact        `json:"versions"` // of the fact's key, oldest first
	Observations []Observation `json:"observations"`
	// Inputs are the facts a derived fact was computed from.
	Inputs []Fact `json:"inputs,omitempty"`
	// Derivation says how the value was computed, in words and numbers.
	Derivation []string `json:"derivation"`
	// Agrees reports that computing the value again gave the stored one; nil when
	// it could not be computed from what is stored.
	Agrees *bool    `json:"recomputed_agrees,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// ErrNoFact says that the warehouse has nothing to explain.
var ErrNoFact = errors.New("no such fact")

// Find reads the evidence of the number a question names.
func Find(ctx context.Context, src query.Source, q Question) (*Evidence, error) {
	e := &Evidence{Question: q}
	home, err := homeOf(ctx, src, q)
	if err != nil {
		return nil, err
	}
	if home != "" {
		e.Notes = append(e.Notes, fmt.Sprintf("%s has no %s of its own: it is a wrapper and shares that of %s", q.Token, q.Metric, home))
		q.Token = home
	}
	facts, err := newest(ctx, src, q, 1)
	if err != nil {
		return nil, err
	}
	if len(facts) == 0 {
		return nil, missing(ctx, src, q)
	}
	e.Fact = facts[0]
	if e.Versions, err = versions(ctx, src, e.Fact); err != nil {
		return nil, err
	}
	if e.Observations, err = observations(ctx, src, e.Fact.ObsIDs); err != nil {
		return nil, err
	}
	if e.Inputs, err = inputs(ctx, src, e.Fact); err != nil {
		return nil, err
	}
	if last := e.Versions[len(e.Versions)-1]; last.KnownAt.After(e.Fact.KnownAt) {
		e.Notes = append(e.Notes, fmt.Sprintf("a newer version is known since %s", last.KnownAt.Format(time.RFC3339)))
	}
	e.derive()
	return e, nil
}
