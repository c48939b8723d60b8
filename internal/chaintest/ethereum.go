package chaintest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// Mainnet's block 17,000,000, from which the fake counts on without empty slots.
const (
	firstBlock  = 17_000_000
	firstTime   = 1_680_911_891
	blockTime   = 12
	finalityLag = 13 * time.Minute
)

// Block is one block of the fake.
type Block struct {
	Number uint64
	Time   time.Time
}

// Day is the start of the block's day, UTC.
func (b Block) Day() time.Time { return b.Time.Truncate(24 * time.Hour) }

// Days is how many whole days the block lies after the first one.
func (b Block) Days() int64 { return int64(b.Day().Sub(time.Unix(firstTime, 0)) / (24 * time.Hour)) }

// Hash is the block's hash as JSON-RPC writes it. Its last 8 bytes are the number,
// so that the node finds the block again.
func (b Block) Hash() string {
	n := binary.BigEndian.AppendUint64(nil, b.Number)
	return hexutil.Encode(append(crypto.Keccak256(n)[:24], n...))
}

// BlockAt is the last block at or before t, which must not lie before 2023-04-08.
func BlockAt(t time.Time) Block {
	n := (t.Unix() - firstTime) / blockTime
	return block(firstBlock + uint64(n))
}

func block(n uint64) Block {
	return Block{n, time.Unix(firstTime+blockTime*int64(n-firstBlock), 0).UTC()}
}

// Answer is what a contract returns at a block, as words of 32 bytes: an int,
// *big.Int (negative ones in two's complement), bool, common.Address, or []byte as
// they stand. A nil list reverts.
type Answer func(Block) []any

// Ethereum is the handler of an Ethereum node. What it was not taught reverts. It
// is safe for concurrent use.
type Ethereum struct {
	// Now is the node's clock; nil means time.Now. Set it before the first request.
	Now func() time.Time

	mu      sync.Mutex
	answers map[string]Answer // by target and call data
	logs    []source
	serving LogServing
	gone    bool // no block is known by its hash
}

// NewEthereum returns a node whose contracts know nothing; see Teach.
func NewEthereum() *Ethereum {
	return &Ethereum{answers: map[string]Answer{}}
}

func key(target common.Address, input []byte) string { return string(target[:]) + string(input) }

// At teaches an answer that depends on the block.
func (e *Ethereum) At(call evm.Call, answer Answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answers[key(call.Target, call.Input())] = answer
}

// Answer teaches an answer for every block.
func (e *Ethereum) Answer(call evm.Call, words ...any) {
	e.At(call, func(Block) []any { return words })
}

// Forget makes a call revert.
func (e *Ethereum) Forget(call evm.Call) { e.At(call, func(Block) []any { return nil }) }

// Reorganise makes the node answer "header not found" for calls at any block by
// its hash, as a node does after the block has left its chain.
func (e *Ethereum) Reorganise() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gone = true
}

func (e *Ethereum) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}

// request is one JSON-RPC call.
type request struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

// requests reads an HTTP body: one call, or a batch.
func requests(body []byte) (list []request, batch bool, err error) {
	if json.Unmarshal(body, &list) == nil {
		return list, true, nil
	}
	var one request
	err = json.Unmarshal(body, &one)
	return []request{one}, false, err
}

// rpcError is the error of a JSON-RPC answer.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return e.Message }

// reply writes the answers to calls: each a result, or an *rpcError.
func reply(w http.ResponseWriter, calls []request, batch bool, answer func(request) (any, error)) {
	list := make([]any, len(calls))
	for i, c := range calls {
		out := map[string]any{"jsonrpc": "2.0", "id": c.ID}
		result, err := answer(c)
		var coded *rpcError
		switch {
		case errors.As(err, &coded):
			out["error"] = coded
		case err != nil:
			out["error"] = rpcError{-32602, err.Error()}
		default:
			out["result"] = result
		}
		list[i] = out
	}
	w.Header().Set("Content-Type", "application/json")
	var v any = list
	if !batch {
		v = list[0]
	}
	_ = json.NewEncoder(w).Encode(v) // a client that hung up is its own business
}

// ServeHTTP answers one HTTP request.
func (e *Ethereum) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	calls, batch, err := requests(body)
	if err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	reply(w, calls, batch, e.answer)
}

func (e *Ethereum) answer(c request) (any, error) {
	param := func(i int, v any) error {
		if i >= len(c.Params) {
			return fmt.Errorf("missing value for required argument %d", i)
		}
		return json.Unmarshal(c.Params[i], v)
	}
	switch c.Method {
	case "eth_chainId":
		return "0x1", nil
	case "eth_getBlockByNumber":
		var tag string
		if err := param(0, &tag); err != nil {
			return nil, err
		}
		return header(e.byTag(tag))
	case "eth_getBlockByHash":
		var hash string
		if err := param(0, &hash); err != nil {
			return nil, err
		}
		return header(e.byHash(hash))
	case "eth_getLogs":
		if len(c.Params) != 1 {
			return nil, errors.New("missing value for required argument 0")
		}
		return e.search(c.Params[0])
	case "eth_getBalance":
		var at json.RawMessage
		if err := param(1, &at); err != nil {
			return nil, err
		}
		_, err := e.pinned(at)
		return "0x0", err
	case "eth_call":
		var msg struct {
			To   common.Address
			Data hexutil.Bytes
		}
		if err := param(0, &msg); err != nil {
			return nil, err
		}
		var at json.RawMessage
		if err := param(1, &at); err != nil {
			return nil, err
		}
		b, err := e.pinned(at)
		if err != nil {
			return nil, err
		}
		out, ok := e.call(b, msg.To, msg.Data)
		if !ok {
			return nil, &rpcError{3, "execution reverted"}
		}
		return hexutil.Bytes(out), nil
	}
	return nil, &rpcError{-32601, "the method " + c.Method + " does not exist/is not available"}
}

func header(b Block, ok bool) (any, error) {
	if !ok {
		return nil, nil
	}
	return map[string]any{
		"number": hexutil.Uint64(b.Number), "timestamp": hexutil.Uint64(b.Time.Unix()), "hash": b.Hash(),
		"parentHash": block(b.Number - 1).Hash(), "transactions": []string{},
	}, nil
}

func (e *Ethereum) byTag(tag string) (Block, bool) {
	head := BlockAt(e.now())
	switch tag {
	case "latest":
		return head, true
	case "finalized", "safe":
		return BlockAt(e.now().Add(-finalityLag)), true
	}
	n, err := hexutil.DecodeUint64(tag)
	if err != nil || n < firstBlock || n > head.Number {
		return Block{}, false
	}
	return block(n), true
}

// pinned finds the block of an eth_call: a number, a tag, or an EIP-1898 object.
func (e *Ethereum) pinned(at json.RawMessage) (Block, error) {
	gone := &rpcError{-32000, "header not found"}
	var tag string
	if json.Unmarshal(at, &tag) == nil {
		if b, ok := e.byTag(tag); ok {
			return b, nil
		}
		return Block{}, gone
	}
	var by struct{ BlockHash string }
	if err := json.Unmarshal(at, &by); err != nil {
		return Block{}, err
	}
	e.mu.Lock()
	forked := e.gone
	e.mu.Unlock()
	if forked {
		return Block{}, gone
	}
	b, ok := e.byHash(by.BlockHash)
	if !ok {
		return Block{}, gone
	}
	return b, nil
}

// byHash finds the block in its hash.
func (e *Ethereum) byHash(hash string) (Block, bool) {
	raw := common.FromHex(hash)
	if len(raw) != 32 {
		return Block{}, false
	}
	b, ok := e.byTag(hexutil.EncodeUint64(binary.BigEndian.Uint64(raw[24:])))
	return b, ok && strings.EqualFold(b.Hash(), hash)
}

// words encodes an answer.
func words(values []any) []byte {
	var out []byte
	for _, v := range values {
		switch v := v.(type) {
		case int:
			out = append(out, word(big.NewInt(int64(v)))...)
		case int64:
			out = append(out, word(big.NewInt(v))...)
		case *big.Int:
			out = append(out, word(v)...)
		case bool:
			n := new(big.Int)
			if v {
				n.SetInt64(1)
			}
			out = append(out, word(n)...)
		case common.Address:
			out = append(out, common.LeftPadBytes(v[:], 32)...)
		case []byte:
			out = append(out, v...)
		default:
			panic(fmt.Sprintf("a %T is no word", v))
		}
	}
	return out
}

// word writes n as 32 bytes, two's complement when negative.
func word(n *big.Int) []byte {
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	return common.LeftPadBytes(n.Bytes(), 32)
}
