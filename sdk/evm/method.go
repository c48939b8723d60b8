package evm

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
)

// Method is a contract function known by its signature.
type Method struct{ abi *abi.Method }

// ParseMethod reads a signature with its return types, for example
// "getUint(bytes32) returns (uint256)". Tuples are written "(uint256,address)[]".
func ParseMethod(signature string) (Method, error) {
	head, outs, found := strings.Cut(signature, " returns ")
	if !found {
		return Method{}, fmt.Errorf("signature %q: wants \"name(args) returns (types)\"", signature)
	}
	inputs, err := parseArguments(strings.TrimSpace(head))
	if err != nil {
		return Method{}, fmt.Errorf("signature %q: %w", signature, err)
	}
	outputs, err := parseArguments("returns" + strings.ReplaceAll(outs, " ", ""))
	if err != nil {
		return Method{}, fmt.Errorf("signature %q: %w", signature, err)
	}
	name, _, _ := strings.Cut(head, "(")
	m := abi.NewMethod(name, name, abi.Function, "view", false, false, inputs, outputs)
	return Method{&m}, nil
}

// MustMethod is ParseMethod for signatures written in a plugin's source. It
// panics on a malformed one.
func MustMethod(signature string) Method {
	m, err := ParseMethod(signature)
	if err != nil {
		panic(err)
	}
	return m
}

func parseArguments(selector string) (_ abi.Arguments, err error) {
	defer func() { // abi.ParseSelector indexes past the end of a text that breaks off
		if recover() != nil {
			err = fmt.Errorf("%q breaks off", selector)
		}
	}()
	parsed, err := abi.ParseSelector(selector)
	if err != nil {
		return nil, err
	}
	args := make(abi.Arguments, len(parsed.Inputs))
	for i, in := range parsed.Inputs {
		typ, err := abi.NewType(in.Type, in.InternalType, in.Components)
		if err != nil {
			return nil, err
		}
		args[i] = abi.Argument{Name: in.Name, Type: typ}
	}
	return args, nil
}

// String returns the canonical signature, for example "getUint(bytes32)".
func (m Method) String() string { return m.abi.Sig }

// Selector returns the first four bytes of the signature's Keccak-256.
func (m Method) Selector() [4]byte { return [4]byte(m.abi.ID) }

// At makes a call of the method on the contract at target. Integers may be given
// as int. It panics when the arguments do not fit the signature, which is a
// defect of the plugin.
func (m Method) At(target common.Address, args ...any) Call {
	for i, a := range args {
		if n, ok := a.(int); ok {
			args[i] = big.NewInt(int64(n))
		}
	}
	packed, err := m.abi.Inputs.Pack(args...)
	if err != nil {
		panic(fmt.Sprintf("call of %s: %v", m, err))
	}
	return Call{Target: target, Method: m, input: string(m.abi.ID) + string(packed), args: describe(args)}
}

// Call is a method with its arguments on a contract, or a search for the newest of
// its events (see Event.Newest).
type Call struct {
	Target common.Address
	Method Method
	input  string
	args   string
	blocks uint64 // how many blocks are searched for an event; 0: a method
}

// Input returns the call data; of a search, the topic.
func (c Call) Input() []byte { return []byte(c.input) }

type callKey struct {
	target common.Address
	input  string
}

func (c Call) key() callKey { return callKey{c.Target, c.input} }

// describe writes arguments for the evidence: short enough to read, complete
// enough to repeat the call.
func describe(args []any) string {
	if len(args) == 0 {
		return ""
	}
	parts := make([]string, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case [32]byte:
			parts[i] = common.Hash(v).Hex()
		case string:
			parts[i] = fmt.Sprintf("%q", v)
		default:
			parts[i] = fmt.Sprint(v)
		}
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// MustAddress reads a hexadecimal address whose letters carry a valid EIP-55
// checksum. It panics on any other, so that a mistyped constant never ships.
func MustAddress(hex string) common.Address {
	a := common.HexToAddress(hex)
	if a.Hex() != hex {
		panic(fmt.Sprintf("address %q has a wrong checksum", hex))
	}
	return a
}
