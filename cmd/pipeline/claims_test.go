package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// claimsConfig reads chains in one job, and the APIs it is given in another.
const claimsConfig = `
database: data/warehouse.duckdb
plugins: { dir: plugins }
chains:
  - { name: ethereum, kind: evm, native_asset: ETH, network_id: 1, endpoints: [{ alias: eth, url: %s }] }
  - { name: solana, kind: solana, native_asset: SOL, endpoints: [{ alias: sol, url: %s }] }
%s
job_defaults: { jitter: 0s }
jobs:
  - { name: state, schedule: "@daily" }
  - { name: claims, schedule: "@daily", plugins: [claims], required: false }
log: { format: json }
`

// apis are Lido's and Marinade's on one server, behind a key.
type apis struct {
	url  string
	down atomic.Bool
}

func startAPIs(t *testing.T) *apis {
	t.Helper()
	a := &apis{}
	now := time.Now().UTC().Truncate(time.Second)
	answers := map[string]string{
		"/k3y-of-lido/v1/protocol/steth/apr/sma": fmt.Sprintf(`{"data":{"aprs":[{"timeUnix":%d,"apr":2.586}],"smaApr":2.54475},`+
			`"meta":{"symbol":"stETH","address":"0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84","chainId":1}}`, now.Add(-time.Hour).Unix()),
		"/k3y-of-marinade/msol/apy/30d": fmt.Sprintf(`{"value":0.05954983746147113,"end_time":%q,"end_price":1.3659716275487495,`+
			`"start_time":%q,"start_price":1.3594920492768106}`, now.Format(time.RFC3339), now.Add(-2_592_295*time.Second).Format(time.RFC3339)),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, there := answers[r.URL.Path]
		if !there || r.Method != http.MethodGet || a.down.Load() {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *apis) chain(protocol, asset string) string {
	return fmt.Sprintf("  - { name: %s-api, kind: api, native_asset: %s, endpoints: [{ alias: %s, url: %s/k3y-of-%s }] }\n", protocol, asset, protocol, a.url, protocol)
}

// claims asks the query for its rows by token. What is unknown is no number.
func (s *site) claims() map[string]map[string]any {
	s.t.Helper()
	end := s.run("query", "claims", "-o", "json")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(end.stdout), &rows); err != nil || end.code != exitOK {
		s.t.Fatalf("exit code %d, %v\n%s%s", end.code, err, end.stdout, end.stderr)
	}
	by := map[string]map[string]any{}
	for _, r := range rows {
		by[fmt.Sprint(r["token"])] = r
	}
	return by
}

// Real plugins read a chain's past and an API's present, and a query puts one beside
// the other.
func TestWhatIsClaimedStandsBesideWhatWasPaid(t *testing.T) {
	t.Parallel()
	s := newSite(t, patient.with("lido", "marinade", "claims"))
	api := startAPIs(t)
	configure := func(chains string) {
		text := fmt.Sprintf(claimsConfig, s.net.EthereumURL, s.net.SolanaURL, chains)
		if err := os.WriteFile(filepath.Join(s.dir, "pipeline.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	states := func() []string {
		return s.ask(`SELECT plugin, chain_id, state, anchor_height, anchor_hash FROM ingest_task
			WHERE plugin IN ('marinade', 'claims') AND tick = (SELECT max(tick) FROM ingest_task) ORDER BY ALL`)
	}
	configure(api.chain("lido", "ETH"))
	month := time.Now().UTC().AddDate(0, 0, -40).Format(time.DateOnly)
	if end := s.run("backfill", "--from", month, "--every", "1d", "--plugin", "lido"); end.code != exitOK {
		t.Fatalf("exit code %d\n%s%s", end.code, end.stdout, end.stderr)
	}

	// An API that is down costs its own rows and no others.
	api.down.Store(true)
	if end := s.run("run"); end.code != exitIncomplete || !strings.Contains(end.stdout, "has not got this path") {
		t.Errorf("the API is down: exit code %d\n%s%s", end.code, end.stdout, end.stderr)
	}
	if d := cmp.Diff([]string{"claims|lido-api|failed|NULL|NULL"}, states()[:1]); d != "" || !strings.HasPrefix(states()[1], "marinade|solana|have|") {
		t.Errorf("ticks are %v", states())
	}
	api.down.Store(false)

	// One that is not configured is missed by nobody. No job but its own asks for it.
	if end := s.run("run", "--retry"); end.code != exitOK || strings.Contains(end.stdout+end.stderr, "marinade-api") || strings.Contains(end.stdout+end.stderr, "k3y") {
		t.Fatalf("exit code %d\n%s%s", end.code, end.stdout, end.stderr)
	}
	if got := s.ask(`SELECT DISTINCT job FROM ingest_task WHERE plugin = 'claims'`); len(got) != 1 || got[0] != "claims" {
		t.Errorf("the APIs are asked by the jobs %v", got)
	}
	steth := s.claims()["stETH"]
	paid, known := steth["apr_net_pct"].(float64)
	if diff, _ := steth["apr_diff_pp"].(float64); !known || steth["apr_claimed_pct"] != 2.5448 || math.Abs(2.54475-paid-diff) > 0.0002 || steth["basis"] != "△" || steth["apy_claimed_pct"] != nil {
		t.Errorf("stETH: %v", steth)
	}
	// It earns 700 ETH a day of nine million and more, a tenth of it for the protocol.
	if paid < 2.2 || paid > 2.6 {
		t.Errorf("stETH paid %v %%", paid)
	}

	configure(api.chain("lido", "ETH") + api.chain("marinade", "SOL"))
	if end := s.run("run", "--record", "shelf"); end.code != exitOK {
		t.Fatalf("exit code %d\n%s%s", end.code, end.stdout, end.stderr)
	}
	if msol := s.claims()["mSOL"]; msol["apy_claimed_pct"] != 5.955 || msol["apr_claimed_pct"] != nil || msol["apy_net_pct"] != nil || msol["apy_diff_pp"] != nil {
		t.Errorf("mSOL, of which one reading makes no yield: %v", msol)
	}
	want := []string{
		"lido-api|steth|apr_claimed|254475|7|GET /v1/protocol/steth/apr/sma|lido|NULL|NULL",
		"marinade-api|msol|apy_claimed|5954983746147113|17|GET /msol/apy/30d|marinade|NULL|NULL",
	}
	got := s.ask(`SELECT chain_id, token_id, metric_id, value_text, decimals, method, endpoint, height, block_hash FROM raw_observation WHERE plugin = 'claims' ORDER BY 1`)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("evidence (-want +got):\n%s", d)
	}

	// A number is read again from the recording of its run, without the API.
	api.down.Store(true)
	if end := s.run("explain", "apy_claimed", "msol", "--verify", "--replay", "shelf"); end.code != exitOK || !strings.Contains(end.stdout, "read again     equal") {
		t.Errorf("exit code %d\n%s%s", end.code, end.stdout, end.stderr)
	}
	api.down.Store(false)

	// What was claimed before nobody can say.
	days := time.Now().UTC().AddDate(0, 0, -3).Format(time.DateOnly)
	if end := s.run("backfill", "--from", days, "--every", "1d", "--plugin", "claims", "-o", "csv"); end.code != exitOK || !strings.Contains(end.stdout, "claims,claims,lido-api,unrecoverable,3,") {
		t.Errorf("exit code %d\n%s%s", end.code, end.stdout, end.stderr)
	}
	if end := s.run("doctor"); end.code != exitOK || !strings.Contains(end.stdout, "it answers /msol/apy/30d") || strings.Contains(end.stdout, "k3y") {
		t.Errorf("exit code %d\n%s%s", end.code, end.stdout, end.stderr)
	}
}
