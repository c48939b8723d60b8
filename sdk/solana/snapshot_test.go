package solana_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

var (
	keyA = solana.MustKey("Jito4APyf642JPZPx3hGc6WWJ8zPKtRbRs4P815Awbb")
	keyB = solana.MustKey("J1toso1uCk3RLmjorhTtrVwY9HJ7X8V9yYac6Y7kGCPn")
)

// epoch900 is a moment in the middle of an epoch: 216,000 of 432,000 slots in
// 86,400 seconds.
func epoch900() solanatest.State {
	schedule := solanatest.MainnetSchedule
	return solanatest.State{
		Slot:     900*432_000 + 216_000,
		Clock:    solana.Clock{Epoch: 900, EpochStart: 1_766_000_000, Time: 1_766_086_400},
		Schedule: &schedule,
		Accounts: map[solana.PublicKey]solanatest.Account{
			keyA: {Owner: solana.StakeProgram, Lamports: 1<<64 - 1, Data: []byte("hello, this is more than forty bytes of an account")},
		},
	}
}

func start(t *testing.T, state solanatest.State) (*solanatest.Node, *solana.Client) {
	t.Helper()
	node := solanatest.NewNode(state)
	server := httptest.NewServer(node)
	t.Cleanup(server.Close)
	return node, solana.Dial(server.URL)
}

func TestSnapshotReadsAccountsAndClockOfOneBank(t *testing.T) {
	t.Parallel()
	node, client := start(t, epoch900())
	snap, err := client.Snapshot(t.Context(), sdk.Anchor{Height: 900 * 432_000}, keyA, keyB)
	if err != nil {
		t.Fatal(err)
	}
	a, err := snap.Owned(keyA, solana.StakeProgram)
	if err != nil || a.Lamports != 1<<64-1 || string(a.Data[:5]) != "hello" {
		t.Errorf("account is %+v, %v", a, err)
	}
	want := sdk.Position{Height: 389_016_000, Time: time.Unix(1_766_086_400, 0).UTC(), Epoch: 900, EpochStart: time.Unix(1_766_000_000, 0).UTC()}
	if diff := cmp.Diff(want, snap.Position()); diff != "" {
		t.Errorf("position (-want +got):\n%s", diff)
	}
	if n := len(node.Requests()); n != 1 {
		t.Errorf("%d requests were made", n)
	}
	var config map[string]any
	if err := json.Unmarshal(node.Requests()[0].Params[1], &config); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"encoding": "base64", "commitment": "finalized", "minContextSlot": 388_800_000.0}, config); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestSnapshotDigestIsThatOfTheResultBytesAsReceived(t *testing.T) {
	t.Parallel()
	node, client := start(t, epoch900())
	// Odd spacing and an unknown member must be part of what is hashed.
	result := `{"context" : {"slot":389016000},  "value":[null,` +
		`{"data":["QLkvFwAAAAAAjUJpAAAAAIQDAAAAAAAAhQMAAAAAAACA3kNpAAAAAA==","base64"],"lamports":1,"owner":"Sysvar1111111111111111111111111111111111111","x":1.50},null ] }`
	result = strings.Replace(result, "QLkvFwAAAAAAjUJpAAAAAIQDAAAAAAAAhQMAAAAAAACA3kNpAAAAAA==", clock64(epoch900()), 1)
	node.Intercept(solanatest.Answer(http.StatusOK, "{\"jsonrpc\":\"2.0\",\"result\":  "+result+" ,\"id\":1}\n"))
	snap, err := client.Snapshot(t.Context(), sdk.Anchor{}, keyA)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(result))
	if want := hex.EncodeToString(sum[:]); snap.Digest != want {
		t.Errorf("digest is %s, want %s", snap.Digest, want)
	}
}

func TestHeadsReadsTheFrontOfAccountsAndStillTheClock(t *testing.T) {
	t.Parallel()
	_, client := start(t, epoch900())
	snap, err := client.Heads(t.Context(), sdk.Anchor{}, keyA)
	if err != nil {
		t.Fatal(err)
	}
	a, err := snap.Account(keyA)
	if err != nil || len(a.Data) != 40 || snap.Clock.Epoch != 900 {
		t.Errorf("account is %+v (%v), clock %+v", a, err, snap.Clock)
	}
}

func TestAccountsAreCheckedBeforeUse(t *testing.T) {
	t.Parallel()
	state := epoch900()
	state.Accounts[keyB] = solanatest.Account{Owner: solana.TokenProgram, Data: solana.Mint{Decimals: 6, Initialized: true}.Encode()}
	_, client := start(t, state)
	snap, err := client.Snapshot(t.Context(), sdk.Anchor{}, keyA, keyB, solana.StakeProgram)
	if err != nil {
		t.Fatal(err)
	}
	_, err = snap.Account(solana.StakeProgram)
	if sdk.KindOf(err) != sdk.KindNoData || !strings.Contains(err.Error(), solana.StakeProgram.String()) {
		t.Errorf("a missing account: %v", err)
	}
	if _, err = snap.Owned(keyA, solana.SystemProgram); sdk.KindOf(err) != sdk.KindIdentity {
		t.Errorf("a wrong owner: %v", err)
	}
	if _, err = snap.Mint(keyA, 9); sdk.KindOf(err) != sdk.KindIdentity {
		t.Errorf("a mint that is a stake account: %v", err)
	}
	if _, err = snap.Mint(keyB, 9); sdk.KindOf(err) != sdk.KindIdentity {
		t.Errorf("a mint of other decimals: %v", err)
	}
}

func TestSnapshotTroublesHaveAKindAndKeepTheEndpointToThemselves(t *testing.T) {
	t.Parallel()
	value := func(accounts string) string {
		return `{"jsonrpc":"2.0","id":1,"result":{"context":{"slot":389016000},"value":[` + accounts + `]}}`
	}
	clock := `{"data":["` + clock64(epoch900()) + `","base64"],"lamports":1,"owner":"Sysvar1111111111111111111111111111111111111"}`
	for name, c := range map[string]struct {
		intercept func(http.ResponseWriter, solanatest.Request) bool
		want      sdk.Kind
	}{
		"a node that is behind":            {solanatest.Refuse(-32016, "Minimum context slot has not been reached"), sdk.KindTransient},
		"a node that is unhealthy":         {solanatest.Refuse(-32005, "Node is behind by 42 slots"), sdk.KindTransient},
		"a provider's own limit":           {solanatest.Refuse(429, "Too many requests"), sdk.KindTransient},
		"a method that is switched off":    {solanatest.Refuse(-32601, "Method not found"), sdk.KindConfig},
		"a request that is wrong":          {solanatest.Refuse(-32602, "Invalid params"), sdk.KindInternal},
		"HTTP 429":                         {solanatest.Answer(http.StatusTooManyRequests, "slow down"), sdk.KindTransient},
		"HTTP 502 with a page":             {solanatest.Answer(http.StatusBadGateway, "<html>"), sdk.KindTransient},
		"HTTP 403":                         {solanatest.Answer(http.StatusForbidden, "blocked"), sdk.KindConfig},
		"an error inside HTTP 400":         {solanatest.Answer(http.StatusBadRequest, `{"error":{"code":-32602,"message":"x"}}`), sdk.KindInternal},
		"garbage":                          {solanatest.Answer(http.StatusOK, "garbage"), sdk.KindTransient},
		"a body that breaks off":           {solanatest.Answer(http.StatusOK, value(clock)[:80]), sdk.KindTransient},
		"an empty object":                  {solanatest.Answer(http.StatusOK, "{}"), sdk.KindLayout},
		"a result of another shape":        {solanatest.Answer(http.StatusOK, `{"result":[1,2]}`), sdk.KindLayout},
		"too few accounts":                 {solanatest.Answer(http.StatusOK, value(clock)), sdk.KindLayout},
		"lamports beyond 64 bits":          {solanatest.Answer(http.StatusOK, value(`{"data":["","base64"],"lamports":18446744073709552000,"owner":"11111111111111111111111111111111"},`+clock+`,null`)), sdk.KindLayout},
		"lamports as a float":              {solanatest.Answer(http.StatusOK, value(`{"data":["","base64"],"lamports":1.5e3,"owner":"11111111111111111111111111111111"},`+clock+`,null`)), sdk.KindLayout},
		"no lamports":                      {solanatest.Answer(http.StatusOK, value(`{"data":["","base64"],"owner":"11111111111111111111111111111111"},`+clock+`,null`)), sdk.KindLayout},
		"another encoding":                 {solanatest.Answer(http.StatusOK, value(`{"data":["2","base58"],"lamports":1,"owner":"11111111111111111111111111111111"},`+clock+`,null`)), sdk.KindLayout},
		"base64 that is none":              {solanatest.Answer(http.StatusOK, value(`{"data":["!!!","base64"],"lamports":1,"owner":"11111111111111111111111111111111"},`+clock+`,null`)), sdk.KindLayout},
		"no clock":                         {solanatest.Answer(http.StatusOK, value("null,null,null")), sdk.KindNoData},
		"a clock of somebody else":         {solanatest.Answer(http.StatusOK, value("null,"+strings.Replace(clock, "Sysvar1111111111111111111111111111111111111", "11111111111111111111111111111111", 1)+",null")), sdk.KindIdentity},
		"a clock of another length":        {solanatest.Answer(http.StatusOK, value(`null,{"data":["AAAA","base64"],"lamports":1,"owner":"Sysvar1111111111111111111111111111111111111"},null`)), sdk.KindLayout},
		"a clock far behind the slot":      {solanatest.Answer(http.StatusOK, strings.Replace(value("null,"+clock+",null"), "389016000", "389017000", 1)), sdk.KindTransient},
		"an answer of the anchor itself":   {solanatest.Answer(http.StatusOK, strings.Replace(value("null,"+clock+",null"), "389016000", "389016001", 1)), ""},
		"an answer older than the anchor ": {solanatest.Answer(http.StatusOK, value("null,"+clock+",null")), sdk.KindTransient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node, client := start(t, epoch900())
			node.Intercept(c.intercept)
			_, err := client.Snapshot(t.Context(), sdk.Anchor{Height: 389_016_001}, keyA)
			if got := sdk.KindOf(err); got != c.want {
				t.Errorf("kind is %q, want %q: %v", got, c.want, err)
			}
			if err != nil && strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("the error names the endpoint: %v", err)
			}
		})
	}
}

func TestAClosedEndpointIsTransientAndNotNamed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	client := solana.Dial(server.URL + "/secret-token")
	server.Close()
	_, err := client.Snapshot(t.Context(), sdk.Anchor{}, keyA)
	if sdk.KindOf(err) != sdk.KindTransient || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestACancelledContextEndsTheCall(t *testing.T) {
	t.Parallel()
	node, client := start(t, epoch900())
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	node.Intercept(func(http.ResponseWriter, solanatest.Request) bool {
		cancel()
		<-release
		return true
	})
	if _, err := client.Snapshot(ctx, sdk.Anchor{}, keyA); err == nil || ctx.Err() == nil {
		t.Errorf("got %v", err)
	}
}

func TestMoreAccountsThanOneCallTakesAreRefused(t *testing.T) {
	t.Parallel()
	node, client := start(t, epoch900())
	if _, err := client.Snapshot(t.Context(), sdk.Anchor{}, make([]solana.PublicKey, solana.MaxKeys)...); err != nil {
		t.Errorf("%d accounts: %v", solana.MaxKeys, err)
	}
	if _, err := client.Snapshot(t.Context(), sdk.Anchor{}, make([]solana.PublicKey, solana.MaxKeys+1)...); err == nil {
		t.Error("one more: no error")
	}
	if n := len(node.Requests()); n != 1 {
		t.Errorf("%d requests were made", n)
	}
}

func TestEpochLeftFollowsThePaceOfTheRunningEpoch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*solanatest.State)
		left   time.Duration
		whole  time.Duration
		ok     bool
	}{
		"half an epoch in a day":     {func(*solanatest.State) {}, 24 * time.Hour, 48 * time.Hour, true},
		"slots twice as fast":        {func(s *solanatest.State) { s.Clock.Time -= 43_200 }, 12 * time.Hour, 24 * time.Hour, true},
		"no schedule":                {func(s *solanatest.State) { s.Schedule = nil }, 0, 0, false},
		"an epoch that just began":   {func(s *solanatest.State) { s.Slot = 900*432_000 + 4000; s.Clock.Slot = 0 }, 0, 0, false},
		"a schedule of other epochs": {func(s *solanatest.State) { s.Clock.Epoch = 901 }, 0, 0, false},
		"no time since its start":    {func(s *solanatest.State) { s.Clock.EpochStart = s.Clock.Time }, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := epoch900()
			c.change(&state)
			_, client := start(t, state)
			snap, err := client.Snapshot(t.Context(), sdk.Anchor{})
			if err != nil {
				t.Fatal(err)
			}
			left, whole, ok := snap.EpochLeft()
			if left != c.left || whole != c.whole || ok != c.ok {
				t.Errorf("got %v of %v, %v; want %v of %v, %v", left, whole, ok, c.left, c.whole, c.ok)
			}
		})
	}
}

func TestOnlyTheNewestAnchorCanBeRead(t *testing.T) {
	t.Parallel()
	sink := &solanatest.Sink{}
	i, err := solana.Newest(sdk.Request{Anchors: make([]sdk.Anchor, 3)}, sink)
	if err != nil || i != 2 {
		t.Fatalf("got %d, %v", i, err)
	}
	for n, f := range sink.Failures() {
		if f.Anchor != n || f.Kind != sdk.KindUnrecoverable {
			t.Errorf("failure %d is %+v", n, f)
		}
	}
	if len(sink.Failures()) != 2 {
		t.Errorf("%d failures", len(sink.Failures()))
	}
}
