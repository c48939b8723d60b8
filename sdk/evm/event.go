package evm

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Event is an event of a contract known by its signature.
type Event struct{ arguments Method }

// MustEvent reads a signature, for example "Transfer(address,address,uint256)". Its
// arguments must be of fixed size, and those that are indexed the first ones: then
// topics and data together are their plain encoding. It panics on a malformed one.
func MustEvent(signature string) Event {
	_, arguments, _ := strings.Cut(signature, "(")
	return Event{MustMethod(signature + " returns (" + arguments)}
}

// Topic is the Keccak-256 of the signature, the first topic of the event's logs.
func (e Event) Topic() common.Hash { return crypto.Keccak256Hash([]byte(e.arguments.String())) }

// Newest asks for the newest such event of the contract at target in the given
// number of blocks that end with the anchor's. The values of its Result are the
// event's arguments, its Position is the block of the event. A node that refuses to
// search costs only this result, as no_data: not every endpoint keeps or serves logs.
func (e Event) Newest(target common.Address, blocks uint64) Call {
	topic := e.Topic()
	return Call{Target: target, Method: e.arguments, input: string(topic[:]), args: fmt.Sprintf("(newest of %d blocks)", blocks), blocks: blocks}
}

// search is the filter of eth_getLogs.
type search struct {
	Address common.Address `json:"address"`
	Topics  []common.Hash  `json:"topics"`
	From    hexutil.Uint64 `json:"fromBlock"`
	To      hexutil.Uint64 `json:"toBlock"`
}

func (c Call) search(at sdk.Anchor) search {
	first := uint64(0)
	if at.Height >= c.blocks {
		first = at.Height - c.blocks + 1
	}
	return search{c.Target, []common.Hash{common.BytesToHash(c.Input())}, hexutil.Uint64(first), hexutil.Uint64(at.Height)}
}

// logged is one log of an answer.
type logged struct {
	Address   common.Address
	Topics    []common.Hash
	Data      hexutil.Bytes
	Number    hexutil.Uint64  `json:"blockNumber"`
	Hash      common.Hash     `json:"blockHash"`
	Timestamp *hexutil.Uint64 `json:"blockTimestamp"` // not every make of node gives it
	Index     hexutil.Uint64  `json:"logIndex"`
	Removed   bool
}

// logResult decodes the answer to a search.
func logResult(c Call, at sdk.Anchor, raw json.RawMessage, err error) Result {
	r := Result{Call: c}
	if err != nil {
		r.Err = sdk.Errorf(sdk.KindNoData, "block %d: the endpoint did not search the %d blocks up to it for %s: %s", at.Height, c.blocks, c.Method, clip(hideURL(err).Error()))
		return r
	}
	r.Digest = digestOf(raw)
	var logs []logged
	if err := json.Unmarshal(raw, &logs); err != nil {
		r.Err = sdk.Errorf(sdk.KindLayout, "block %d: eth_getLogs answered %s, not a list of logs", at.Height, excerpt(raw))
		return r
	}
	logs = slices.DeleteFunc(logs, func(l logged) bool { return l.Removed })
	if len(logs) == 0 {
		r.Err = sdk.Errorf(sdk.KindNoData, "block %d: no %s of %s in the %d blocks up to it", at.Height, c.Method, c.Target, c.blocks)
		return r
	}
	newest := slices.MaxFunc(logs, func(a, b logged) int {
		if a.Number != b.Number {
			return int(int64(a.Number) - int64(b.Number))
		}
		return int(int64(a.Index) - int64(b.Index))
	})
	asked := c.search(at)
	if newest.Address != asked.Address || len(newest.Topics) == 0 || newest.Topics[0] != asked.Topics[0] || newest.Number < asked.From || newest.Number > asked.To {
		r.Err = sdk.Errorf(sdk.KindLayout, "block %d: eth_getLogs answered a log of block %d of %s that was not asked for", at.Height, newest.Number, newest.Address)
		return r
	}
	var data []byte
	for _, t := range newest.Topics[1:] {
		data = append(data, t[:]...)
	}
	r = newResult(c, at.Height, append(data, newest.Data...), r.Digest)
	r.Position = &sdk.Position{Height: uint64(newest.Number), Hash: newest.Hash.Hex()}
	if newest.Timestamp != nil {
		r.Position.Time = time.Unix(int64(*newest.Timestamp), 0).UTC()
	}
	return r
}

// date asks for the blocks whose logs came without their time.
func (c *Client) date(ctx context.Context, snaps []*Snapshot) {
	undated := map[string][]*sdk.Position{} // by block hash
	var hashes []string
	for _, s := range snaps {
		for _, r := range s.results {
			if r.Position == nil || r.Err != nil || !r.Position.Time.IsZero() {
				continue
			}
			if undated[r.Position.Hash] == nil {
				hashes = append(hashes, r.Position.Hash)
			}
			undated[r.Position.Hash] = append(undated[r.Position.Hash], r.Position)
		}
	}
	for chunk := range slices.Chunk(hashes, maxBatch) {
		blocks := make([]*struct{ Timestamp hexutil.Uint64 }, len(chunk))
		batch := make([]rpc.BatchElem, len(chunk))
		for i, hash := range chunk {
			batch[i] = rpc.BatchElem{Method: "eth_getBlockByHash", Args: []any{hash, false}, Result: &blocks[i]}
		}
		if err := c.rpc.BatchCallContext(ctx, batch); err != nil {
			continue // the results stay without a time
		}
		for i, hash := range chunk {
			for _, p := range undated[hash] {
				if batch[i].Error == nil && blocks[i] != nil {
					p.Time = time.Unix(int64(blocks[i].Timestamp), 0).UTC()
				}
			}
		}
	}
	for _, s := range snaps {
		for _, r := range s.results {
			if r.Position != nil && r.Err == nil && r.Position.Time.IsZero() {
				r.Err = sdk.Errorf(sdk.KindNoData, "block %d: the endpoint does not say when block %d of %s was", s.Anchor.Height, r.Position.Height, r.Call.Method)
				s.put(r)
			}
		}
	}
}
