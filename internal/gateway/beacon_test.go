package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

const (
	beaconRoot = "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95" // mainnet's
	rewards    = "/eth/v1/beacon/rewards/attestations/335909"
	// rewardsBody is laid out as no encoder of ours would, so that a changed byte shows.
	rewardsBody = `{"execution_optimistic": false,"finalized":true,"data":{"ideal_rewards":[{"effective_balance":"32000000000","head":"2417","target":"4502","source":"2423","inactivity":"0"}],"total_rewards":[]}}`
)

// beaconNode is a beacon node in memory: it has a block in every slot up to
// finalized but the missed ones.
type beaconNode struct {
	finalized uint64
	missed    map[uint64]bool
	root      string // genesis validators root; empty means mainnet's

	mu      sync.Mutex
	script  []func(http.ResponseWriter)
	asked   []string
	bodies  []string
	headers []http.Header
}

func (n *beaconNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	n.mu.Lock()
	n.asked = append(n.asked, r.Method+" "+r.URL.RequestURI())
	n.bodies = append(n.bodies, string(body))
	n.headers = append(n.headers, r.Header.Clone())
	var trouble func(http.ResponseWriter)
	if len(n.script) > 0 {
		trouble, n.script = n.script[0], n.script[1:]
	}
	n.mu.Unlock()
	path := r.URL.Path[max(strings.Index(r.URL.Path, "/eth/"), 0):]
	id, isHeader := strings.CutPrefix(path, "/eth/v1/beacon/headers/")
	switch {
	case trouble != nil:
		trouble(w)
	case path == "/eth/v1/beacon/genesis":
		root := n.root
		if root == "" {
			root = beaconRoot
		}
		fmt.Fprintf(w, `{"data":{"genesis_time":"1606824023","genesis_validators_root":%q,"genesis_fork_version":"0x00000000"}}`, root)
	case isHeader:
		slot, err := strconv.ParseUint(id, 10, 64)
		if id == "finalized" {
			slot, err = n.finalized, nil
		}
		if err != nil || slot > n.finalized || n.missed[slot] {
			says(http.StatusNotFound, `{"code":404,"message":"NOT_FOUND: beacon block"}`)(w)
			return
		}
		fmt.Fprintf(w, `{"execution_optimistic":false,"finalized":true,"data":{"root":"%s","canonical":true,"header":{"message":{"slot":"%d","proposer_index":"7"},"signature":"0x"}}}`+"\n",
			blockRoot(slot), slot)
	case r.Method == http.MethodPost && path == rewards:
		fmt.Fprint(w, rewardsBody)
	default:
		says(http.StatusNotFound, `{"code":404,"message":"state not found"}`)(w)
	}
}

func (n *beaconNode) seen() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.asked...)
}

func blockRoot(slot uint64) string { return fmt.Sprintf("0x%064x", slot*7919+1) }

func says(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func consensus(aliases ...string) gateway.Chain {
	c := gateway.Chain{ID: "ethereum-beacon", Kind: gateway.Beacon}
	for _, a := range aliases {
		c.Endpoints = append(c.Endpoints, gateway.Endpoint{Alias: a, URL: "http://" + a + ".example/key-1234567/?apikey=secret-of-" + a})
	}
	return c
}

func slotTime(slot uint64) time.Time { return time.Unix(1606824023+12*int64(slot), 0).UTC() }

// visit makes one request of a plugin.
func visit(g *gateway.Gateway, s *gateway.Session, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), method, s.URL()+path, strings.NewReader(body)))
	return w
}

// refusedAs reads an error in the shape of the Beacon API.
func refusedAs(t *testing.T, w *httptest.ResponseRecorder) (code int, message string, kind sdk.Kind) {
	t.Helper()
	var e struct {
		Code    int
		Message string
		Kind    sdk.Kind
	}
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Code != w.Code {
		t.Fatalf("status %d, body %q: %v", w.Code, w.Body, err)
	}
	return e.Code, e.Message, e.Kind
}

func TestABeaconAnswerPassesUnchangedWithItsEvidence(t *testing.T) {
	t.Parallel()
	n := &beaconNode{finalized: 100}
	chain := consensus("a")
	chain.Endpoints[0].Headers = map[string]string{"Authorization": "Bearer token-in-a-header"}
	g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: wire{"a.example": n}})
	s := open(t, g, "ethereum-beacon", "network", tick)
	w := visit(g, s, http.MethodPost, rewards, `["0"]`)
	if w.Code != http.StatusOK || w.Body.String() != rewardsBody || w.Header().Get(gateway.EndpointHeader) != "a" {
		t.Fatalf("status %d from %q: %s", w.Code, w.Header().Get(gateway.EndpointHeader), w.Body)
	}
	sum := sha256.Sum256(w.Body.Bytes())
	if alias, ok := s.Seen(hex.EncodeToString(sum[:])); !ok || alias != "a" {
		t.Errorf("the session does not know the digest: %q", alias)
	}
	if got := n.seen(); len(got) != 1 || got[0] != "POST /key-1234567"+rewards+"?apikey=secret-of-a" || n.bodies[0] != `["0"]` {
		t.Errorf("the node was asked %q with %q", got, n.bodies)
	}
	if n.headers[0].Get("Authorization") != "Bearer token-in-a-header" {
		t.Error("the endpoint's header was not sent")
	}
	if st := s.Stats(); st.Requests != 1 || st.Calls != 1 || st.Bytes == 0 {
		t.Errorf("it cost %+v", st)
	}
}

func TestAPluginMayOnlyReadTheBeaconChain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		request string
		allowed bool
	}{
		{"GET /eth/v1/beacon/headers/finalized", true},
		{"GET /eth/v1/config/spec", true},
		{"GET /eth/v2/beacon/blocks/123", true},
		{"POST " + rewards, true},
		{"POST /eth/v1/beacon/rewards/attestations/head", false},
		{"POST /eth/v1/beacon/rewards/attestations/1/../../../pool/voluntary_exits", false},
		{"POST /eth/v1/beacon/pool/voluntary_exits", false},
		{"POST /eth/v2/beacon/blocks", false},
		{"GET /eth/v1/node/peers", false},
		{"GET /eth/v1/events?topics=head", false},
		{"GET /eth/v1/beacon/headers?slot=5", false},
		{"GET /eth/v3/validator/blocks/5", false},
		{"GET /eth/v1/beacon/%2e%2e/node/peers", false},
		{"GET /eth/v1/debug/beacon/states/head", false},
		{"DELETE /eth/v1/beacon/headers/finalized", false},
		{"GET ", false},
	} {
		n := &beaconNode{finalized: 200}
		g := start(t, gateway.Options{Chains: []gateway.Chain{consensus("a")}, Transport: wire{"a.example": n}})
		s := open(t, g, "ethereum-beacon", "network", tick)
		verb, path, _ := strings.Cut(c.request, " ")
		w := visit(g, s, verb, path, "")
		if reached := len(n.seen()) > 0; reached != c.allowed {
			t.Errorf("%s: reached the node: %v, status %d", c.request, reached, w.Code)
		}
		if _, message, kind := refusedOr(t, w, c.allowed); !c.allowed && (w.Code != http.StatusForbidden || kind != sdk.KindConfig || !strings.Contains(message, "refused")) {
			t.Errorf("%s: status %d, kind %s: %s", c.request, w.Code, kind, message)
		}
	}
}

func refusedOr(t *testing.T, w *httptest.ResponseRecorder, fine bool) (int, string, sdk.Kind) {
	t.Helper()
	if fine {
		return 0, "", ""
	}
	return refusedAs(t, w)
}

func TestASessionOfAnotherKindHasNoPaths(t *testing.T) {
	t.Parallel()
	n := &node{answer: always(`"result":"0x1"`)}
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n})})
	s := open(t, g, "ethereum", "lido", tick)
	if w := visit(g, s, http.MethodPost, rewards, `["0"]`); w.Code != http.StatusNotFound || n.count() != 0 {
		t.Errorf("status %d, %d requests", w.Code, n.count())
	}
}

func TestBeaconTroubleIsRetriedOrNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second func(http.ResponseWriter) // of endpoint a and b; nil answers well
		status        int
		kind          sdk.Kind
		says          string
	}{
		"a syncing node, then another": {says(503, `{"code":503,"message":"Beacon node is currently syncing"}`), nil, 200, "", ""},
		"no old states, then another":  {says(404, `{"code":404,"message":"State not found"}`), nil, 200, "", ""},
		"a body that is cut short":     {says(200, `{"data":`), nil, 200, "", ""},
		"a page instead of an answer":  {says(200, `"hello"`), nil, 200, "", ""},
		"no old states anywhere": {says(404, `{"code":404,"message":"State not found"}`), says(404, `{"code":"404","message":"no"}`),
			502, sdk.KindConfig, "http 404: no: this needs a beacon node that keeps old states"},
		"not a beacon node": {says(404, `<html>`), says(404, `nothing here`), 502, sdk.KindConfig, "URL is not a beacon node"},
		"a wrong key":       {says(401, `{"code":401,"message":"who are you, secret-of-a"}`), says(401, ``), 502, sdk.KindConfig, "key is missing or wrong"},
		"a mistake of the plugin": {says(400, `{"code":400,"message":"Invalid epoch at http://a.example/key-1234567/?apikey=secret-of-a"}`), nil,
			400, "", "Invalid epoch at [redacted]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := &beaconNode{}, &beaconNode{}
				for n, trouble := range map[*beaconNode]func(http.ResponseWriter){a: c.first, b: c.second} {
					if trouble != nil {
						n.script = []func(http.ResponseWriter){trouble}
					}
				}
				g := start(t, gateway.Options{Chains: []gateway.Chain{consensus("a", "b")}, Transport: wire{"a.example": a, "b.example": b}})
				s := open(t, g, "ethereum-beacon", "network", tick)
				w := visit(g, s, http.MethodPost, rewards, `["0"]`)
				if w.Code != c.status {
					t.Fatalf("status %d: %s", w.Code, w.Body)
				}
				if strings.Contains(w.Body.String(), "secret-of") || strings.Contains(w.Body.String(), "key-1234567") {
					t.Errorf("a secret leaks: %s", w.Body)
				}
				if c.status == http.StatusOK {
					if w.Body.String() != rewardsBody || w.Header().Get(gateway.EndpointHeader) != "b" {
						t.Errorf("%s from %q", w.Body, w.Header().Get(gateway.EndpointHeader))
					}
					return
				}
				if _, message, kind := refusedAs(t, w); kind != c.kind || !strings.Contains(message, c.says) {
					t.Errorf("kind %q: %s", kind, message)
				}
			})
		})
	}
}

func TestABeaconNodeOfAnotherNetworkIsNotUsed(t *testing.T) {
	t.Parallel()
	n := &beaconNode{finalized: 100, root: "0x" + strings.Repeat("d8", 32)}
	chain := consensus("a")
	chain.Genesis = beaconRoot
	g := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: wire{"a.example": n}})
	s := open(t, g, "ethereum-beacon", "network", tick)
	_, message, kind := refusedAs(t, visit(g, s, http.MethodPost, rewards, `["0"]`))
	if kind != sdk.KindIdentity || !strings.Contains(message, "genesis validators root "+beaconRoot) {
		t.Errorf("kind %s: %s", kind, message)
	}
	n.root = ""
	other := start(t, gateway.Options{Chains: []gateway.Chain{chain}, Transport: wire{"a.example": n}})
	if w := visit(other, open(t, other, "ethereum-beacon", "network", tick), http.MethodPost, rewards, `["0"]`); w.Code != http.StatusOK {
		t.Errorf("the right network is refused: %s", w.Body)
	}
}

func TestABeaconAnchorIsTheLastFinalBlockOfTheTick(t *testing.T) {
	t.Parallel()
	missed := map[uint64]bool{500: true, 501: true}
	for s := uint64(600); s < 664; s++ {
		missed[s] = true
	}
	now := slotTime(1000).Add(15 * time.Minute)
	for name, c := range map[string]struct {
		tick time.Time
		slot uint64
		kind sdk.Kind
		says string
	}{
		"a slot with a block":        {slotTime(499), 499, "", ""},
		"between two slots":          {slotTime(400).Add(11 * time.Second), 400, "", ""},
		"slots without a block":      {slotTime(501).Add(time.Second), 499, "", ""},
		"the newest final block":     {slotTime(1000), 1000, "", ""},
		"not final yet":              {now, 0, sdk.KindTransient, "not final yet: the newest finalised slot 1000"},
		"before the chain":           {slotTime(0).Add(-time.Second), 0, sdk.KindNoData, "the chain begins at 2020-12-01T12:00:23Z"},
		"the first block":            {slotTime(0), 0, "", ""},
		"a gap no chain in sync has": {slotTime(663), 0, sdk.KindTransient, "is the node in sync?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &beaconNode{finalized: 1000, missed: missed}
			g := start(t, gateway.Options{Chains: []gateway.Chain{consensus("a")}, Transport: wire{"a.example": n}, Now: func() time.Time { return now }})
			a, err := g.Anchor(t.Context(), "ethereum-beacon", c.tick)
			if c.kind != "" {
				if sdk.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v", err)
				}
				return
			}
			want := sdk.Anchor{Chain: "ethereum-beacon", Height: c.slot, Hash: blockRoot(c.slot), Time: slotTime(c.slot), Finality: sdk.Finalized, Tick: c.tick}
			if err != nil || a != want {
				t.Errorf("got %+v, %v", a, err)
			}
		})
	}
}

func TestManyBeaconAnchorsAskForTheHeadOnce(t *testing.T) {
	t.Parallel()
	n := &beaconNode{finalized: 1000}
	g := start(t, gateway.Options{Chains: []gateway.Chain{consensus("a")}, Transport: wire{"a.example": n}})
	_, errs := g.Anchors(t.Context(), "ethereum-beacon", []time.Time{slotTime(1), slotTime(2), slotTime(3)})
	if got := n.seen(); len(got) != 5 || errs[0] != nil || errs[2] != nil {
		t.Errorf("%d requests for three ticks, want genesis, head and three blocks: %q, %v", len(got), got, errs)
	}
}

func TestABeaconRecordingAnswersWithoutANetwork(t *testing.T) {
	t.Parallel()
	dir, at := t.TempDir(), slotTime(501).Add(time.Second)
	n := &beaconNode{finalized: 1000, missed: map[uint64]bool{501: true}}
	g := start(t, gateway.Options{Chains: []gateway.Chain{consensus("a")}, Transport: wire{"a.example": n}, Record: dir})
	first, err := g.Anchor(t.Context(), "ethereum-beacon", at)
	if err != nil || first.Height != 500 {
		t.Fatalf("%+v, %v", first, err)
	}
	s := open(t, g, "ethereum-beacon", "network", at)
	live := visit(g, s, http.MethodPost, rewards, `[ "0" ]`)
	s.Close()
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, secret := range []string{"secret-of", "key-1234567", "a.example"} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	again := start(t, gateway.Options{Chains: []gateway.Chain{{ID: "ethereum-beacon", Kind: gateway.Beacon}}, Replay: dir})
	second, err := again.Anchor(t.Context(), "ethereum-beacon", at)
	if err != nil || first != second {
		t.Errorf("replayed anchor %+v, %v; want %+v", second, err, first)
	}
	rs := open(t, again, "ethereum-beacon", "network", at)
	replayed := visit(again, rs, http.MethodPost, rewards, `["0"]`)
	var a, b any
	if json.Unmarshal(live.Body.Bytes(), &a) != nil || json.Unmarshal(replayed.Body.Bytes(), &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("live %s, replayed %s", live.Body, replayed.Body)
	}
	sum := sha256.Sum256(replayed.Body.Bytes())
	if alias, ok := rs.Seen(hex.EncodeToString(sum[:])); !ok || alias != "a" {
		t.Errorf("the replaying session does not know the digest: %q", alias)
	}
	_, message, kind := refusedAs(t, visit(again, rs, http.MethodPost, "/eth/v1/beacon/rewards/attestations/1", `["0"]`))
	if kind != sdk.KindConfig || !strings.Contains(message, "record it first") {
		t.Errorf("an unrecorded request: kind %s, %s", kind, message)
	}
}

func TestANodeThatLiesAboutABlockGivesNoAnchor(t *testing.T) {
	t.Parallel()
	header := func(slot, root string, canonical, finalized bool) string {
		return fmt.Sprintf(`{"execution_optimistic":false,"finalized":%v,"data":{"root":%q,"canonical":%v,"header":{"message":{"slot":%q}}}}`, finalized, root, canonical, slot)
	}
	genesis := fmt.Sprintf(`{"data":{"genesis_time":"1606824023","genesis_validators_root":%q}}`, beaconRoot)
	for name, c := range map[string]struct {
		answers []string
		kind    sdk.Kind
		says    string
	}{
		"a genesis without time":   {[]string{`{"data":{}}`}, sdk.KindLayout, "no usable time"},
		"a head without root":      {[]string{genesis, header("1000", "", true, true)}, sdk.KindLayout, "no usable slot or root"},
		"a head that is not final": {[]string{genesis, header("1000", blockRoot(1), true, false)}, sdk.KindTransient, "not hold the block of slot 1000 for final"},
		"a block off the chain":    {[]string{genesis, header("1000", blockRoot(1), true, true), header("500", blockRoot(5), false, true)}, sdk.KindTransient, "slot 500"},
		"another block":            {[]string{genesis, header("1000", blockRoot(1), true, true), header("499", blockRoot(5), true, true)}, sdk.KindIdentity, "answered slot 499 for slot 500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &beaconNode{}
			for _, body := range c.answers {
				n.script = append(n.script, says(http.StatusOK, body))
			}
			g := start(t, gateway.Options{Chains: []gateway.Chain{consensus("a")}, Transport: wire{"a.example": n}})
			_, err := g.Anchor(t.Context(), "ethereum-beacon", slotTime(500))
			if sdk.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) || !strings.Contains(fmt.Sprint(err), `endpoint "a"`) && c.kind != sdk.KindIdentity {
				t.Errorf("got %s: %v", sdk.KindOf(err), err)
			}
		})
	}
}
