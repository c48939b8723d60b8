package main

import (
	"context"
	"math/big"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

var (
	here   = common.HexToAddress("0x1d8f8f00cfa6758d7bE78336684788Fb0ee0Fa46")
	stored = evm.MustMethod("getUint(bytes32) returns (uint256)")
	named  = evm.MustMethod("balanceOf(string) returns (uint256)")
	owner  = evm.MustMethod("owner() returns (address,uint256)")
)

func known() moment {
	return moment{Height: 18_000_000, Calls: []answer{
		{What: "a number", To: here, Method: "getUint(bytes32) returns (uint256)", Args: []string{key("a")}, Words: []string{"12345678901234567890123"}},
		{What: "a name", To: here, Method: "balanceOf(string) returns (uint256)", Args: []string{"a name longer than thirty-two bytes, so of two words"}, Words: []string{"7"}},
		{What: "two words", To: here, Method: "owner() returns (address,uint256)", Words: []string{here.Hex(), "0"}},
	}}
}

// read asks the node through the reader the plugins use.
func read(t *testing.T, height uint64, calls ...evm.Call) *evm.Snapshot {
	t.Helper()
	node, err := newEVMNode(known())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(node)
	t.Cleanup(server.Close)
	client, err := evm.Dial(context.Background(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client.Read(t.Context(), []sdk.Anchor{{Chain: ethereum, Height: height}}, func(sdk.Anchor) []evm.Call { return calls })[0]
}

func TestTheNodeAnswersWhatIsRecordedAndRevertsOtherwise(t *testing.T) {
	t.Parallel()
	a := stored.At(here, [32]byte(common.HexToHash(key("a"))))
	b := stored.At(here, [32]byte(common.HexToHash(key("b"))))
	elsewhere := stored.At(common.Address{1}, [32]byte(common.HexToHash(key("a"))))
	name := named.At(here, "a name longer than thirty-two bytes, so of two words")
	two := owner.At(here)
	s := read(t, 18_000_000, a, b, elsewhere, name, two)
	if s.Err != nil {
		t.Fatal(s.Err)
	}
	if n, err := s.Get(a).Int(0); err != nil || n.String() != "12345678901234567890123" {
		t.Errorf("number: %v, %v", n, err)
	}
	if n, err := s.Get(name).Int(0); err != nil || n.Cmp(big.NewInt(7)) != 0 {
		t.Errorf("name: %v, %v", n, err)
	}
	if at, err := s.Get(two).Address(0); err != nil || at != here {
		t.Errorf("address: %v, %v", at, err)
	}
	for _, c := range []evm.Call{b, elsewhere} {
		if r := s.Get(c); !r.Absent() || !strings.Contains(r.Err.Error(), notRecorded) {
			t.Errorf("unrecorded call: %v", r.Err)
		}
	}
}

func TestTheNodeKnowsOneBlockOnly(t *testing.T) {
	t.Parallel()
	if s := read(t, 18_000_001, owner.At(here)); s.Err == nil || !strings.Contains(s.Err.Error(), "0x112a881 is not block 18000000") {
		t.Errorf("another block: %v", s.Err)
	}
}

func TestAnswersThatCanNotBeAreRefused(t *testing.T) {
	t.Parallel()
	twice := known()
	twice.Calls = append(twice.Calls, twice.Calls[0])
	for name, m := range map[string]moment{
		"an answer twice":         twice,
		"no signature":            {Calls: []answer{{Method: "getUint"}}},
		"an argument too few":     {Calls: []answer{{Method: "getUint(bytes32) returns (uint256)", Words: []string{"1"}}}},
		"a short bytes32":         {Calls: []answer{{Method: "getUint(bytes32) returns (uint256)", Args: []string{"0x12"}, Words: []string{"1"}}}},
		"an unknown type":         {Calls: []answer{{Method: "get(int8) returns (uint256)", Args: []string{"1"}, Words: []string{"1"}}}},
		"a word that is none":     {Calls: []answer{{Method: "get() returns (uint256)", Words: []string{"1.5"}}}},
		"a negative word":         {Calls: []answer{{Method: "get() returns (uint256)", Words: []string{"-1"}}}},
		"a word beyond 256 bits ": {Calls: []answer{{Method: "get() returns (uint256)", Words: []string{strings.Repeat("9", 78)}}}},
	} {
		if _, err := newEVMNode(m); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
