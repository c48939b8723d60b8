package gateway

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Anchor returns the point of a chain that stands for a tick: on EVM chains and the
// beacon chain the last block at or before it, on Solana the finalised slot now, of an
// API the moment now, with neither height nor hash.
//
// On EVM chains the block of a tick of the last minutes is not final yet and may be
// replaced; its anchor is provisional. A tick that the chain has not reached
// (Options.AnchorGrace), and on the beacon chain one that is not final, is an error of
// kind transient; a past tick on Solana or of an API one of kind unrecoverable; a tick before the
// first block one of kind no_data.
func (g *Gateway) Anchor(ctx context.Context, id sdk.ChainID, tick time.Time) (sdk.Anchor, error) {
	anchors, errs := g.Anchors(ctx, id, []time.Time{tick})
	return anchors[0], errs[0]
}

// Anchors resolves many ticks in few batched requests. Both results have one
// entry a tick; where the error is not nil the anchor means nothing.
func (g *Gateway) Anchors(ctx context.Context, id sdk.ChainID, ticks []time.Time) ([]sdk.Anchor, []error) {
	s := &search{g: g, ticks: ticks, anchors: make([]sdk.Anchor, len(ticks)), errs: make([]error, len(ticks)),
		proof: make([][]exchange, len(ticks))}
	c, err := g.chain(id)
	if err != nil {
		s.failAll(err)
		return s.anchors, s.errs
	}
	s.c = c
	if len(ticks) == 0 {
		return s.anchors, s.errs
	}
	ctx, cancel := context.WithTimeout(ctx, g.opts.CallTimeout*time.Duration(1+len(ticks)/50))
	defer cancel()
	switch {
	case c.Kind == Solana:
		s.solana(ctx)
	case c.Kind == Beacon:
		s.beacon(ctx)
	case c.Kind == API:
		s.api()
	case g.player != nil:
		s.replayed()
	default:
		s.evm(ctx)
	}
	if g.recorder != nil {
		s.record()
	}
	return s.anchors, s.errs
}

// search is one call of Anchors.
type search struct {
	g       *Gateway
	c       *chain
	ticks   []time.Time
	anchors []sdk.Anchor
	errs    []error
	proof   [][]exchange // what shows that the anchor is right, a tick
}

func (s *search) failAll(err error) {
	for i := range s.errs {
		s.errs[i] = err
	}
}

func (s *search) place(i int) place { return place{chain: s.c.ID, tick: s.ticks[i], name: anchorFile} }

// found settles a tick with a block.
func (s *search) found(i int, h header, proof ...header) {
	s.anchors[i] = sdk.Anchor{Chain: s.c.ID, Height: h.number, Hash: h.hash, Time: time.Unix(h.time, 0).UTC(),
		Finality: sdk.Finalized, Tick: s.ticks[i].UTC()}
	for _, p := range append(proof, h) {
		if p.raw != nil {
			s.proof[i] = append(s.proof[i], exchange{Method: "eth_getBlockByNumber", Params: blockParams(p.number), Result: p.raw, Endpoint: p.alias})
		}
	}
}

// record writes the proofs. A proof that cannot be written does not spoil the
// anchor; it is logged.
func (s *search) record() {
	for i := range s.ticks {
		if s.errs[i] != nil {
			continue
		}
		if err := s.g.recorder.save(s.place(i), s.proof[i]); err != nil {
			s.g.log.Error("recording not written", slog.String("chain", string(s.c.ID)),
				slog.Time("tick", s.ticks[i]), slog.Any("error", err))
		}
	}
}

// replayed takes the newest recorded block at or before the tick from the
// tick's own anchor.json: the recording is the authority, no search is made.
func (s *search) replayed() {
	for i, tick := range s.ticks {
		at := s.place(i)
		t, err := s.g.player.load(s.c.Kind, at.path())
		if err != nil {
			s.errs[i] = err
			continue
		}
		var best *header
		final := uint64(math.MaxUint64)
		for _, x := range t.list {
			h, err := parseRecorded(x.Result)
			if err == nil && bytes.Equal(x.Params, finalizedParams) {
				final = h.number
			}
			if err == nil && h.time <= tick.Unix() && (best == nil || h.number > best.number) {
				best = &h
			}
		}
		if best == nil {
			s.errs[i] = sdk.Errorf(sdk.KindConfig, "replay: the anchor of chain %s at %s is %w: no block at or before the tick in %s",
				s.c.ID, tick.UTC().Format(time.RFC3339), errUnrecorded, filepath.ToSlash(at.path()))
			continue
		}
		s.found(i, *best)
		if best.number > final {
			s.anchors[i].Finality = sdk.Provisional
		}
	}
}

// describeTick names a chain and a tick in an error.
func (s *search) describeTick(i int) string {
	return fmt.Sprintf("chain %s, tick %s", s.c.ID, s.ticks[i].UTC().Format(time.RFC3339))
}
