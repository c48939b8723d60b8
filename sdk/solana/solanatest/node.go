// Package solanatest is a Solana JSON-RPC node for tests and recordings: it
// serves accounts from memory, in the shapes a validator uses, and can be told to
// misbehave. It implements only the methods a fetcher asks (getMultipleAccounts,
// getAccountInfo, getSlot, getEpochInfo, getBlockTime, getGenesisHash, getHealth,
// getVersion) and promises nothing about any other.
package solanatest

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"

	gosolana "github.com/gagliardetto/solana-go"

	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// MainnetGenesis is the genesis hash of Solana mainnet, the answer of
// getGenesisHash unless State says otherwise.
const MainnetGenesis = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"

// MainnetSchedule is mainnet's epoch schedule: 432,000 slots without warm-up.
var MainnetSchedule = solana.EpochSchedule{SlotsPerEpoch: 432_000, LeaderScheduleSlotOffset: 432_000}

// Account is one account to serve.
type Account struct {
	Owner    solana.PublicKey
	Lamports uint64
	Data     []byte
}

// State is what the node serves.
type State struct {
	// Slot is the newest finalised slot; Clock.Slot is set to it when zero.
	Slot  uint64
	Clock solana.Clock
	// Schedule is the epoch schedule; nil leaves the sysvar out.
	Schedule *solana.EpochSchedule
	// Genesis is the genesis hash; empty means mainnet's.
	Genesis string
	// Accounts holds the accounts. The two sysvars are added from the fields above
	// unless they are here.
	Accounts map[solana.PublicKey]Account
}

// Request is one JSON-RPC call as the node got it.
type Request struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

// Node is an http.Handler that speaks JSON-RPC, single calls and batches. It is
// safe for concurrent use.
type Node struct {
	mu        sync.Mutex
	state     State
	intercept func(http.ResponseWriter, Request) bool
	requests  []Request
}

// NewNode serves the state.
func NewNode(state State) *Node {
	n := &Node{}
	n.SetState(state)
	return n
}

// SetState replaces everything the node serves.
func (n *Node) SetState(state State) {
	state.Accounts = maps.Clone(state.Accounts)
	if state.Accounts == nil {
		state.Accounts = map[solana.PublicKey]Account{}
	}
	if state.Clock.Slot == 0 {
		state.Clock.Slot = state.Slot
	}
	if state.Genesis == "" {
		state.Genesis = MainnetGenesis
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = state
}

// Set adds or replaces one account.
func (n *Node) Set(key solana.PublicKey, account Account) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state.Accounts[key] = account
}

// Remove takes one account away, so that the node answers null for it.
func (n *Node) Remove(key solana.PublicKey) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.state.Accounts, key)
}

// Intercept lets f see every single call first. f returns true when it has
// written the whole HTTP answer itself. nil removes it.
func (n *Node) Intercept(f func(w http.ResponseWriter, r Request) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.intercept = f
}

// Requests returns the calls so far, in order.
func (n *Node) Requests() []Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.requests)
}

// ServeHTTP answers one HTTP request.
func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, "cannot read the body", http.StatusBadRequest)
		return
	}
	var batch []Request
	if json.Unmarshal(body, &batch) == nil {
		answers := make([]any, len(batch))
		for i, call := range batch {
			answers[i] = n.answer(call)
		}
		write(w, answers)
		return
	}
	var call Request
	if err := json.Unmarshal(body, &call); err != nil {
		write(w, failure(nil, -32700, "Parse error"))
		return
	}
	n.mu.Lock()
	intercept := n.intercept
	n.mu.Unlock()
	if intercept != nil && intercept(w, call) {
		n.note(call)
		return
	}
	write(w, n.answer(call))
}

func (n *Node) note(call Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.requests = append(n.requests, call)
}

func (n *Node) answer(call Request) any {
	n.note(call)
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.state
	switch call.Method {
	case "getMultipleAccounts":
		return n.multiple(call)
	case "getAccountInfo":
		return n.single(call)
	case "getSlot":
		return success(call.ID, s.Slot)
	case "getBlockTime":
		return success(call.ID, s.Clock.Time)
	case "getEpochInfo":
		info := map[string]any{"absoluteSlot": s.Slot, "blockHeight": s.Slot, "epoch": s.Clock.Epoch, "transactionCount": nil}
		if s.Schedule != nil {
			info["slotsInEpoch"] = s.Schedule.GetSlotsInEpoch(s.Clock.Epoch)
			info["slotIndex"] = s.Slot - min(s.Slot, s.Schedule.GetFirstSlotInEpoch(s.Clock.Epoch))
		}
		return success(call.ID, info)
	case "getGenesisHash":
		return success(call.ID, s.Genesis)
	case "getHealth":
		return success(call.ID, "ok")
	case "getVersion":
		return success(call.ID, map[string]any{"solana-core": "3.1.11", "feature-set": 0})
	}
	return failure(call.ID, -32601, "Method not found")
}

type config struct {
	Encoding       string  `json:"encoding"`
	MinContextSlot *uint64 `json:"minContextSlot"`
	DataSlice      *struct {
		Offset int `json:"offset"`
		Length int `json:"length"`
	} `json:"dataSlice"`
}

func (n *Node) multiple(call Request) any {
	var keys []solana.PublicKey
	if len(call.Params) == 0 || json.Unmarshal(call.Params[0], &keys) != nil {
		return failure(call.ID, -32602, "Invalid param: keys")
	}
	if len(keys) > 100 {
		return failure(call.ID, -32602, "Too many inputs provided; max 100")
	}
	return n.values(call, func(c config) any {
		values := make([]any, len(keys))
		for i, k := range keys {
			values[i] = n.value(k, c)
		}
		return values
	})
}

func (n *Node) single(call Request) any {
	var key solana.PublicKey
	if len(call.Params) == 0 || json.Unmarshal(call.Params[0], &key) != nil {
		return failure(call.ID, -32602, "Invalid param: key")
	}
	return n.values(call, func(c config) any { return n.value(key, c) })
}

func (n *Node) values(call Request, value func(config) any) any {
	var c config
	if len(call.Params) > 1 {
		if err := json.Unmarshal(call.Params[1], &c); err != nil {
			return failure(call.ID, -32602, "Invalid params")
		}
	}
	if c.Encoding != "base64" {
		return failure(call.ID, -32602, "this node speaks base64 only")
	}
	if c.MinContextSlot != nil && *c.MinContextSlot > n.state.Slot {
		return failure(call.ID, -32016, "Minimum context slot has not been reached")
	}
	return success(call.ID, map[string]any{
		"context": map[string]any{"apiVersion": "3.1.11", "slot": n.state.Slot},
		"value":   value(c),
	})
}

// roundedRentEpoch is 2^64-1 as a float64 client would print it. It is served on
// purpose: it fits no integer type, and real providers do it.
const roundedRentEpoch = json.Number("18446744073709552000")

func (n *Node) value(key solana.PublicKey, c config) any {
	a, ok := n.account(key)
	if !ok {
		return nil
	}
	data := a.Data
	if c.DataSlice != nil {
		from := min(max(c.DataSlice.Offset, 0), len(data))
		to := min(from+max(c.DataSlice.Length, 0), len(data))
		data = data[from:to]
	}
	return map[string]any{
		"data":       []string{base64.StdEncoding.EncodeToString(data), "base64"},
		"executable": false,
		"lamports":   a.Lamports,
		"owner":      a.Owner,
		"rentEpoch":  roundedRentEpoch,
		"space":      len(a.Data),
	}
}

func (n *Node) account(key solana.PublicKey) (Account, bool) {
	if a, ok := n.state.Accounts[key]; ok {
		return a, true
	}
	switch {
	case key == solana.ClockKey:
		return Account{Owner: gosolana.SysVarPubkey, Lamports: 1_169_280, Data: n.state.Clock.Encode()}, true
	case key == solana.EpochScheduleKey && n.state.Schedule != nil:
		return Account{Owner: gosolana.SysVarPubkey, Lamports: 1_120_560, Data: solana.EncodeEpochSchedule(*n.state.Schedule)}, true
	}
	return Account{}, false
}

func success(id json.RawMessage, result any) any {
	return map[string]any{"jsonrpc": "2.0", "id": orNull(id), "result": result}
}

func failure(id json.RawMessage, code int, message string) any {
	return map[string]any{"jsonrpc": "2.0", "id": orNull(id), "error": map[string]any{"code": code, "message": message}}
}

func orNull(id json.RawMessage) json.RawMessage {
	if id == nil {
		return json.RawMessage("null")
	}
	return id
}

// Refuse is an Intercept that answers every call with a JSON-RPC error.
func Refuse(code int, message string) func(http.ResponseWriter, Request) bool {
	return func(w http.ResponseWriter, r Request) bool {
		write(w, failure(r.ID, code, message))
		return true
	}
}

// Answer is an Intercept that answers every call with a status and a body as they
// are.
func Answer(status int, body string) func(http.ResponseWriter, Request) bool {
	return func(w http.ResponseWriter, _ Request) bool {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// A client that hung up is its own business.
	_ = json.NewEncoder(w).Encode(v)
}
