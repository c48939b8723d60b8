package evmtest

import (
	_ "embed"
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

//go:embed Multicall3.hex
var multicall3Hex string

func multicall3() []byte { return mustHex(multicall3Hex) }

// answering is the code of every taught contract. With h = keccak256(calldata)
// it loads head = storage[h], copies head >> 1 bytes from storage[h+1],
// storage[h+2], ... and returns them if head's lowest bit is set, or reverts with
// them. An untaught call has head 0 and so reverts with nothing.
//
//	00  36 6000 6000 37      calldatacopy(0, 0, calldatasize)
//	06  36 6000 20           h = keccak256(0, calldatasize)
//	0a  80 54                head = sload(h)                       [h head]
//	0c  6000                 i = 0                                 [h head i]
//	0e  5b                   loop:
//	0f  81 6001 1c 81 10 15  not (i < head >> 1)
//	16  602b 57              then goto done
//	19  80 6005 1c 6001 01   i/32 + 1
//	20  83 01 54             sload(h + that)
//	23  81 52                mstore(i, it)
//	25  6020 01 600e 56      i += 32; goto loop
//	2b  5b 50                done:                                 [h head]
//	2d  80 6001 1c           length = head >> 1
//	31  90 6001 16           head & 1                              [h length ok]
//	35  603c 57              if ok goto return
//	38  6000 fd              revert(0, length)
//	3b  00                   stop, never reached
//	3c  5b 6000 f3           return(0, length)
const answering = "36600060003736600020805460005b8160011c811015602b578060051c60010183015481526020" +
	"01600e565b508060011c90600116603c576000fd005b6000f3"

func mustHex(s string) []byte {
	b, err := hex.DecodeString(strings.TrimSpace(s))
	if err != nil {
		panic(err)
	}
	return b
}

// Answer teaches the answer to a call: words of 32 bytes, one for each value.
// A word may be an int, a *big.Int (negative ones in two's complement), a bool, an
// address or a [32]byte.
func (c *Chain) Answer(call evm.Call, words ...any) {
	c.t.Helper()
	c.AnswerBytes(call, c.words(words))
}

// AnswerBytes teaches an answer byte for byte, for dynamic types and garbage.
func (c *Chain) AnswerBytes(call evm.Call, data []byte) {
	c.t.Helper()
	c.teach(call, data, true)
}

// AnswerString teaches a single string as the answer.
func (c *Chain) AnswerString(call evm.Call, text string) {
	c.t.Helper()
	typ, err := abi.NewType("string", "", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	data, err := abi.Arguments{{Type: typ}}.Pack(text)
	if err != nil {
		c.t.Fatal(err)
	}
	c.AnswerBytes(call, data)
}

// RevertWith makes a call revert with Error(text).
func (c *Chain) RevertWith(call evm.Call, text string) {
	c.t.Helper()
	typ, err := abi.NewType("string", "", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	data, err := abi.Arguments{{Type: typ}}.Pack(text)
	if err != nil {
		c.t.Fatal(err)
	}
	c.teach(call, append(crypto.Keccak256([]byte("Error(string)"))[:4], data...), false)
}

// Forget makes a call revert again, as if it had never been taught.
func (c *Chain) Forget(call evm.Call) {
	c.t.Helper()
	c.teach(call, nil, false)
}

func (c *Chain) teach(call evm.Call, data []byte, ok bool) {
	c.t.Helper()
	if !c.contracts[call.Target] {
		c.setCode(call.Target, mustHex(answering))
	}
	head := big.NewInt(int64(len(data)) << 1)
	if ok {
		head.SetBit(head, 0, 1)
	}
	slot := new(big.Int).SetBytes(crypto.Keccak256(call.Input()))
	batch := []rpc.BatchElem{c.store(call.Target, slot, common.BigToHash(head))}
	for start := 0; start < len(data); start += 32 {
		word := common.RightPadBytes(data[start:min(start+32, len(data))], 32)
		at := new(big.Int).Add(slot, big.NewInt(int64(start/32+1)))
		batch = append(batch, c.store(call.Target, at, common.BytesToHash(word)))
	}
	if err := c.rpc.BatchCall(batch); err != nil {
		c.t.Fatal(err)
	}
	for _, b := range batch {
		if b.Error != nil {
			c.t.Fatal(b.Error)
		}
	}
}

func (c *Chain) store(at common.Address, slot *big.Int, word common.Hash) rpc.BatchElem {
	return rpc.BatchElem{Method: "anvil_setStorageAt", Args: []any{at, (*hexutil.Big)(slot), word}, Result: new(bool)}
}

func (c *Chain) words(values []any) []byte {
	c.t.Helper()
	var out []byte
	for _, v := range values {
		switch v := v.(type) {
		case int:
			out = append(out, word(big.NewInt(int64(v)))...)
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
		case [32]byte:
			out = append(out, v[:]...)
		default:
			c.t.Fatalf("a %T is no word", v)
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
