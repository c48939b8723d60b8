package evm

import (
	"fmt"
	"math/big"
	"reflect"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Result is the answer to one call.
type Result struct {
	Call Call
	// Err is nil for an answer of the shape the signature promises. Its kind is
	// no_data when the chain has no answer (reverted, no contract), layout when the
	// answer has another shape, and the snapshot's when the block was not read.
	Err error
	// Data is the answer's bytes.
	Data []byte
	// Digest is the SHA-256 (hex) of the JSON-RPC result the answer came in; a
	// Multicall3 round has one for all its calls. Empty when there was no result.
	Digest string
	// Position is the block of an event; nil for calls, which are of the anchor's.
	Position *sdk.Position

	values []any
}

// newResult decodes data by the call's signature and refuses what does not fit
// exactly.
func newResult(c Call, height uint64, data []byte, digest string) Result {
	r := Result{Call: c, Data: data, Digest: digest}
	outputs := c.Method.abi.Outputs
	if len(data) == 0 {
		r.Err = sdk.Errorf(sdk.KindNoData, "no contract at block %d: %s has no code that answers %s", height, c.Target, c.Method)
		return r
	}
	if size, static := staticSize(outputs); static && len(data) != size {
		r.Err = sdk.Errorf(sdk.KindLayout, "block %d: %s of %s answered %d bytes, %d expected", height, c.Method, c.Target, len(data), size)
		return r
	}
	values, err := outputs.Unpack(data)
	if err != nil {
		r.Err = sdk.Errorf(sdk.KindLayout, "block %d: %s of %s answered what its signature does not allow: %w", height, c.Method, c.Target, err)
		return r
	}
	r.values = values
	return r
}

func revertedResult(c Call, height uint64, text, digest string) Result {
	return Result{Call: c, Digest: digest, Err: sdk.Errorf(sdk.KindNoData, "%s reverted at block %d: %s", c.Method, height, text)}
}

// staticSize is the exact size of an answer whose types all have a fixed size.
func staticSize(outputs abi.Arguments) (size int, static bool) {
	for _, out := range outputs {
		switch out.Type.T {
		case abi.StringTy, abi.BytesTy, abi.SliceTy, abi.ArrayTy, abi.TupleTy:
			return 0, false
		}
		size += 32
	}
	return size, true
}

// Absent reports that the chain itself has no answer to the call at this block,
// in contrast to an answer that could not be read.
func (r Result) Absent() bool { return sdk.KindOf(r.Err) == sdk.KindNoData }

// Value returns the decoded return value at place i as go-ethereum's abi package
// gives it.
func (r Result) Value(i int) (any, error) {
	if r.Err != nil {
		return nil, r.Err
	}
	if i < 0 || i >= len(r.values) {
		return nil, sdk.Errorf(sdk.KindInternal, "%s returns %d values, value %d asked for", r.Call.Method, len(r.values), i)
	}
	return r.values[i], nil
}

// Int returns the integer at place i; a bool counts as 0 or 1.
func (r Result) Int(i int) (*big.Int, error) {
	v, err := r.Value(i)
	if err != nil {
		return nil, err
	}
	switch n := v.(type) {
	case *big.Int:
		return n, nil
	case bool:
		if n {
			return big.NewInt(1), nil
		}
		return new(big.Int), nil
	}
	rv := reflect.ValueOf(v)
	switch {
	case rv.CanUint():
		return new(big.Int).SetUint64(rv.Uint()), nil
	case rv.CanInt():
		return big.NewInt(rv.Int()), nil
	}
	return nil, r.typeError(i, "an integer")
}

// Uint64 returns the integer at place i when it fits 64 bits.
func (r Result) Uint64(i int) (uint64, error) {
	n, err := r.Int(i)
	if err != nil {
		return 0, err
	}
	if !n.IsUint64() {
		return 0, sdk.Errorf(sdk.KindLayout, "%s: value %d is %s, which is no 64 bit number", r.Call.Method, i, n)
	}
	return n.Uint64(), nil
}

// Bool returns the flag at place i.
func (r Result) Bool(i int) (bool, error) {
	v, err := r.Value(i)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, r.typeError(i, "a flag")
	}
	return b, nil
}

// Address returns the address at place i.
func (r Result) Address(i int) (common.Address, error) {
	v, err := r.Value(i)
	if err != nil {
		return common.Address{}, err
	}
	a, ok := v.(common.Address)
	if !ok {
		return common.Address{}, r.typeError(i, "an address")
	}
	return a, nil
}

// Text returns the string at place i.
func (r Result) Text(i int) (string, error) {
	v, err := r.Value(i)
	if err != nil {
		return "", err
	}
	s, ok := v.(string)
	if !ok {
		return "", r.typeError(i, "a string")
	}
	return s, nil
}

func (r Result) typeError(i int, want string) error {
	return sdk.Errorf(sdk.KindInternal, "value %d of %s is not %s", i, r.Call.Method, want)
}

// Source is the evidence for the value at place i.
func (r Result) Source(i int) sdk.Source {
	method := r.Call.Method.String()
	if r.Call.blocks > 0 {
		method = "eth_getLogs " + method
	}
	return sdk.Source{
		Method: method,
		Target: r.Call.Target.Hex(),
		Field:  fmt.Sprintf("word %d", i) + prefixed(" of ", r.Call.args),
		Digest: r.Digest,
	}
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
