package gateway

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Classes of trouble, as counted in stats and metrics.
const (
	classTransport    = "transport"    // no connection, or it broke
	classTimeout      = "timeout"      // no answer within the endpoint's timeout
	classRateLimit    = "rate_limit"   // HTTP 429 or a JSON-RPC code that means it
	classHTTP         = "http"         // any other status but 200
	classBody         = "body"         // truncated, not JSON, not JSON-RPC, calls left out
	classOversize     = "oversize"     // larger than max_body
	classBusy         = "busy"         // JSON-RPC: internal error, overload, unhealthy node
	classBehind       = "behind"       // the node has not got that far
	classNoState      = "no_state"     // the node has pruned that state
	classBatch        = "batch"        // too many calls, or too large an answer, for one request
	classIdentity     = "identity"     // the endpoint is of another chain
	classCancelled    = "cancelled"    // the task ended or ran out of time
	classRPC          = "rpc"          // deterministic JSON-RPC error, passed on
	classDisagreement = "disagreement" // two endpoints differ
	classUnrecorded   = "unrecorded"   // replay has no such exchange
)

// trouble is why one exchange, or one call of it, gave no answer.
type trouble struct {
	class string
	kind  sdk.Kind // of the error when nothing else helps
	alias string
	text  string // what happened, free of secrets

	ruleOut bool // asking this endpoint again is pointless in this run
	fault   bool // counts against the endpoint's circuit breaker
	split   bool // fewer calls in one request may help
}

func (t *trouble) Error() string { return fmt.Sprintf("endpoint %q: %s", t.alias, t.text) }

// wrongURL is what a URL is not, by kind of chain, when nobody is there.
var wrongURL = map[string]string{
	EVM: "is not a JSON-RPC server", Solana: "is not a JSON-RPC server", Beacon: "is not a beacon node",
	API: "has not got this path",
}

// httpTrouble says what a status other than 200 means.
func httpTrouble(kind string, status int) *trouble {
	t := &trouble{class: classHTTP, kind: sdk.KindTransient, text: fmt.Sprintf("http %d", status)}
	if name := http.StatusText(status); name != "" {
		t.text += " (" + strings.ToLower(name) + ")"
	}
	switch {
	case status == http.StatusTooManyRequests:
		t.class = classRateLimit
	case status == http.StatusRequestEntityTooLarge:
		t.class, t.split, t.ruleOut = classBatch, true, true
	case status == http.StatusUnauthorized:
		t.kind, t.ruleOut, t.fault = sdk.KindConfig, true, true
		t.text += ": the endpoint's key is missing or wrong"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status/100 == 3:
		t.kind, t.ruleOut, t.fault = sdk.KindConfig, true, true
		t.text += ": the endpoint's URL " + wrongURL[kind]
	case status/100 == 5, status == http.StatusRequestTimeout:
		t.fault = true
	default: // 402, 403 and other refusals: another endpoint may serve
		t.ruleOut, t.fault = true, true
	}
	return t
}

// has reports whether text holds one of the phrases.
func has(text string, phrases ...string) bool {
	for _, p := range phrases {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// rpcTrouble says what a JSON-RPC error means: nil if it is the chain's own
// deterministic answer and belongs to the plugin. Providers agree on few codes,
// so for EVM chains the message decides where the code does not.
func rpcTrouble(kind string, e *rpcError) *trouble {
	msg := strings.ToLower(e.Message)
	if isREST(kind) {
		return nil // sorted by its status already, see restAnswer
	}
	t := &trouble{kind: sdk.KindTransient, text: fmt.Sprintf("json-rpc error %d: %s", e.Code, shorten(e.Message, 160))}
	if kind == Solana {
		return solanaTrouble(t, e.Code, msg)
	}
	as := func(class string) *trouble { t.class = class; return t }
	switch {
	case e.Code == 3, has(msg, "revert"):
		return nil
	case has(msg, "batch") && has(msg, "large", "limit", "exceed", "too many", "max"),
		has(msg, "response too large", "response size"):
		t.split, t.ruleOut = true, true
		return as(classBatch)
	case e.Code == 429, e.Code == -32029,
		e.Code == -32005 && !has(msg, "query returned", "more than", "range", "log"),
		has(msg, "rate limit", "ratelimit", "too many requests", "request limit", "requests per second",
			"request count exceeded", "compute units", "throughput", "quota", "credits"):
		return as(classRateLimit)
	case has(msg, "missing trie node", "pruned", "archive", "historical state", "state histor",
		"state is not available", "state not available", "state unavailable", "old data not available",
		"no state available"):
		t.ruleOut, t.kind = true, sdk.KindConfig
		t.text += ": this needs an archive endpoint"
		return as(classNoState)
	case has(msg, "header not found", "block not found", "unknown block", "header for hash not found",
		"block is out of range", "after last accepted", "requested block", "future block"):
		return as(classBehind)
	case e.Code == -32603, e.Code == -32002, has(msg, "timeout", "timed out", "deadline", "busy", "overload",
		"try again", "temporarily", "unavailable", "no healthy", "bad gateway", "capacity", "syncing"):
		return as(classBusy)
	}
	return nil
}

// solanaTrouble reads the codes of Solana's rpc_custom_error.
func solanaTrouble(t *trouble, code int64, msg string) *trouble {
	switch code {
	case -32016: // minimum context slot not reached
		t.class = classBehind
	case -32005: // node unhealthy or behind
		t.class = classBusy
	case -32004, -32014: // block, or block status, not yet available
		t.class = classBehind
	case -32603, -32019: // internal, long-term storage unreachable
		t.class = classBusy
	case -32010, -32012: // key excluded from the secondary index, scan error
		t.class, t.ruleOut, t.kind = classNoState, true, sdk.KindConfig
	case 429, -32029, -32429:
		t.class = classRateLimit
	default:
		switch {
		case has(msg, "rate limit", "too many requests", "request limit"):
			t.class = classRateLimit
		case has(msg, "batch") && has(msg, "large", "limit", "exceed", "too many", "max"):
			t.class, t.split, t.ruleOut = classBatch, true, true
		default:
			return nil
		}
	}
	return t
}
