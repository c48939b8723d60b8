// Command chainlink is the plugin for prices from Chainlink's feeds on Ethereum.
//
// It reads the newest round of each feed at the anchor and says how old it is. It
// does not judge whether a price is right, and it does not walk past rounds.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

//go:embed protocol.yaml
var protocol []byte

// Fetcher reads Chainlink's feeds.
type Fetcher struct{ description sdk.Description }

// New returns the plugin.
func New() *Fetcher { return &Fetcher{card.MustParse(protocol)} }

// Describe returns the identity card.
func (f *Fetcher) Describe() sdk.Description { return f.description }

// Fetch reads all feeds of every anchor in one round.
func (f *Fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	list, err := selected(req)
	if err != nil || len(list) == 0 {
		return err
	}
	client, err := evm.Dial(ctx, req.Endpoint)
	if err != nil {
		return err
	}
	defer client.Close()

	snaps := client.Read(ctx, req.Anchors, func(sdk.Anchor) []evm.Call {
		var calls []evm.Call
		for _, f := range list {
			calls = append(calls, latestRoundData.At(f.proxy), decimals.At(f.proxy))
		}
		return calls
	})
	for i, s := range snaps {
		if err := emit(s, list, sink); err != nil {
			return err
		}
		if err := sink.Progress(i+1, len(snaps)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func emit(s *evm.Snapshot, list []feed, sink sdk.Sink) error {
	if s.Err != nil {
		return sink.Fail(s.Failure())
	}
	for _, f := range list {
		rows := s.Rows(f.token)
		rows.Add(sdk.Price, f.price(s), sdk.LabelQuote, f.quote, sdk.LabelVenue, "chainlink")
		if err := rows.Emit(sink); err != nil {
			return err
		}
	}
	return nil
}

// price is the answer of the newest round, dated by when it was written.
func (f feed) price(s *evm.Snapshot) evm.Number {
	round := s.Get(latestRoundData.At(f.proxy))
	n := round.Number(1, 0)
	if n.Err != nil {
		return n
	}
	scale, err := s.Get(decimals.At(f.proxy)).Uint64(0)
	if err != nil {
		n.Err = err
		return n
	}
	n.Decimals = uint8(scale) // declared uint8, so it fits
	updated, err := round.Uint64(3)
	switch {
	case err != nil:
		n.Err = err
		return n
	case updated == 0:
		return evm.Unknown(n.Source, "the feed has no round yet")
	case n.Value.Sign() <= 0:
		return evm.Unknown(n.Source, "the feed answered %s, which is no price", n.Value)
	}
	when := time.Unix(int64(updated), 0).UTC()
	age := s.Anchor.Time.Sub(when)
	if age < 0 {
		return n.Marked(sdk.QualitySuspect, fmt.Sprintf("the feed says it was updated %s, after the block", when.Format(time.RFC3339)))
	}
	n = n.At(when)
	if age > f.maxAge {
		n = n.Marked(sdk.QualityStale, fmt.Sprintf("last updated %s before the block, at most %s is usual", age, f.maxAge))
	}
	if !f.deprecated.IsZero() && s.Anchor.Time.After(f.deprecated) {
		n = n.Marked(sdk.QualityStale, "the feed is deprecated since "+f.deprecated.Format(time.DateOnly))
	}
	return n
}
