package chaintest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// Fault answers a request in place of the node. next is the node; body is the
// request's.
type Fault func(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler)

// Spoil puts a fault in front of a node. mark selects the requests whose body
// contains it, all for "": a method in quotes, a Solana address, or Contract of an
// Ethereum address.
func Spoil(next http.Handler, mark string, fault Fault) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if strings.Contains(string(body), mark) {
			fault(w, r, body, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Contract is the mark of requests that touch a contract, alone or in a round of
// Multicall3.
func Contract(address string) string {
	return strings.TrimPrefix(strings.ToLower(common.HexToAddress(address).Hex()), "0x")
}

// RPCError answers every call with a JSON-RPC error.
func RPCError(code int, message string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, body []byte, _ http.Handler) {
		calls, batch, err := requests(body)
		if err != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		reply(w, calls, batch, func(request) (any, error) { return nil, &rpcError{code, message} })
	}
}

// Result answers every call of a method with the same result, whatever it asked;
// other calls reach the node.
func Result(method string, result any) Fault {
	return func(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
		calls, batch, err := requests(body)
		if err != nil || calls[0].Method != method {
			next.ServeHTTP(w, r)
			return
		}
		reply(w, calls, batch, func(request) (any, error) { return result, nil })
	}
}

// Garbage answers with what is no JSON, and status 200.
func Garbage(w http.ResponseWriter, _ *http.Request, _ []byte, _ http.Handler) {
	fmt.Fprint(w, "<html>\x00\xff It works! {\"jsonrpc\": \"2.0\", \"result\": ")
}

// Status answers with an HTTP status and, if it is not empty, Retry-After.
func Status(status int, retryAfter string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte, _ http.Handler) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		http.Error(w, http.StatusText(status), status)
	}
}

// Truncated breaks off in the middle of the true answer.
func Truncated(w http.ResponseWriter, r *http.Request, _ []byte, next http.Handler) {
	whole := httptest.NewRecorder()
	next.ServeHTTP(whole, r)
	w.Header().Set("Content-Length", fmt.Sprint(whole.Body.Len()))
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	panic(http.ErrAbortHandler)
}

// Silent takes the request and never answers, until the client gives up.
func Silent(_ http.ResponseWriter, r *http.Request, _ []byte, _ http.Handler) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}
