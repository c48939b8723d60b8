package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// KindDisagreement is the class of an answer that a second endpoint contradicts.
const KindDisagreement = sdk.KindDisagreement

// ErrDisagreement is wrapped by every such error.
var ErrDisagreement = errors.New("two endpoints disagree")

// verify asks a second endpoint for every result pinned to a block and replaces
// the reply by an error where the two differ or the second cannot answer.
func (c *chain) verify(ctx context.Context, calls []call, replies []reply, d demand) {
	// Results may come from several endpoints; each needs another one than its own.
	byAlias := map[string][]int{}
	for i, r := range replies {
		if r.result != nil && verifiable(calls[i]) && pinned(c.Kind, calls[i]) {
			byAlias[r.alias] = append(byAlias[r.alias], i)
		}
	}
	for alias, indexes := range byAlias {
		again := make([]call, len(indexes))
		for k, i := range indexes {
			again[k] = calls[i]
		}
		d.exclude = alias
		for k, second := range c.run(ctx, again, d) {
			i := indexes[k]
			switch {
			case second.fail != nil:
				replies[i] = reply{fail: sdk.Errorf(sdk.KindOf(second.fail),
					"chain %s: %s could not be verified: %w", c.ID, calls[i].method, second.fail)}
			case !agree(calls[i].method, replies[i].result, second):
				d.tallies.trouble(classDisagreement)
				replies[i] = reply{fail: sdk.Errorf(KindDisagreement,
					"chain %s: %s %s: endpoints %q and %q: %w; ask a third or look at their sync state", c.ID,
					calls[i].method, shorten(string(calls[i].params), 160), alias, second.alias, ErrDisagreement)}
			}
		}
	}
}

func verifiable(c call) bool {
	return c.method == "eth_call" || c.method == "eth_getBlockByNumber" || c.method == "eth_getBlockByHash"
}

// agree compares two answers to one question. Blocks are compared by hash,
// because client software differs in the fields it adds.
func agree(method string, first json.RawMessage, second reply) bool {
	if second.result == nil {
		return false
	}
	if method == "eth_call" {
		return strings.EqualFold(string(first), string(second.result))
	}
	var a, b struct{ Hash string }
	return json.Unmarshal(first, &a) == nil && json.Unmarshal(second.result, &b) == nil && strings.EqualFold(a.Hash, b.Hash)
}
