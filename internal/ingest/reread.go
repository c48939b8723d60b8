package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Reading asks for one point of a chain to be read again, to compare.
type Reading struct {
	Plugin  *Plugin
	Chain   sdk.ChainID
	Tick    time.Time // of the task that read it first
	At      sdk.Position
	Tokens  []sdk.TokenID
	Options map[string]string
	// Recorded says that the answers come from recordings, which know the anchor of
	// the tick; At is then not used.
	Recorded bool
}

// Reread has a plugin read a point of a chain again and returns what it gives. It
// stores nothing. A chain whose past cannot be read is an error of kind
// unrecoverable.
func (r *Runner) Reread(ctx context.Context, rd Reading) ([]sdk.Observation, error) {
	need, ok := rd.Plugin.need(rd.Chain)
	if !ok {
		return nil, sdk.Errorf(sdk.KindConfig, "plugin %s does not read chain %s any more", rd.Plugin.Binary.Name, rd.Chain)
	}
	anchor := sdk.Anchor{Chain: rd.Chain, Height: rd.At.Height, Hash: rd.At.Hash, Time: rd.At.Time, Finality: sdk.Finalized, Tick: rd.Tick}
	switch {
	case need.Offline:
		anchor = sdk.Anchor{Chain: rd.Chain, Time: rd.Tick, Tick: rd.Tick, Finality: sdk.Finalized}
	case rd.Recorded:
		anchors, errs := r.Gateway.Anchors(ctx, rd.Chain, []time.Time{rd.Tick})
		if errs[0] != nil {
			return nil, errs[0]
		}
		anchor = anchors[0]
	case !need.ReadsPast:
		return nil, sdk.Errorf(sdk.KindUnrecoverable, "the past state of chain %s cannot be read again; --replay reads it from a recording", rd.Chain)
	}
	endpoint := ""
	var session *gateway.Session
	if !need.Offline {
		var err error
		if session, err = r.Gateway.Open(ctx, gateway.Scope{Chain: rd.Chain, Plugin: rd.Plugin.Binary.Name, Tick: rd.Tick, Paths: need.Paths}); err != nil {
			return nil, err
		}
		defer session.Close()
		endpoint = session.URL()
	}
	process, err := rd.Plugin.take(ctx, r.Host)
	if err != nil {
		return nil, err
	}
	defer process.Stop()
	got := newCollector(1, nil)
	err = process.Fetch(ctx, sdk.Request{Chain: rd.Chain, Anchors: []sdk.Anchor{anchor}, Endpoint: endpoint, Options: rd.Options, Tokens: rd.Tokens}, got)
	if session != nil {
		if err != nil {
			err = withCause(err, session.Err())
		}
		for _, o := range got.observed[0] {
			if _, seen := session.Seen(o.Source.Digest); !seen && o.Source.Digest != "" {
				err = errors.Join(err, sdk.Errorf(sdk.KindIdentity, "%s of %s names an answer the gateway never saw", o.Metric, o.Token))
			}
		}
	}
	if err == nil && len(got.observed[0]) == 0 && len(got.failures[0]) > 0 {
		err = failure(got.failures[0], session)
	}
	if err != nil {
		return got.observed[0], fmt.Errorf("read %s of %s again: %w", rd.Plugin.Binary.Name, rd.Chain, err)
	}
	return got.observed[0], nil
}
