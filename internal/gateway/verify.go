package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"

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

func verifiable(c call) bool { return said[c.method] != nil }

// said makes a place for what an answer says: the fields of the specification, since
// client software differs in those it adds, and for a block its hash, which stands
// for all the rest. A method that is not here cannot be compared; those that say who
// an endpoint is are checked elsewhere.
var said = map[string]func() any{
	"eth_call":                  func() any { return new(string) },
	"eth_feeHistory":            func() any { return new(saidFees) },
	"eth_getBalance":            func() any { return new(hexNumber) },
	"eth_getBlockByHash":        func() any { return new(saidBlock) },
	"eth_getBlockByNumber":      func() any { return new(saidBlock) },
	"eth_getBlockReceipts":      func() any { return new([]saidReceipt) },
	"eth_getCode":               func() any { return new(string) },
	"eth_getHeaderByHash":       func() any { return new(saidBlock) },
	"eth_getHeaderByNumber":     func() any { return new(saidBlock) },
	"eth_getLogs":               func() any { return new([]saidLog) },
	"eth_getProof":              func() any { return new(saidAccount) },
	"eth_getStorageAt":          func() any { return new(hexNumber) },
	"eth_getTransactionByHash":  func() any { return new(saidTransaction) },
	"eth_getTransactionCount":   func() any { return new(hexNumber) },
	"eth_getTransactionReceipt": func() any { return new(saidReceipt) },
}

type (
	saidBlock struct{ Hash string }
	saidFees  struct {
		OldestBlock   hexNumber
		BaseFeePerGas []hexNumber
		Reward        [][]hexNumber
	}
	saidLog struct {
		Address, BlockHash, Data, TransactionHash string
		LogIndex                                  hexNumber
		Topics                                    []string
	}
	saidReceipt struct {
		BlockHash, TransactionHash string
		Status, GasUsed            hexNumber
		Logs                       []saidLog
	}
	saidTransaction struct {
		BlockHash, Hash, From, To, Input string
		Value, Nonce                     hexNumber
	}
	saidAccount struct {
		CodeHash, StorageHash string
		Balance, Nonce        hexNumber
		StorageProof          []struct{ Value hexNumber }
	}
)

// hexNumber is a number without the zeros before it, which some clients write for
// words of storage and others do not.
type hexNumber string

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *hexNumber) UnmarshalText(text []byte) error {
	*n = hexNumber(bytes.TrimLeft(bytes.TrimPrefix(text, []byte("0x")), "0"))
	return nil
}

// agree compares two answers to one question. Hexadecimal may be written in either
// case.
func agree(method string, first json.RawMessage, second reply) bool {
	if second.result == nil {
		return false
	}
	a, b := said[method](), said[method]()
	return json.Unmarshal(bytes.ToLower(first), a) == nil && json.Unmarshal(bytes.ToLower(second.result), b) == nil && reflect.DeepEqual(a, b)
}
