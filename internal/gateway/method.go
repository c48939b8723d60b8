package gateway

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// evmReads is what a plugin may ask an EVM chain: reads only. The value is the
// index of the block parameter, or one of the constants below.
var evmReads = map[string]int{
	"eth_blockNumber":           never,
	"eth_call":                  1,
	"eth_chainId":               always,
	"eth_feeHistory":            1,
	"eth_gasPrice":              never,
	"eth_getBalance":            1,
	"eth_getBlockByHash":        always,
	"eth_getBlockByNumber":      0,
	"eth_getBlockReceipts":      0,
	"eth_getCode":               1,
	"eth_getHeaderByHash":       always,
	"eth_getHeaderByNumber":     0,
	"eth_getLogs":               byFilter,
	"eth_getProof":              2,
	"eth_getStorageAt":          2,
	"eth_getTransactionByHash":  always,
	"eth_getTransactionCount":   1,
	"eth_getTransactionReceipt": always,
	"net_version":               always,
}

const (
	never    = -1 // the answer changes with time
	always   = -2 // the answer never changes
	byFilter = -3 // eth_getLogs: pinned when both ends are
)

var solanaRead = regexp.MustCompile(`^get[A-Z][A-Za-z]*$`)

// solanaPinned are reads of a slot or transaction that is history.
var solanaPinned = map[string]bool{
	"getBlock": true, "getBlockTime": true, "getTransaction": true, "getGenesisHash": true,
}

// mayRead reports whether a plugin may use the method on a kind of chain.
func mayRead(kind, method string) bool {
	switch kind {
	case Solana:
		return solanaRead.MatchString(method)
	case Beacon:
		return beaconReads.MatchString(method)
	}
	_, ok := evmReads[method]
	return ok
}

// quantity matches a block number, as opposed to a tag such as "latest".
var quantity = regexp.MustCompile(`^0[xX][0-9a-fA-F]+$`)

// pinned reports whether the answer to a call can never change, because the
// call names a block by number or hash. Such answers may be shared between
// recordings and compared between endpoints.
func pinned(kind string, c call) bool {
	switch kind {
	case Solana:
		return solanaPinned[c.method]
	case Beacon:
		return beaconPinned.MatchString(c.method)
	}
	at, ok := evmReads[c.method]
	if !ok || at == never {
		return false
	}
	if at == always {
		return true
	}
	var params []json.RawMessage
	if json.Unmarshal(c.params, &params) != nil {
		return false
	}
	if at == byFilter {
		var f struct{ FromBlock, ToBlock, BlockHash string }
		if len(params) == 0 || json.Unmarshal(params[0], &f) != nil {
			return false
		}
		return f.BlockHash != "" || quantity.MatchString(f.FromBlock) && quantity.MatchString(f.ToBlock)
	}
	return at < len(params) && blockPinned(params[at])
}

// blockPinned reads a block parameter: a quantity, or an EIP-1898 object.
func blockPinned(raw json.RawMessage) bool {
	var tag string
	if json.Unmarshal(raw, &tag) == nil {
		return quantity.MatchString(tag)
	}
	var obj struct{ BlockHash, BlockNumber string }
	return json.Unmarshal(raw, &obj) == nil && (obj.BlockHash != "" || quantity.MatchString(obj.BlockNumber))
}

// canonical writes params so that equal requests are equal bytes: compact, keys
// sorted, numbers as written, hex lower-case on EVM chains; absent is [].
func canonical(kind string, params json.RawMessage) (json.RawMessage, error) {
	if len(params) == 0 || string(params) == "null" {
		return json.RawMessage("[]"), nil
	}
	dec := json.NewDecoder(bytes.NewReader(params))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if kind == EVM {
		v = lowerHex(v)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

func lowerHex(v any) any {
	switch v := v.(type) {
	case string:
		if quantity.MatchString(v) {
			return strings.ToLower(v)
		}
	case []any:
		for i := range v {
			v[i] = lowerHex(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = lowerHex(v[k])
		}
	}
	return v
}
