package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// notRecorded is what every call without an answer reverts with, and every search for
// events is answered with.
const notRecorded = "not in the recorded sources"

// evmNode is a JSON-RPC node that knows the answers to some calls at one block.
type evmNode struct {
	height  uint64
	answers map[string][]byte // by target and call data
}

func newEVMNode(m moment) (*evmNode, error) {
	n := &evmNode{height: m.Height, answers: map[string][]byte{}}
	for _, a := range m.Calls {
		call, err := a.call()
		if err != nil {
			return nil, err
		}
		key := callKey(call.Target, call.Input())
		if _, twice := n.answers[key]; twice {
			return nil, fmt.Errorf("%s has two answers", a.What)
		}
		if n.answers[key], err = a.result(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func callKey(target common.Address, input []byte) string { return string(target[:]) + string(input) }

// call is the call that has the answer.
func (a answer) call() (call evm.Call, err error) {
	method, err := evm.ParseMethod(a.Method)
	if err != nil {
		return call, err
	}
	head, _, _ := strings.Cut(a.Method, ")")
	_, list, _ := strings.Cut(head, "(")
	var types []string
	if list != "" {
		types = strings.Split(list, ",")
	}
	if len(types) != len(a.Args) {
		return call, fmt.Errorf("%s: %s with %d arguments", a.What, a.Method, len(a.Args))
	}
	args := make([]any, len(types))
	for i, text := range a.Args {
		switch types[i] {
		case "bytes32":
			word, err := hexutil.Decode(text)
			if err != nil || len(word) != 32 {
				return call, fmt.Errorf("%s: %q is no bytes32", a.What, text)
			}
			args[i] = [32]byte(word)
		case "string":
			args[i] = text
		default:
			return call, fmt.Errorf("%s: arguments of type %s are not known here", a.What, types[i])
		}
	}
	return method.At(a.To, args...), nil
}

// result is the returned bytes.
func (a answer) result() ([]byte, error) {
	var out []byte
	for _, text := range a.Words {
		if common.IsHexAddress(text) {
			out = append(out, common.LeftPadBytes(common.HexToAddress(text).Bytes(), 32)...)
			continue
		}
		n, ok := new(big.Int).SetString(text, 10)
		if !ok || n.Sign() < 0 || n.BitLen() > 256 {
			return nil, fmt.Errorf("%s: %q is neither an address nor a number of 256 bits", a.What, text)
		}
		out = append(out, common.LeftPadBytes(n.Bytes(), 32)...)
	}
	return out, nil
}

type rpcCall struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

type rpcAnswer struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    string `json:"data,omitempty"`
}

// ServeHTTP answers single calls and batches.
func (n *evmNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "cannot read the body", http.StatusBadRequest)
		return
	}
	var batch []rpcCall
	var out any
	if json.Unmarshal(body, &batch) == nil {
		answers := make([]rpcAnswer, len(batch))
		for i, c := range batch {
			answers[i] = n.answer(c)
		}
		out = answers
	} else {
		var one rpcCall
		if err := json.Unmarshal(body, &one); err != nil {
			http.Error(w, "not JSON-RPC", http.StatusBadRequest)
			return
		}
		out = n.answer(one)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // a client that hung up is its own business
}

func (n *evmNode) answer(c rpcCall) rpcAnswer {
	out := rpcAnswer{Version: "2.0", ID: c.ID}
	switch c.Method {
	case "eth_chainId":
		out.Result = "0x1"
	case "eth_call":
		data, ok, err := n.call(c.Params)
		switch {
		case err != nil:
			out.Error = &rpcError{Code: -32602, Message: err.Error()}
		case ok:
			out.Result = hexutil.Encode(data)
		default:
			out.Error = &rpcError{Code: 3, Message: "execution reverted: " + notRecorded, Data: hexutil.Encode(data)}
		}
	case "eth_getLogs":
		out.Error = &rpcError{Code: -32000, Message: notRecorded}
	default:
		out.Error = &rpcError{Code: -32601, Message: "the method " + c.Method + " is not known here"}
	}
	return out
}

// call makes one eth_call. ok is false when it reverts; data is then the reason.
func (n *evmNode) call(params []json.RawMessage) (data []byte, ok bool, err error) {
	var message struct {
		To   common.Address `json:"to"`
		Data hexutil.Bytes  `json:"data"`
	}
	var block string
	if len(params) != 2 || json.Unmarshal(params[0], &message) != nil || json.Unmarshal(params[1], &block) != nil {
		return nil, false, fmt.Errorf("eth_call wants a message and a block number")
	}
	if block != "0x"+strconv.FormatUint(n.height, 16) {
		return nil, false, fmt.Errorf("block %s is not block %d", block, n.height)
	}
	if message.To == evm.Multicall3 {
		data, err := n.aggregate(message.Data)
		return data, true, err
	}
	data, ok = n.one(message.To, message.Data)
	return data, ok, nil
}

func (n *evmNode) one(target common.Address, input []byte) (data []byte, ok bool) {
	if data, ok := n.answers[callKey(target, input)]; ok {
		return data, true
	}
	return reverted, false
}

// multicall3 is the part of the Multicall3 contract that plugins use.
var multicall3 = mustABI(`[{"type":"function","name":"aggregate3","stateMutability":"payable",
	"inputs":[{"name":"calls","type":"tuple[]","components":[{"name":"target","type":"address"},{"name":"allowFailure","type":"bool"},{"name":"callData","type":"bytes"}]}],
	"outputs":[{"name":"returnData","type":"tuple[]","components":[{"name":"success","type":"bool"},{"name":"returnData","type":"bytes"}]}]},
	{"type":"function","name":"Error","inputs":[{"name":"reason","type":"string"}]}]`)

// reverted is the ABI's Error(string) with notRecorded.
var reverted = func() []byte {
	data, err := multicall3.Pack("Error", notRecorded)
	if err != nil {
		panic(err)
	}
	return data
}()

func mustABI(text string) abi.ABI {
	parsed, err := abi.JSON(strings.NewReader(text))
	if err != nil {
		panic(err)
	}
	return parsed
}

func (n *evmNode) aggregate(input []byte) ([]byte, error) {
	method := multicall3.Methods["aggregate3"]
	if len(input) < 4 || string(input[:4]) != string(method.ID) {
		return nil, fmt.Errorf("of Multicall3 only aggregate3 is known here")
	}
	var in struct {
		Calls []struct {
			Target       common.Address
			AllowFailure bool
			CallData     []byte
		}
	}
	values, err := method.Inputs.Unpack(input[4:])
	if err == nil {
		err = method.Inputs.Copy(&in, values)
	}
	if err != nil {
		return nil, fmt.Errorf("aggregate3: %w", err)
	}
	type outcome struct {
		Success    bool
		ReturnData []byte
	}
	out := make([]outcome, len(in.Calls))
	for i, c := range in.Calls {
		out[i].ReturnData, out[i].Success = n.one(c.Target, c.CallData)
		if !out[i].Success && !c.AllowFailure {
			return nil, fmt.Errorf("aggregate3: call %d may not fail", i)
		}
	}
	return method.Outputs.Pack(out)
}
