package evm

import (
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// aggregate3 makes many calls in one and survives the failure of any of them.
var aggregate3 = MustMethod("aggregate3((address,bool,bytes)[]) returns ((bool,bytes)[])")

// getEthBalance reads an account's ether inside a Multicall3 round.
var getEthBalance = MustMethod("getEthBalance(address) returns (uint256)")

// EthBalance is a call for the ether of an account. It answers only from
// Multicall3Block on.
func EthBalance(account common.Address) Call { return getEthBalance.At(Multicall3, account) }

// The fields must follow the names abi gives to the parts of an unnamed tuple.
type aggregateCall struct {
	Name0 common.Address
	Name1 bool
	Name2 []byte
}

type aggregateResult struct {
	Success    bool
	ReturnData []byte
}

func packAggregate(calls []Call) ([]byte, error) {
	list := make([]aggregateCall, len(calls))
	for i, c := range calls {
		list[i] = aggregateCall{Name0: c.Target, Name1: true, Name2: c.Input()}
	}
	packed, err := aggregate3.abi.Inputs.Pack(list)
	if err != nil {
		return nil, sdk.Errorf(sdk.KindInternal, "cannot pack aggregate3: %w", err)
	}
	return append(append([]byte(nil), aggregate3.abi.ID...), packed...), nil
}

// unpackAggregate decodes the answer of aggregate3 to n calls.
func unpackAggregate(data []byte, n int) ([]aggregateResult, error) {
	if len(data) == 0 {
		return nil, sdk.Errorf(sdk.KindIdentity, "there is no Multicall3 at %s: is this another chain?", Multicall3)
	}
	values, err := aggregate3.abi.Outputs.Unpack(data)
	if err != nil {
		return nil, sdk.Errorf(sdk.KindLayout, "answer of aggregate3 cannot be decoded: %w", err)
	}
	raw := *abi.ConvertType(values[0], new([]struct {
		Name0 bool
		Name1 []byte
	})).(*[]struct {
		Name0 bool
		Name1 []byte
	})
	if len(raw) != n {
		return nil, sdk.Errorf(sdk.KindLayout, "aggregate3 answered %d results to %d calls", len(raw), n)
	}
	results := make([]aggregateResult, n)
	for i, r := range raw {
		results[i] = aggregateResult{r.Name0, r.Name1}
	}
	return results, nil
}
