package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// call is one JSON-RPC call without its id.
type call struct {
	method string
	params json.RawMessage // as the plugin wrote it; nil when absent
}

// reply is the outcome of a call: exactly one of result, rpc and fail is set.
type reply struct {
	result json.RawMessage // the very bytes the endpoint sent
	rpc    *rpcError       // a deterministic error of the endpoint, passed on
	fail   error           // the gateway's own verdict, with an sdk.Kind
	alias  string
}

// rpcError is the error object of JSON-RPC 2.0.
type rpcError struct {
	Code    int64           `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Codes of the errors the gateway makes itself. Their data is {"kind": ...}
// with an sdk.Kind, so that a client can tell what should happen next.
const (
	codeGateway  = -32090
	codeRefused  = -32601
	codeInvalid  = -32600
	codeNotJSON  = -32700
	batchCeiling = 10_000
)

// errRefused marks calls the gateway does not let through.
var errRefused = errors.New("refused")

// gatewayError renders an error of the gateway for the plugin.
func gatewayError(err error) *rpcError {
	code := int64(codeGateway)
	if errors.Is(err, errRefused) {
		code = codeRefused
	}
	data, _ := json.Marshal(map[string]sdk.Kind{"kind": sdk.KindOf(err)}) // cannot fail
	return &rpcError{Code: code, Message: err.Error(), Data: data}
}

// inbound is a call as a plugin sends it.
type inbound struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// parseRequest reads a single call or a batch.
func parseRequest(body []byte) (items []inbound, batch bool, bad *rpcError) {
	body = bytes.TrimSpace(body)
	batch = len(body) > 0 && body[0] == '['
	var err error
	if batch {
		err = json.Unmarshal(body, &items)
	} else {
		items = make([]inbound, 1)
		err = json.Unmarshal(body, &items[0])
	}
	switch {
	case err != nil && !json.Valid(body):
		return nil, batch, &rpcError{Code: codeNotJSON, Message: "the request is not JSON"}
	case err != nil:
		return nil, batch, &rpcError{Code: codeInvalid, Message: "the request is not a JSON-RPC call or batch"}
	case len(items) == 0:
		return nil, batch, &rpcError{Code: codeInvalid, Message: "the batch is empty"}
	case len(items) > batchCeiling:
		return nil, batch, &rpcError{Code: codeInvalid, Message: fmt.Sprintf("the batch has %d calls, the limit is %d", len(items), batchCeiling)}
	}
	return items, batch, nil
}

// writeReply appends a JSON-RPC response by hand, because encoding/json would
// compact and escape the result and so change its digest.
func writeReply(w *bytes.Buffer, id json.RawMessage, r reply) {
	w.WriteString(`{"jsonrpc":"2.0","id":`)
	if len(id) == 0 {
		w.WriteString("null")
	} else {
		w.Write(id)
	}
	switch {
	case r.fail != nil:
		writeError(w, gatewayError(r.fail))
	case r.rpc != nil:
		writeError(w, r.rpc)
	default:
		w.WriteString(`,"result":`)
		w.Write(r.result)
	}
	w.WriteByte('}')
}

func writeError(w *bytes.Buffer, e *rpcError) {
	w.WriteString(`,"error":`)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(e) // a valid RawMessage and strings cannot fail
}

// encodeCalls writes calls with the ids 1..n, one as an object, more as a batch.
func encodeCalls(calls []call) []byte {
	var b bytes.Buffer
	if len(calls) > 1 {
		b.WriteByte('[')
	}
	for i, c := range calls {
		if i > 0 {
			b.WriteByte(',')
		}
		method, _ := json.Marshal(c.method) // a string cannot fail
		b.WriteString(`{"jsonrpc":"2.0","id":` + strconv.Itoa(i+1) + `,"method":`)
		b.Write(method)
		b.WriteString(`,"params":`)
		if len(c.params) == 0 {
			b.WriteString("[]")
		} else {
			b.Write(c.params)
		}
		b.WriteByte('}')
	}
	if len(calls) > 1 {
		b.WriteByte(']')
	}
	return b.Bytes()
}

// answer is one response of an endpoint: result or error, or neither when the
// endpoint left the call out.
type answer struct {
	result json.RawMessage
	err    *rpcError
}

var (
	errNotJSON = errors.New("answer is cut short or not JSON")
	errShape   = errors.New("answer is not a JSON-RPC response")
)

// decodeAnswers sorts the responses of a body to the calls 1..n, in any order.
// A single error object for a batch counts for every call of it.
func decodeAnswers(body []byte, n int) ([]answer, error) {
	type response struct {
		ID     json.RawMessage `json:"id"`
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	body = bytes.TrimSpace(body)
	var list []response
	single := len(body) > 0 && body[0] == '{'
	var err error
	if single {
		list = make([]response, 1)
		err = json.Unmarshal(body, &list[0])
	} else {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		if !json.Valid(body) {
			return nil, errNotJSON
		}
		return nil, errShape
	}
	out := make([]answer, n)
	for _, r := range list {
		a := answer{result: r.Result}
		if len(r.Error) > 0 && string(r.Error) != "null" {
			a = answer{err: decodeError(r.Error)}
		}
		if single && a.err != nil {
			for i := range out {
				out[i] = a
			}
			return out, nil
		}
		id, err := strconv.Atoi(string(bytes.Trim(r.ID, `"`)))
		if err != nil || id < 1 || id > n {
			continue // not ours: the call it belongs to stays unanswered
		}
		if out[id-1].result != nil || out[id-1].err != nil {
			return nil, fmt.Errorf("%w: two answers to one call", errShape)
		}
		out[id-1] = a
	}
	return out, nil
}

// decodeError reads an error object, and whatever else servers put in its place.
func decodeError(raw json.RawMessage) *rpcError {
	var e rpcError
	if json.Unmarshal(raw, &e) == nil && (e.Code != 0 || e.Message != "") {
		return &e
	}
	return &rpcError{Code: -32603, Message: shorten(string(raw), 200)}
}

// shorten cuts a text for a message.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n]) + "…"
}
