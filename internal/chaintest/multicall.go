package chaintest

import (
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// aggregate3 is the one function of Multicall3 the plugins use.
var aggregate3 = func() abi.Method {
	parsed, err := abi.JSON(strings.NewReader(`[{"type":"function","name":"aggregate3","stateMutability":"payable",
		"inputs":[{"name":"calls","type":"tuple[]","components":[
			{"name":"target","type":"address"},{"name":"allowFailure","type":"bool"},{"name":"callData","type":"bytes"}]}],
		"outputs":[{"name":"returnData","type":"tuple[]","components":[
			{"name":"success","type":"bool"},{"name":"returnData","type":"bytes"}]}]}]`))
	if err != nil {
		panic(err)
	}
	return parsed.Methods["aggregate3"]
}()

type innerCall struct {
	Target       common.Address
	AllowFailure bool
	CallData     []byte
}

type innerResult struct {
	Success    bool
	ReturnData []byte
}

// call answers one eth_call at a block; ok is false for a revert.
func (e *Ethereum) call(b Block, to common.Address, input []byte) (out []byte, ok bool) {
	if to != evm.Multicall3 {
		return e.contract(b, to, input)
	}
	if len(input) < 4 || [4]byte(input) != [4]byte(aggregate3.ID) {
		return nil, false
	}
	values, err := aggregate3.Inputs.Unpack(input[4:])
	if err != nil {
		return nil, false
	}
	calls := *abi.ConvertType(values[0], new([]innerCall)).(*[]innerCall)
	results := make([]innerResult, len(calls))
	for i, c := range calls {
		results[i].ReturnData, results[i].Success = e.contract(b, c.Target, c.CallData)
		if !results[i].Success && !c.AllowFailure {
			return nil, false
		}
	}
	out, err = aggregate3.Outputs.Pack(results)
	return out, err == nil
}

// contract answers what it was taught.
func (e *Ethereum) contract(b Block, to common.Address, input []byte) (out []byte, ok bool) {
	e.mu.Lock()
	answer := e.answers[key(to, input)]
	e.mu.Unlock()
	if answer == nil {
		return nil, false
	}
	values := answer(b)
	return words(values), values != nil
}
