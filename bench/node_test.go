package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// node is an Ethereum node behind a latency. Its contracts are chaintest's; its
// blocks are too, but one slot in a hundred is empty, as on mainnet, so that the
// search for blocks has something to search for. It counts requests and keeps the
// contract calls that came in rounds of Multicall3.
type node struct {
	state   http.Handler // answers eth_call
	latency time.Duration
	head    time.Time
	slots   []uint32 // slot of each block

	mu       sync.Mutex
	headers  int // HTTP requests for blocks
	calls    int // HTTP requests for eth_call
	other    int
	wanted   map[string][]single // by block hash, in order of arrival
	accounts bool                // note what rounds hold
}

// single is one contract call of a round.
type single struct {
	To   common.Address `json:"to"`
	Data hexutil.Bytes  `json:"data"`
}

const (
	firstNumber = 17_000_000
	slotTime    = 12 * time.Second
)

var firstSlot = chaintest.BlockAt(time.Date(2023, 5, 1, 0, 0, 0, 0, time.UTC)).Time

func newNode(state http.Handler, latency time.Duration, head time.Time) *node {
	n := &node{state: state, latency: latency, head: head, wanted: map[string][]single{}}
	for slot := uint32(0); time.Duration(slot)*slotTime <= head.Sub(firstSlot); slot++ {
		h := fnv.New32a()
		_, _ = h.Write([]byte{byte(slot), byte(slot >> 8), byte(slot >> 16), byte(slot >> 24)})
		if h.Sum32()%100 != 7 {
			n.slots = append(n.slots, slot)
		}
	}
	return n
}

func (n *node) time(number uint64) time.Time {
	return firstSlot.Add(time.Duration(n.slots[number-firstNumber]) * slotTime)
}

func (n *node) newest() uint64 { return firstNumber + uint64(len(n.slots)) - 1 }

func (n *node) block(tag string) any {
	number := n.newest() - 64 // finalised
	if tag != "finalized" {
		var err error
		if number, err = hexutil.DecodeUint64(tag); err != nil || number < firstNumber || number > n.newest() {
			return nil
		}
	}
	b := chaintest.BlockAt(n.time(number))
	return map[string]any{"number": hexutil.Uint64(number), "timestamp": hexutil.Uint64(b.Time.Unix()), "hash": b.Hash()}
}

type call struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	time.Sleep(n.latency)
	var calls []call
	if json.Unmarshal(body, &calls) != nil {
		calls = make([]call, 1)
		_ = json.Unmarshal(body, &calls[0])
	}
	n.note(calls)
	if calls[0].Method != "eth_getBlockByNumber" {
		r.Body = io.NopCloser(bytes.NewReader(renumber(body, asked, n.toState)))
		answer := httptest.NewRecorder()
		n.state.ServeHTTP(answer, r)
		_, _ = w.Write(renumber(answer.Body.Bytes(), logged, n.fromState))
		return
	}
	list := make([]any, len(calls))
	for i, c := range calls {
		var tag string
		_ = json.Unmarshal(c.Params[0], &tag)
		list[i] = map[string]any{"jsonrpc": "2.0", "id": c.ID, "result": n.block(tag)}
	}
	var v any = list
	if !bytes.HasPrefix(body, []byte("[")) {
		v = list[0]
	}
	_ = json.NewEncoder(w).Encode(v)
}

// Where searches for events, and the logs they give, name blocks by number.
var (
	asked  = regexp.MustCompile(`"(fromBlock|toBlock)":"(0x[0-9a-f]+)"`)
	logged = regexp.MustCompile(`"(blockNumber)":"(0x[0-9a-f]+)"`)
)

// renumber puts other numbers of blocks into JSON. The state knows its blocks by
// other numbers than the node, because it has no empty slots.
func renumber(body []byte, where *regexp.Regexp, to func(uint64) uint64) []byte {
	return where.ReplaceAllFunc(body, func(found []byte) []byte {
		part := where.FindSubmatch(found)
		number, err := hexutil.DecodeUint64(string(part[2]))
		if err != nil {
			return found
		}
		return fmt.Appendf(nil, `%q:"0x%x"`, part[1], to(number))
	})
}

func (n *node) toState(number uint64) uint64 { return chaintest.BlockAt(n.time(number)).Number }

func (n *node) fromState(number uint64) uint64 {
	return firstNumber + uint64(sort.Search(len(n.slots)-1, func(i int) bool { return n.toState(firstNumber+uint64(i)) >= number }))
}

func (n *node) note(calls []call) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch calls[0].Method {
	case "eth_getBlockByNumber":
		n.headers++
	case "eth_call":
		n.calls++
	default:
		n.other++
	}
	if !n.accounts {
		return
	}
	for _, c := range calls {
		var message single
		var at struct{ BlockHash string }
		if c.Method != "eth_call" || json.Unmarshal(c.Params[0], &message) != nil || json.Unmarshal(c.Params[1], &at) != nil {
			continue
		}
		n.wanted[at.BlockHash] = append(n.wanted[at.BlockHash], unpack(message)...)
	}
}

var aggregate3 = func() abi.Arguments {
	calls, err := abi.NewType("tuple[]", "", []abi.ArgumentMarshaling{
		{Name: "target", Type: "address"}, {Name: "allowFailure", Type: "bool"}, {Name: "callData", Type: "bytes"},
	})
	if err != nil {
		panic(err)
	}
	return abi.Arguments{{Type: calls}}
}()

// unpack lists the calls of a round; a call that is none stands for itself.
func unpack(message single) []single {
	if message.To != evm.Multicall3 {
		return []single{message}
	}
	values, err := aggregate3.Unpack(message.Data[4:])
	if err != nil {
		panic(err)
	}
	type inner struct {
		Target       common.Address
		AllowFailure bool
		CallData     []byte
	}
	var out []single
	for _, c := range *abi.ConvertType(values[0], new([]inner)).(*[]inner) {
		out = append(out, single{To: c.Target, Data: c.CallData})
	}
	return out
}

func (n *node) requests() (headers, calls, other int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.headers, n.calls, n.other
}

// The search for blocks must not be flattered by a chain without empty slots.
func TestTheNodeHasEmptySlots(t *testing.T) {
	t.Parallel()
	n := newNode(nil, 0, firstSlot.Add(24*time.Hour))
	if got := len(n.slots); got < 7050 || got > 7190 || !strings.HasPrefix(n.block("finalized").(map[string]any)["hash"].(string), "0x") {
		t.Errorf("a day has %d blocks in 7,200 slots", got)
	}
}

// Where RocketStorage names other contracts than today's, a second request follows
// for each group of 50 blocks, and no more.
func TestOlderVersionsTakeASecondRequest(t *testing.T) {
	t.Parallel()
	state := chaintest.NewEthereum()
	state.Now = func() time.Time { return now }
	state.TeachRocketPool()
	storage, pool := evm.MustAddress("0x1d8f8f00cfa6758d7bE78336684788Fb0ee0Fa46"), evm.MustAddress("0xDD3f50F8A6CafbE9b31a427582963f465E745AF8")
	contract := func(name string) evm.Call {
		return evm.MustMethod("getAddress(bytes32) returns (address)").At(storage, [32]byte(crypto.Keccak256Hash([]byte("contract.address"+name))))
	}
	fees := evm.MustAddress("0x320f3aAB9405e38b955178BBe75c477dECBA0C27")
	state.Answer(contract("rocketDepositPool"), pool) // those of v1.3
	state.Answer(contract("rocketNetworkFees"), fees)
	state.Answer(contract("rocketNetworkRevenues"), common.Address{})
	state.Answer(evm.MustMethod("getMaximumDepositAmount() returns (uint256)").At(pool), 5)
	state.Answer(evm.MustMethod("getNodeFee() returns (uint256)").At(fees), 140_000_000_000_000_000)
	n := newNode(state, 0, now)
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	backfill(t, build(t, "rocketpool"), server.URL, 100)
	if _, calls, _ := n.requests(); calls != 4 {
		t.Errorf("%d requests for two groups of 50 blocks", calls)
	}
}

// The reports are searched for in the request of the state: two groups of 50 blocks
// take two requests.
func TestReportsTakeNoRequestOfTheirOwn(t *testing.T) {
	t.Parallel()
	state := chaintest.NewEthereum()
	state.Now = func() time.Time { return now }
	state.TeachLido()
	n := newNode(state, 0, now)
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	_, rows := backfill(t, build(t, "lido"), server.URL, 100)
	if _, calls, other := n.requests(); calls != 2 || other != 1 || rows == 0 {
		t.Errorf("%d requests for two groups of 50 blocks, %d others", calls, other)
	}
}
