package solana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// maxResponse bounds one answer. Jito's validator list, the largest account the
// plugins read whole, is 1 MB of JSON.
const maxResponse = 32 << 20

// Client asks one JSON-RPC endpoint. It is safe for concurrent use.
type Client struct {
	endpoint string
	http     *http.Client
}

// Dial returns a client of the endpoint of a sdk.Request. It does not connect.
func Dial(endpoint string) *Client {
	return &Client{endpoint: endpoint, http: &http.Client{}}
}

type rpcRequest struct {
	Version string `json:"jsonrpc"`
	ID      int    `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

type rpcResponse struct {
	Result json.RawMessage `json:"result"`
	Error  *rpcError       `json:"error"`
}

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data"`
}

// Call makes one JSON-RPC call and returns the raw bytes of its result, exactly
// as received. The request body depends on the arguments alone, so that a
// recording finds it again. Errors carry a kind and never the endpoint's address.
func (c *Client) Call(ctx context.Context, method string, params ...any) (json.RawMessage, error) {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(rpcRequest{Version: "2.0", ID: 1, Method: method, Params: params})
	if err != nil {
		return nil, fmt.Errorf("%s: write the request: %w", method, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "%s: the endpoint is not a URL", method)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, sdk.Errorf(sdk.KindTransient, "%s: no answer: %w", method, withoutURL(err))
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		return nil, sdk.Errorf(sdk.KindTransient, "%s: the answer broke off: %w", method, withoutURL(err))
	}
	if len(raw) > maxResponse {
		return nil, sdk.Errorf(sdk.KindLayout, "%s: the answer is larger than %d bytes", method, maxResponse)
	}
	var out rpcResponse
	parseErr := json.Unmarshal(raw, &out)
	switch {
	case parseErr == nil && out.Error != nil:
		if kind, ok := sdk.GatewayKind(out.Error.Code, out.Error.Data); ok {
			return nil, sdk.Errorf(kind, "%s: %s", method, clip(out.Error.Message))
		}
		return nil, sdk.Errorf(kindOfCode(out.Error.Code), "%s: the node refused: %s (code %d)", method, clip(out.Error.Message), out.Error.Code)
	case resp.StatusCode != http.StatusOK:
		return nil, sdk.Errorf(kindOfStatus(resp.StatusCode), "%s: HTTP status %s", method, resp.Status)
	case parseErr != nil:
		return nil, sdk.Errorf(sdk.KindTransient, "%s: the answer is not JSON: %w", method, parseErr)
	case len(out.Result) == 0:
		return nil, sdk.Errorf(sdk.KindLayout, "%s: the answer has neither a result nor an error", method)
	}
	return out.Result, nil
}

// withoutURL drops the address net/http puts into its errors: it holds the
// session's token.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func clip(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// kindOfCode classes the error codes of JSON-RPC and of the Solana validator.
func kindOfCode(code int) sdk.Kind {
	switch code {
	case -32600, -32602, -32700: // invalid request, invalid params, parse error: a defect here
		return sdk.KindInternal
	case -32601, // method not found
		-32010: // key excluded from the node's index
		return sdk.KindConfig
	case -32001, -32007, -32009, -32011, -32019: // cleaned up, skipped, no history
		return sdk.KindNoData
	}
	// -32005 node unhealthy, -32016 minimum context slot not reached, -32603 and
	// whatever a provider invents, 429 included: another try may help.
	return sdk.KindTransient
}

func kindOfStatus(status int) sdk.Kind {
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests, status >= 500:
		return sdk.KindTransient
	default: // 401, 403, 404 and the like do not mend themselves
		return sdk.KindConfig
	}
}
