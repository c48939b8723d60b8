package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

var update = flag.Bool("update", false, "write the golden file")

// answers are the recorded ones; see the README for where they are from.
func recorded(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// claimed has the plugin ask an API that gives one answer.
func claimed(t *testing.T, chain sdk.ChainID, status int, body string, at ...time.Time) (*solanatest.Sink, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/token"+sources[chain].path {
			t.Errorf("it asked %s %s", r.Method, r.URL.Path)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	req := sdk.Request{Chain: chain, Endpoint: server.URL + "/token"}
	for _, moment := range at {
		req.Anchors = append(req.Anchors, sdk.Anchor{Chain: chain, Time: moment, Tick: moment})
	}
	sink := &solanatest.Sink{}
	return sink, New().Fetch(t.Context(), req, sink)
}

var (
	lidoRead     = time.Date(2023, 4, 21, 0, 0, 0, 0, time.UTC)
	marinadeRead = time.Date(2026, 3, 12, 16, 10, 0, 0, time.UTC)
)

func TestRecordedAnswersMakeTheRowsTheyDid(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, c := range []struct {
		chain sdk.ChainID
		name  string
		at    time.Time
	}{{"lido-api", "lido", lidoRead}, {"lido-api", "lido", lidoRead.Add(7 * 24 * time.Hour)}, {"marinade-api", "marinade", marinadeRead}} {
		sink, err := claimed(t, c.chain, http.StatusOK, recorded(t, c.name), c.at)
		if err != nil || len(sink.Failures()) > 0 {
			t.Fatal(err, sink.Failures())
		}
		for _, o := range sink.Rows("") {
			fmt.Fprintf(&got, "%s at %s: %s %s = %s ÷ 10^%d, until %s, basis %s, quality %q %q\n  %+v\n", c.chain, c.at.Format(time.RFC3339),
				o.Metric, o.Token, o.Value, o.Decimals, o.RefTime.Format(time.RFC3339), o.Basis, o.Quality, o.Reason, o.Source)
		}
	}
	const golden = "testdata/golden.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// What is filed under apy_claimed is what the warehouse means by an APY.
func TestMarinadesValueIsTheCompoundedGrowthOfItsPricesOverAYearOf365Days(t *testing.T) {
	t.Parallel()
	var a struct {
		Value, End, Start float64
		EndTime           time.Time `json:"end_time"`
		StartTime         time.Time `json:"start_time"`
	}
	text := strings.NewReplacer("end_price", "end", "start_price", "start").Replace(recorded(t, "marinade"))
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatal(err)
	}
	apy := math.Pow(a.End/a.Start, yearSeconds/a.EndTime.Sub(a.StartTime).Seconds()) - 1
	if math.Abs(apy-a.Value) > 1e-12 {
		t.Errorf("it is %.16f, its prices grew by %.16f a year", a.Value, apy)
	}
}

func TestAnAnswerThatIsNotUnderstoodIsNoClaim(t *testing.T) {
	t.Parallel()
	lido := func(old, changed string) string { return strings.Replace(recorded(t, "lido"), old, changed, 1) }
	marinade := func(old, changed string) string {
		return strings.Replace(recorded(t, "marinade"), old, changed, 1)
	}
	for name, c := range map[string]struct {
		chain  sdk.ChainID
		status int
		body   string
		kind   sdk.Kind
		says   string
	}{
		"no average":                        {"lido-api", 200, lido(`"smaApr":4.828`, `"smaApr":null`), sdk.KindLayout, "data.smaApr is"},
		"an average of nothing":             {"lido-api", 200, lido(`"aprs":[`, `"aprs":[],"old":[`), sdk.KindLayout, "names no report"},
		"another token":                     {"lido-api", 200, lido("0xae7a", "0xbe7a"), sdk.KindIdentity, "not of stETH"},
		"a test network":                    {"lido-api", 200, lido(`"chainId":1`, `"chainId":560048`), sdk.KindIdentity, "chain 560048"},
		"nobody it speaks of":               {"lido-api", 200, lido("meta", "about"), sdk.KindIdentity, "not of stETH"},
		"a list":                            {"lido-api", 200, `[1]`, sdk.KindLayout, "unknown shape"},
		"an average no yield can be":        {"lido-api", 200, lido("4.828", "4e99"), sdk.KindLayout, "no rate"},
		"the gateway gave up":               {"lido-api", 502, `{"code":502,"message":"chain lido-api: no answer","kind":"transient"}`, sdk.KindTransient, "no answer"},
		"a per cent for a fraction":         {"marinade-api", 200, marinade("0.0595", "5.95"), sdk.KindLayout, "not the APY of its own prices"},
		"an APR for an APY":                 {"marinade-api", 200, marinade("0.05954983746147113", "0.05798187470499313"), sdk.KindLayout, "not the APY of its own prices"},
		"a price that is missing":           {"marinade-api", 200, marinade("start_price", "first_price"), sdk.KindLayout, "no rate with two prices"},
		"a price of nothing":                {"marinade-api", 200, marinade("1.3594920492768106", "0"), sdk.KindLayout, "no rate with two prices"},
		"a time that is no time":            {"marinade-api", 200, marinade("2026-03-12T16:09:44Z", "today"), sdk.KindLayout, "unknown shape"},
		"an end before the start":           {"marinade-api", 200, marinade("2026-03-12T16", "2026-01-12T16"), sdk.KindLayout, "no rate with two prices"},
		"a plain number, as it has once so": {"marinade-api", 200, `0.0595`, sdk.KindLayout, "unknown shape"},
	} {
		sink, err := claimed(t, c.chain, c.status, c.body, marinadeRead)
		if sdk.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) || !strings.Contains(fmt.Sprint(err), "GET "+sources[c.chain].path) || len(sink.Rows("")) > 0 {
			t.Errorf("%s: kind %s: %v", name, sdk.KindOf(err), err)
		}
	}
}

func TestOnlyTheNewestMomentHasAClaim(t *testing.T) {
	t.Parallel()
	sink, err := claimed(t, "lido-api", http.StatusOK, recorded(t, "lido"), lidoRead.Add(-time.Hour), lidoRead)
	if f := sink.Failures(); err != nil || len(f) != 1 || f[0].Anchor != 0 || f[0].Kind != sdk.KindUnrecoverable || f[0].Token != "steth" {
		t.Errorf("%v, failures %+v", err, f)
	}
	if rows := sink.Rows("steth"); len(rows) != 1 || rows[0].Anchor != 1 {
		t.Errorf("rows %+v", rows)
	}
}

func TestOtherAPIsAndTokensAreNotRead(t *testing.T) {
	t.Parallel()
	if err := New().Fetch(t.Context(), sdk.Request{Chain: "ethereum"}, nil); sdk.KindOf(err) != sdk.KindConfig {
		t.Errorf("a chain: %v", err)
	}
	if err := New().Fetch(t.Context(), sdk.Request{Chain: "lido-api", Tokens: []sdk.TokenID{"msol"}}, nil); err != nil {
		t.Errorf("another token: %v", err)
	}
}

// The gateway lets nothing through but what the card declares.
func TestTheCardDeclaresWhatIsAsked(t *testing.T) {
	t.Parallel()
	declared := map[sdk.ChainID][]string{}
	for _, need := range New().Describe().Chains {
		declared[need.Chain] = need.Paths
	}
	asked := map[sdk.ChainID][]string{}
	for chain, s := range sources {
		asked[chain] = []string{s.path}
	}
	if diff := cmp.Diff(asked, declared); diff != "" {
		t.Errorf("paths (-asked +declared):\n%s", diff)
	}
}

func TestADecimalKeepsEveryDigit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"4.828": "4828/3", "-0.5": "-5/1", "0.0595498374614711300": "595498374614711300/19", "5e-7": "5/7", "1.50E+1": "150/1", "2e3": "", "0": "0/0",
		"": "", "NaN": "", "0x1": "", "1/3": "", "1e100": "", "1234567890": "", ".5": "", "1.": "", "1e-99": "", "0." + strings.Repeat("1", 41): "",
	} {
		value, decimals, ok := decimal(json.Number(text))
		if got := fmt.Sprintf("%s/%d", value, decimals); ok != (want != "") || ok && got != want {
			t.Errorf("%q is %s, %v, want %q", text, got, ok, want)
		}
	}
}

func FuzzDecodersGiveWhatTheAnswerSays(f *testing.F) {
	f.Add(recorded(f, "lido"))
	f.Add(recorded(f, "marinade"))
	f.Add(`{"data":{"smaApr":1e-40,"aprs":[{"timeUnix":1}]},"meta":{"address":"0xAE7AB96520DE3A18E5E111B5EAAB095312D7FE84","chainId":1}}`)
	f.Add(`{"value":-0.1e-9,"start_price":1e75,"end_price":"1e-9","start_time":"0001-01-01T00:00:00Z","end_time":"9999-12-31T23:59:59.9Z"}`)
	f.Fuzz(func(t *testing.T, body string) {
		for chain, s := range sources {
			c, err := s.decode([]byte(body))
			if err != nil {
				if k := sdk.KindOf(err); k != sdk.KindLayout && k != sdk.KindIdentity {
					t.Fatalf("%s: kind %s: %v", chain, k, err)
				}
				continue
			}
			var said struct {
				Data  struct{ SmaApr json.Number }
				Value json.Number
			}
			if err := json.Unmarshal([]byte(body), &said); err != nil {
				t.Skip(err) // a key in another case names something else
			}
			text, unit := said.Value, int64(1)
			if chain == "lido-api" {
				text, unit = said.Data.SmaApr, 100
			}
			want, ok := new(big.Rat).SetString(text.String())
			got := new(big.Rat).SetFrac(c.value, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.decimals)), nil))
			if !ok || c.decimals > 77 || c.until.IsZero() || got.Mul(got, big.NewRat(unit, 1)).Cmp(want) != 0 {
				t.Fatalf("%s: %s ÷ 10^%d until %s of %s", chain, c.value, c.decimals, c.until, text)
			}
		}
	})
}
