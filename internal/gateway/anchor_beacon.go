package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

const (
	// beaconSlot is the time between two slots.
	beaconSlot = 12
	// beaconGap is the most slots in a row the search passes that have no block.
	beaconGap = 64
)

// beacon answers a tick with the last finalised block at or before it. A slot's time
// follows from its number, so there is nothing to search but empty slots.
func (s *search) beacon(ctx context.Context) {
	known := map[string]reply{}
	for i := range s.ticks {
		b := &beaconSearch{search: s, i: i, known: known}
		if err := b.settle(ctx); err != nil {
			s.errs[i] = fmt.Errorf("%s: find its block: %w", s.describeTick(i), err)
		}
	}
}

// beaconSearch is the search for one tick.
type beaconSearch struct {
	*search
	i     int
	known map[string]reply // what the endpoints said in this search of all ticks
}

// beaconBlock is what the search needs of a header.
type beaconBlock struct {
	slot uint64
	root string
}

func (b *beaconSearch) settle(ctx context.Context) error {
	genesis, err := b.genesis(ctx)
	if err != nil {
		return err
	}
	head, err := b.header(ctx, "finalized")
	if err != nil {
		return err
	}
	if head == nil {
		return sdk.Errorf(sdk.KindTransient, "the node knows no finalised block")
	}
	at := func(block beaconBlock) time.Time {
		return time.Unix(genesis+beaconSlot*int64(block.slot), 0).UTC()
	}
	tick := b.ticks[b.i]
	if tick.Unix() < genesis {
		return sdk.Errorf(sdk.KindNoData, "the chain begins at %s", time.Unix(genesis, 0).UTC().Format(time.RFC3339))
	}
	if slot := uint64(tick.Unix()-genesis) / beaconSlot; slot < head.slot {
		return b.past(ctx, slot, at)
	}
	if b.g.player == nil && !at(*head).Equal(tick) {
		return sdk.Errorf(sdk.KindTransient, "not final yet: the newest finalised slot %d is of %s; try again later",
			head.slot, at(*head).Format(time.RFC3339))
	}
	b.choose(*head, at(*head))
	return nil
}

// past takes the block of the slot, or the last one before it.
func (b *beaconSearch) past(ctx context.Context, slot uint64, at func(beaconBlock) time.Time) error {
	for gap := uint64(0); gap < beaconGap && gap <= slot; gap++ {
		block, err := b.header(ctx, strconv.FormatUint(slot-gap, 10))
		if err != nil {
			return err
		}
		if block == nil {
			continue
		}
		if block.slot != slot-gap {
			return sdk.Errorf(sdk.KindIdentity, "the node answered slot %d for slot %d", block.slot, slot-gap)
		}
		b.choose(*block, at(*block))
		return nil
	}
	return sdk.Errorf(sdk.KindTransient, "no block in the %d slots up to %d; is the node in sync?", beaconGap, slot)
}

func (b *beaconSearch) choose(block beaconBlock, at time.Time) {
	b.anchors[b.i] = sdk.Anchor{Chain: b.c.ID, Height: block.slot, Hash: block.root, Time: at,
		Finality: sdk.Finalized, Tick: b.ticks[b.i].UTC()}
}

// ask makes a request, once for all ticks, and keeps it as proof of this one.
func (b *beaconSearch) ask(ctx context.Context, method string) reply {
	c := call{method: method}
	if b.g.player != nil {
		return b.g.player.one(b.c, b.place(b.i), c)
	}
	r, ok := b.known[method]
	if !ok {
		r = b.c.run(ctx, []call{c}, demand{archive: b.g.archive(b.ticks[b.i])})[0]
		b.known[method] = r
	}
	if r.fail == nil && b.g.recorder != nil {
		b.proof[b.i] = append(b.proof[b.i], exchange{Method: method, Params: json.RawMessage("[]"), Result: r.result, Error: r.rpc, Endpoint: r.alias})
	}
	return r
}

// genesis returns the time of slot 0 in unix seconds.
func (b *beaconSearch) genesis(ctx context.Context) (int64, error) {
	r := b.ask(ctx, beaconGenesis)
	if err := r.trouble(); err != nil {
		return 0, err
	}
	g, err := parseGenesis(r.result)
	if err != nil {
		return 0, fmt.Errorf("endpoint %q: %w", r.alias, err)
	}
	return g.time, nil
}

// header asks for a block by slot or name; nil if the slot has none.
func (b *beaconSearch) header(ctx context.Context, id string) (*beaconBlock, error) {
	r := b.ask(ctx, beaconHeaders+id)
	if r.rpc != nil && r.rpc.Code == http.StatusNotFound {
		return nil, nil
	}
	if err := r.trouble(); err != nil {
		return nil, err
	}
	block, err := parseBeaconHeader(r.result)
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", r.alias, err)
	}
	return &block, nil
}

// trouble is why a reply has no result.
func (r reply) trouble() error {
	if r.rpc != nil {
		return sdk.Errorf(sdk.KindConfig, "endpoint %q: status %d: %s", r.alias, r.rpc.Code, shorten(r.rpc.Message, 160))
	}
	return r.fail
}

// root32 is a root of 32 bytes.
var root32 = regexp.MustCompile(`^0x[0-9a-f]{64}$`)

// genesisOf is what identifies a beacon chain.
type genesisOf struct {
	time int64
	root string // genesis_validators_root
}

func parseGenesis(result json.RawMessage) (genesisOf, error) {
	var a struct {
		Data struct {
			Time string `json:"genesis_time"`
			Root string `json:"genesis_validators_root"`
		} `json:"data"`
	}
	_ = json.Unmarshal(result, &a) // another shape leaves the fields empty
	t, err := strconv.ParseInt(a.Data.Time, 10, 64)
	if err != nil || t <= 0 || !root32.MatchString(a.Data.Root) {
		return genesisOf{}, sdk.Errorf(sdk.KindLayout, "the genesis has no usable time or root")
	}
	return genesisOf{time: t, root: a.Data.Root}, nil
}

// parseBeaconHeader reads a block that is final and on the chain.
func parseBeaconHeader(result json.RawMessage) (beaconBlock, error) {
	var a struct {
		Optimistic bool  `json:"execution_optimistic"`
		Finalized  *bool `json:"finalized"`
		Data       struct {
			Root      string `json:"root"`
			Canonical bool   `json:"canonical"`
			Header    struct {
				Message struct {
					Slot string `json:"slot"`
				} `json:"message"`
			} `json:"header"`
		} `json:"data"`
	}
	_ = json.Unmarshal(result, &a) // another shape leaves the fields empty
	slot, err := strconv.ParseUint(a.Data.Header.Message.Slot, 10, 32)
	switch {
	case err != nil || !root32.MatchString(a.Data.Root):
		return beaconBlock{}, sdk.Errorf(sdk.KindLayout, "the block has no usable slot or root")
	case a.Optimistic || !a.Data.Canonical || a.Finalized != nil && !*a.Finalized:
		return beaconBlock{}, sdk.Errorf(sdk.KindTransient, "the node does not hold the block of slot %d for final yet", slot)
	}
	return beaconBlock{slot: slot, root: a.Data.Root}, nil
}
