package main

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
)

//go:embed protocol.yaml
var protocolYAML []byte

// fetcher serves the embedded points. It is immutable after newFetcher.
type fetcher struct {
	description sdk.Description
	points      map[sdk.ChainID][]point // oldest first
}

var _ sdk.Fetcher = (*fetcher)(nil)

// newFetcher reads the embedded files. They are part of the binary and a test
// reads them all, so a mistake in them is a defect of the build and panics.
func newFetcher() *fetcher {
	points, err := load(data)
	if err != nil {
		panic(fmt.Sprintf("history: read the embedded series: %v", err))
	}
	return &fetcher{description: card.MustParse(protocolYAML), points: points}
}

// Describe says which series there are and which of their tokens nobody else
// declares.
func (f *fetcher) Describe() sdk.Description { return f.description }

// Fetch gives every point to the first anchor at or after its time: an anchor
// gets what became known since the anchor before it, the first one everything up
// to it. Points later than the last anchor are not given.
func (f *fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	points, has := f.points[req.Chain]
	if !has {
		return sdk.Errorf(sdk.KindConfig, "history: no published series for chain %q; remove the chain from the job", req.Chain)
	}
	var since time.Time
	for i, anchor := range req.Anchors {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := sink.Observe(between(points, since, anchor.Time, i, req.Wants)...); err != nil {
			return err
		}
		if err := sink.Progress(i+1, len(req.Anchors)); err != nil {
			return err
		}
		since = anchor.Time
	}
	return nil
}

// between returns the wanted points after since, up to and including until, as
// observations of the given anchor.
func between(points []point, since, until time.Time, anchor int, wants func(sdk.TokenID) bool) []sdk.Observation {
	var list []sdk.Observation
	for _, p := range points {
		if p.time.After(since) && !p.time.After(until) && wants(p.obs.Token) {
			obs := p.obs
			obs.Anchor = anchor
			list = append(list, obs)
		}
	}
	return list
}
