package solanatest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

const wallet = "Du3Ysj1wKbxPKkuPPnvzQLQh8oMSVifs3jGZjJWXFmHN"

func node() *solanatest.Node {
	schedule := solanatest.MainnetSchedule
	return solanatest.NewNode(solanatest.State{
		Slot: 389_016_000, Clock: solana.Clock{Epoch: 900, EpochStart: 1_766_000_000, Time: 1_766_086_400}, Schedule: &schedule,
		Accounts: map[solana.PublicKey]solanatest.Account{solana.MustKey(wallet): {Owner: solana.SystemProgram, Lamports: 7, Data: []byte("abc")}},
	})
}

func ask(t *testing.T, n *solanatest.Node, body string) string {
	t.Helper()
	r := httptest.NewRecorder()
	n.ServeHTTP(r, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
	out, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestAnswersHaveTheShapeOfAValidators(t *testing.T) {
	t.Parallel()
	call := func(method, params string) string {
		return `{"jsonrpc":"2.0","id":7,"method":"` + method + `","params":[` + params + `]}`
	}
	for name, c := range map[string]struct{ body, want string }{
		"an account": {call("getAccountInfo", `"`+wallet+`",{"encoding":"base64"}`),
			`{"id":7,"jsonrpc":"2.0","result":{"context":{"apiVersion":"3.1.11","slot":389016000},"value":{"data":["YWJj","base64"],"executable":false,"lamports":7,"owner":"11111111111111111111111111111111","rentEpoch":18446744073709552000,"space":3}}}`},
		"a slice and a missing account": {call("getMultipleAccounts", `["`+wallet+`","Stake11111111111111111111111111111111111111"],{"encoding":"base64","dataSlice":{"offset":1,"length":9}}`),
			`{"id":7,"jsonrpc":"2.0","result":{"context":{"apiVersion":"3.1.11","slot":389016000},"value":[{"data":["YmM=","base64"],"executable":false,"lamports":7,"owner":"11111111111111111111111111111111","rentEpoch":18446744073709552000,"space":3},null]}}`},
		"a slot that is to come": {call("getMultipleAccounts", `[],{"encoding":"base64","minContextSlot":389016001}`),
			`{"error":{"code":-32016,"message":"Minimum context slot has not been reached"},"id":7,"jsonrpc":"2.0"}`},
		"another encoding": {call("getMultipleAccounts", `[]`), `{"error":{"code":-32602,"message":"this node speaks base64 only"},"id":7,"jsonrpc":"2.0"}`},
		"the slot":         {call("getSlot", ""), `{"id":7,"jsonrpc":"2.0","result":389016000}`},
		"the epoch":        {call("getEpochInfo", ""), `{"id":7,"jsonrpc":"2.0","result":{"absoluteSlot":389016000,"blockHeight":389016000,"epoch":900,"slotIndex":216000,"slotsInEpoch":432000,"transactionCount":null}}`},
		"the genesis hash": {call("getGenesisHash", ""), `{"id":7,"jsonrpc":"2.0","result":"5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"}`},
		"the block time":   {call("getBlockTime", "389016000"), `{"id":7,"jsonrpc":"2.0","result":1766086400}`},
		"another method":   {call("getBlocks", ""), `{"error":{"code":-32601,"message":"Method not found"},"id":7,"jsonrpc":"2.0"}`},
		"a batch":          {"[" + call("getSlot", "") + "," + call("getHealth", "") + "]", `[{"id":7,"jsonrpc":"2.0","result":389016000},{"id":7,"jsonrpc":"2.0","result":"ok"}]`},
		"no JSON":          {"{", `{"error":{"code":-32700,"message":"Parse error"},"id":null,"jsonrpc":"2.0"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.TrimSpace(ask(t, node(), c.body)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTheNodeTakesAtMostAHundredKeys(t *testing.T) {
	t.Parallel()
	keys, err := json.Marshal(make([]solana.PublicKey, 101))
	if err != nil {
		t.Fatal(err)
	}
	got := ask(t, node(), `{"id":1,"method":"getMultipleAccounts","params":[`+string(keys)+`,{"encoding":"base64"}]}`)
	if !strings.Contains(got, "Too many inputs") {
		t.Error(got)
	}
}
