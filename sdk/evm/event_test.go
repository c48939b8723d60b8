package evm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/evmtest"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

var (
	noon    = time.Date(2024, 9, 1, 12, 0, 0, 0, time.UTC)
	emitter = evm.MustAddress(chaintest.StETH)
	paid    = evm.MustEvent("Paid(uint256,uint256)") // the first one indexed
)

// hourly is a chain on which emitter pays its block's number, and twice of it, at
// the start of every hour.
func hourly(t *testing.T, how chaintest.LogServing) *chaintest.Ethereum {
	t.Helper()
	e := chaintest.NewEthereum()
	e.Now = func() time.Time { return noon.Add(48 * time.Hour) }
	e.ServeLogs(how)
	e.Answer(number.At(emitter), 7)
	e.Logs(emitter, paid, func(b chaintest.Block) []any {
		if b.Time.Truncate(time.Hour).Before(b.Time.Add(-11 * time.Second)) {
			return nil
		}
		return []any{int64(b.Number), int64(2 * b.Number)}
	})
	return e
}

func anchorAt(at time.Time) sdk.Anchor {
	b := chaintest.BlockAt(at)
	return sdk.Anchor{Chain: "ethereum", Height: b.Number, Hash: b.Hash(), Time: b.Time}
}

func TestTheNewestEventComesWithItsBlock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		how      chaintest.LogServing
		requests int64
	}{
		{"in the request of the calls", chaintest.LogServing{}, 1},
		{"with one request more where logs have no time", chaintest.LogServing{Undated: true}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(hourly(t, c.how))
			t.Cleanup(server.Close)
			endpoint, requests := evmtest.Count(t, server.URL)
			client, err := evm.Dial(t.Context(), endpoint)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			var anchors []sdk.Anchor
			for i := range 50 {
				anchors = append(anchors, anchorAt(noon.Add(time.Duration(i)*30*time.Minute+5*time.Minute)))
			}
			newest := paid.Newest(emitter, 600)
			for i, s := range client.Read(t.Context(), anchors, func(sdk.Anchor) []evm.Call { return []evm.Call{number.At(emitter), newest} }) {
				hour := s.Anchor.Time.Truncate(time.Hour)
				r := s.Get(newest)
				block := chaintest.BlockAt(hour.Add(11 * time.Second))
				want := sdk.Position{Height: block.Number, Hash: block.Hash(), Time: block.Time}
				if r.Err != nil || r.Position == nil || *r.Position != want {
					t.Fatalf("anchor %d: %+v, %v, want %+v", i, r.Position, r.Err, want)
				}
				if first, second := r.Number(0, 0), r.Number(1, 0); first.Value.Uint64() != block.Number || second.Value.Uint64() != 2*block.Number || second.Position != r.Position {
					t.Errorf("anchor %d: %v, %v", i, first, second)
				}
				if n, err := s.Get(number.At(emitter)).Uint64(0); n != 7 || err != nil {
					t.Errorf("anchor %d: %d, %v", i, n, err)
				}
			}
			if requests.Load() != c.requests {
				t.Errorf("%d HTTP requests for 50 anchors, want %d", requests.Load(), c.requests)
			}
		})
	}
}

func TestAnEventThatIsNotThereCostsNothingElse(t *testing.T) {
	t.Parallel()
	answer := func(result string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var batch []struct{ ID json.RawMessage }
			if err := json.NewDecoder(r.Body).Decode(&batch); err != nil || len(batch) != 1 {
				t.Errorf("%d calls: %v", len(batch), err)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `[{"jsonrpc":"2.0","id":%s,"result":%s}]`, batch[0].ID, result)
		})
	}
	log := func(address string, block uint64, topics string) string {
		return fmt.Sprintf(`[{"address":%q,"topics":[%s],"data":"0x%064x","blockNumber":"0x%x","blockHash":"0x%064x","blockTimestamp":"0x1","logIndex":"0x0"}]`, address, topics, 1, block, 1)
	}
	at := anchorAt(noon.Add(30 * time.Minute))
	topics := fmt.Sprintf("%q,%q", paid.Topic(), "0x"+strings.Repeat("0", 64))
	for _, c := range []struct {
		name string
		node http.Handler
		kind sdk.Kind
		want string
	}{
		{"none in the range", hourly(t, chaintest.LogServing{}), sdk.KindNoData, "no Paid(uint256,uint256) of " + chaintest.StETH + " in the 100 blocks up to it"},
		{"a node that refuses", hourly(t, chaintest.LogServing{Refusal: "limited to a 10 block range"}), sdk.KindNoData, "limited to a 10 block range"},
		{"a log of another contract", answer(log("0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0", at.Height, topics)), sdk.KindLayout, "was not asked for"},
		{"a log after the anchor", answer(log(chaintest.StETH, at.Height+1, topics)), sdk.KindLayout, "was not asked for"},
		{"a log with an argument less", answer(log(chaintest.StETH, at.Height, fmt.Sprintf("%q", paid.Topic()))), sdk.KindLayout, "32 bytes, 64 expected"},
		{"a log that was taken back", answer(strings.Replace(log(chaintest.StETH, at.Height, topics), `"logIndex"`, `"removed":true,"logIndex"`, 1)), sdk.KindNoData, "no Paid"},
		{"no list", answer(`{"logs":[]}`), sdk.KindLayout, "not a list of logs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.node)
			t.Cleanup(server.Close)
			client, err := evm.Dial(t.Context(), server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			newest := paid.Newest(emitter, 100)
			s := client.Read(t.Context(), []sdk.Anchor{at}, func(sdk.Anchor) []evm.Call { return []evm.Call{newest} })[0]
			err = s.Get(newest).Err
			if sdk.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) || s.Err != nil {
				t.Errorf("got %v, %v", err, s.Err)
			}
		})
	}
}
