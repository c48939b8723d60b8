package evm

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

const (
	// Multicall3Block is the first block of Ethereum with Multicall3.
	Multicall3Block = 14353601
	// maxBatch is how many eth_call go into one HTTP request. The searches for events
	// of the same blocks go with them.
	maxBatch = 50
)

// Multicall3 is the contract that makes many calls in one, at the same address
// on every chain.
var Multicall3 = MustAddress("0xcA11bde05977b3631167028862bE2a173976CA11")

// Client reads one chain through one JSON-RPC endpoint.
type Client struct{ rpc *rpc.Client }

// Dial prepares a client. No request is made before the first read.
func Dial(ctx context.Context, endpoint string) (*Client, error) {
	c, err := rpc.DialContext(ctx, endpoint)
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "endpoint of the task cannot be used: %w", hideURL(err))
	}
	return &Client{rpc: c}, nil
}

// Close releases the client's idle connections.
func (c *Client) Close() { c.rpc.Close() }

// Read makes the calls that plan names at each anchor and returns one snapshot
// an anchor, in the order of anchors. Trouble with a whole block is in the
// snapshot's Err, trouble with a call in its result.
func (c *Client) Read(ctx context.Context, anchors []sdk.Anchor, plan func(sdk.Anchor) []Call) []*Snapshot {
	snaps := make([]*Snapshot, len(anchors))
	for i, a := range anchors {
		snaps[i] = &Snapshot{Anchor: a, Index: i, results: map[callKey]Result{}}
	}
	c.Extend(ctx, snaps, func(s *Snapshot) []Call { return plan(s.Anchor) })
	return snaps
}

// Extend makes the calls that plan names and a snapshot does not have yet. It
// costs no request when there are none, so a plugin can ask first what it
// expects to need and then for what the answers show it really needs.
func (c *Client) Extend(ctx context.Context, snaps []*Snapshot, plan func(*Snapshot) []Call) {
	var reqs []request
	for _, s := range snaps {
		if s.Err != nil {
			continue
		}
		calls, searches := s.missing(plan(s))
		if s.Anchor.Height >= Multicall3Block && len(calls) > 0 {
			reqs = append(reqs, request{snap: s, calls: calls, multi: true})
		} else {
			for _, call := range calls {
				reqs = append(reqs, request{snap: s, calls: []Call{call}})
			}
		}
		if len(searches) > 0 {
			if len(calls) == 0 {
				reqs = append(reqs, request{snap: s})
			}
			reqs[len(reqs)-1].searches = searches
		}
	}
	for chunk := range slices.Chunk(reqs, maxBatch) {
		c.send(ctx, chunk)
	}
	c.date(ctx, snaps)
}

// request is one eth_call of a batch: an aggregate3 of several calls, or a single
// one, or none; and the searches for events that go with it.
type request struct {
	snap     *Snapshot
	calls    []Call
	multi    bool
	searches []Call
}

// element is one JSON-RPC call of a batch and what becomes of its answer.
type element struct {
	method string
	args   []any
	file   func(raw json.RawMessage, err error)
}

func (r request) elements() []element {
	var out []element
	if len(r.calls) > 0 {
		msg, err := r.message()
		if err != nil {
			r.snap.fail(err)
		}
		out = append(out, element{"eth_call", []any{msg, pin(r.snap.Anchor)}, r.file})
	}
	for _, c := range r.searches {
		out = append(out, element{"eth_getLogs", []any{c.search(r.snap.Anchor)}, func(raw json.RawMessage, err error) {
			r.snap.put(logResult(c, r.snap.Anchor, raw, err))
		}})
	}
	return out
}

// send makes one HTTP request and files the answers.
func (c *Client) send(ctx context.Context, reqs []request) {
	var elements []element
	for _, r := range reqs {
		elements = append(elements, r.elements()...)
	}
	answers := make([]json.RawMessage, len(elements))
	batch := make([]rpc.BatchElem, len(elements))
	for i, e := range elements {
		batch[i] = rpc.BatchElem{Method: e.method, Args: e.args, Result: &answers[i]}
	}
	if err := c.rpc.BatchCallContext(ctx, batch); err != nil {
		for _, r := range reqs {
			r.snap.fail(transportError(r.snap.Anchor, err))
		}
		return
	}
	for i, e := range elements {
		e.file(answers[i], batch[i].Error)
	}
}

// pin names the anchor's block so that a node on another branch refuses instead
// of answering for a different block.
func pin(a sdk.Anchor) any {
	if a.Hash == "" {
		return hexutil.Uint64(a.Height)
	}
	return rpc.BlockNumberOrHashWithHash(common.HexToHash(a.Hash), true)
}

type callMessage struct {
	To   common.Address `json:"to"`
	Data hexutil.Bytes  `json:"data"`
}

func (r request) message() (callMessage, error) {
	if !r.multi {
		return callMessage{r.calls[0].Target, r.calls[0].Input()}, nil
	}
	data, err := packAggregate(r.calls)
	if err != nil {
		return callMessage{}, err
	}
	return callMessage{Multicall3, data}, nil
}

// file puts the answer of one eth_call into the snapshot.
func (r request) file(raw json.RawMessage, err error) {
	if r.snap.Err != nil {
		return
	}
	at := r.snap.Anchor
	if err != nil {
		text, reverted := revertOf(err)
		switch {
		case reverted && !r.multi:
			r.snap.put(revertedResult(r.calls[0], at.Height, text, ""))
		case reverted:
			r.snap.fail(sdk.Errorf(sdk.KindInternal, "block %d: Multicall3 reverted: %s", at.Height, text))
		default:
			r.snap.fail(callError(at, err))
		}
		return
	}
	digest := digestOf(raw)
	var data hexutil.Bytes
	if err := json.Unmarshal(raw, &data); err != nil || string(raw) == "null" {
		r.snap.fail(sdk.Errorf(sdk.KindLayout, "block %d: eth_call answered %s, not hexadecimal data", at.Height, excerpt(raw)))
		return
	}
	if !r.multi {
		r.snap.put(newResult(r.calls[0], at.Height, data, digest))
		return
	}
	inner, err := unpackAggregate(data, len(r.calls))
	if err != nil {
		r.snap.fail(sdk.Errorf(sdk.KindOf(err), "block %d: %w", at.Height, err))
		return
	}
	for i, call := range r.calls {
		if inner[i].Success {
			r.snap.put(newResult(call, at.Height, inner[i].ReturnData, digest))
		} else {
			r.snap.put(revertedResult(call, at.Height, revertText(inner[i].ReturnData), digest))
		}
	}
}
