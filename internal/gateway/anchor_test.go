package gateway_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"pgregory.net/rapid"
)

// ledger is a fake EVM chain: times[i] is the timestamp of block first+i; the last
// young blocks are not final.
type ledger struct {
	times []int64
	first int64
	young int64
	fork  int64 // of the hashes of young blocks
}

func (l ledger) answer(c rpc) string {
	var params []any
	_ = json.Unmarshal(c.Params, &params)
	if c.Method != "eth_getBlockByNumber" || len(params) != 2 {
		return `"error":{"code":-32601,"message":"the method does not exist"}`
	}
	n := l.first + int64(len(l.times)) - 1
	switch tag := params[0].(string); tag {
	case "latest":
	case "finalized":
		n -= l.young
	default:
		n, _ = strconv.ParseInt(tag[2:], 16, 64)
	}
	if n < l.first || n-l.first >= int64(len(l.times)) {
		return `"result":null`
	}
	return fmt.Sprintf(`"result":{"number":"0x%x","hash":"%s","timestamp":"0x%x","transactions":[]}`, n, l.hash(n), l.times[n-l.first])
}

func (l ledger) final(n int64) bool { return n < l.first+int64(len(l.times))-l.young }

func (l ledger) hash(n int64) string {
	if l.final(n) {
		return hash(n)
	}
	return hash(n + l.fork)
}

func hash(n int64) string { return fmt.Sprintf("0x%064x", n*7919+1) }

// last is the linear search the fast one is compared with.
func (l ledger) last(t int64) int64 {
	at := int64(-1)
	for i, x := range l.times {
		if x <= t {
			at = int64(i)
		}
	}
	return at
}

// slots makes a chain of 12 s slots of which a share of missed are empty.
func slots(n int, missed float64, r *rand.Rand) []int64 {
	const genesis = 1606824023
	times := make([]int64, 0, n)
	for slot := int64(0); len(times) < n; slot++ {
		if len(times) > 0 && r.Float64() < missed {
			continue
		}
		times = append(times, genesis+12*slot)
	}
	return times
}

func evmGateway(t *testing.T, l ledger, o gateway.Options) (*gateway.Gateway, *node) {
	t.Helper()
	n := &node{answer: l.answer}
	if o.Chains == nil {
		o.Chains = []gateway.Chain{ethereum("a")}
	}
	o.Transport = pool(map[string]*node{"a": n, "b": n})
	if o.Now == nil {
		head := time.Unix(l.times[len(l.times)-1], 0)
		o.Now = func() time.Time { return head.Add(15 * time.Minute) }
	}
	return start(t, o), n
}

func checkAnchor(t interface{ Errorf(string, ...any) }, l ledger, a sdk.Anchor, err error, tick time.Time) {
	i := l.last(tick.Unix())
	if i < 0 {
		if sdk.KindOf(err) != sdk.KindNoData {
			t.Errorf("tick %d before the chain: %+v, %v", tick.Unix(), a, err)
		}
		return
	}
	n := l.first + i
	want := sdk.Anchor{Chain: "ethereum", Height: uint64(n), Hash: l.hash(n), Time: time.Unix(l.times[i], 0).UTC(),
		Finality: sdk.Finalized, Tick: tick.UTC()}
	if !l.final(n) {
		want.Finality = sdk.Provisional
	}
	if err != nil || !cmp.Equal(want, a) {
		t.Errorf("tick %d: %v\n%s", tick.Unix(), err, cmp.Diff(want, a))
	}
}

func TestAnchorsEqualALinearSearchOnAnyChain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		gap := rapid.OneOf(
			rapid.Just(int64(12)),
			rapid.Int64Range(1, 40), // before the merge
			rapid.SampledFrom([]int64{12, 12, 12, 12, 24, 36, 600, 7200}), // missed slots, outages
			rapid.SampledFrom([]int64{1, 1, 1, 100_000}),
		)
		n := rapid.IntRange(1, 400).Draw(rt, "blocks")
		l := ledger{times: []int64{rapid.Int64Range(1, 2_000_000_000).Draw(rt, "genesis")}}
		for len(l.times) < n {
			l.times = append(l.times, l.times[len(l.times)-1]+gap.Draw(rt, "gap"))
		}
		l.young = rapid.Int64Range(0, int64(n)-1).Draw(rt, "young")
		head := l.times[n-1]
		var ticks []time.Time
		for range rapid.IntRange(1, 12).Draw(rt, "ticks") {
			ticks = append(ticks, time.Unix(rapid.Int64Range(max(0, l.times[0]-50), head).Draw(rt, "tick"), 0))
		}
		chain := ethereum("a")
		chain.Endpoints[0].MaxBatch = rapid.SampledFrom([]int{1, 2, 5, 100}).Draw(rt, "batch")
		fake := &node{answer: l.answer}
		g, err := gateway.New(gateway.Options{Chains: []gateway.Chain{chain}, Listener: newDeaf(),
			Transport: pool(map[string]*node{"a": fake}), Now: func() time.Time { return time.Unix(head+900, 0) }})
		if err != nil {
			rt.Fatal(err)
		}
		defer g.Close()
		anchors, errs := g.Anchors(t.Context(), "ethereum", ticks)
		for i, at := range ticks {
			checkAnchor(rt, l, anchors[i], errs[i], at)
		}
	})
}

func TestAnAnchorCostsFewRequests(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	l := ledger{times: slots(3_000_000, 0.005, r)} // more than a year
	head := l.times[len(l.times)-1]
	for name, ago := range map[string]time.Duration{
		"an hour ago": time.Hour, "a day ago": 24 * time.Hour, "a month ago": 30 * 24 * time.Hour, "a year ago": 365 * 24 * time.Hour,
	} {
		worst, total := 0, 0
		for range 40 {
			g, n := evmGateway(t, l, gateway.Options{})
			at := time.Unix(head-int64(ago.Seconds())-r.Int64N(3600), 0)
			a, err := g.Anchor(t.Context(), "ethereum", at)
			if err != nil || a.Time.After(at) || at.Sub(a.Time) > time.Minute {
				t.Fatalf("%s: %+v, %v", name, a, err)
			}
			worst, total = max(worst, n.count()), total+n.count()
		}
		t.Logf("%s: %.1f requests on average, %d at worst", name, float64(total)/40, worst)
		if worst > 4 {
			t.Errorf("%s: %d requests at worst, want 4 at most", name, worst)
		}
	}
}

func TestAYearOfDailyAnchorsCostsFewRequests(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	l := ledger{times: slots(3_000_000, 0.005, r)}
	head := time.Unix(l.times[len(l.times)-1], 0)
	g, n := evmGateway(t, l, gateway.Options{})
	var ticks []time.Time
	for d := 365; d > 0; d-- {
		ticks = append(ticks, head.Add(-time.Duration(d)*24*time.Hour).Truncate(24*time.Hour).Add(15*time.Hour))
	}
	anchors, errs := g.Anchors(t.Context(), "ethereum", ticks)
	for i, at := range ticks {
		if errs[i] != nil || anchors[i].Time.After(at) || at.Sub(anchors[i].Time) > time.Minute {
			t.Fatalf("tick %s: %+v %v", at, anchors[i], errs[i])
		}
	}
	t.Logf("%d anchors in %d requests and %d calls", len(ticks), n.count(), n.asked())
	if n.count() > 40 {
		t.Errorf("%d requests for %d anchors, want 40 at most", n.count(), len(ticks))
	}
	before := n.count()
	if _, errs := g.Anchors(t.Context(), "ethereum", ticks); errs[0] != nil || n.count() != before {
		t.Errorf("asking again cost %d requests", n.count()-before)
	}
}

// A tick of the last minutes is read at its own block, which may still be replaced:
// asked again after that, it has the block that stands.
func TestATickThatIsNotFinalGetsItsOwnBlockProvisionally(t *testing.T) {
	t.Parallel()
	l := ledger{times: slots(1000, 0.01, rand.New(rand.NewPCG(5, 6))), young: 75}
	g, n := evmGateway(t, l, gateway.Options{})
	at := time.Unix(l.times[980]+3, 0)
	a, err := g.Anchor(t.Context(), "ethereum", at)
	checkAnchor(t, l, a, err, at)
	if a.Finality != sdk.Provisional || n.count() > 4 {
		t.Errorf("%+v in %d requests", a, n.count())
	}

	for _, later := range []ledger{
		{times: l.times, young: 75, fork: 1_000},             // the chain chose other blocks
		{times: l.times, fork: 1_000},                        // and they became final
		{times: append(l.times[:980:980], l.times[981:]...)}, // the block itself is gone
	} {
		n.mu.Lock()
		n.answer = later.answer
		n.mu.Unlock()
		if later.young == 0 { // what is final never changes: each future has its own gateway
			g, _ = evmGateway(t, later, gateway.Options{})
		}
		a, err := g.Anchor(t.Context(), "ethereum", at)
		checkAnchor(t, later, a, err, at)
	}
}

func TestATickTheChainHasNotReachedHasNoBlock(t *testing.T) {
	t.Parallel()
	l := ledger{times: slots(1000, 0.01, rand.New(rand.NewPCG(5, 6))), young: 75}
	g, _ := evmGateway(t, l, gateway.Options{})
	head := time.Unix(l.times[999], 0)
	at := head.Add(20 * time.Second) // its block may be the newest one, or one on the way
	a, err := g.Anchor(t.Context(), "ethereum", at)
	checkAnchor(t, l, a, err, at)
	if a, err := g.Anchor(t.Context(), "ethereum", head.Add(2*time.Minute)); sdk.KindOf(err) != sdk.KindTransient ||
		!strings.Contains(err.Error(), "the newest block, 999, is of") || !strings.Contains(err.Error(), "2m0s before it") {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAnchorsReportWhatWentWrong(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	l := ledger{times: slots(5000, 0.01, r)}
	at := time.Unix(l.times[2500], 0)
	swap := func(f func(c rpc, n int64) string) func(rpc) string {
		return func(c rpc) string {
			var params []any
			_ = json.Unmarshal(c.Params, &params)
			n, err := strconv.ParseInt(strings.TrimPrefix(params[0].(string), "0x"), 16, 64)
			if err != nil {
				n = -1
			}
			return f(c, n)
		}
	}
	for name, tt := range map[string]struct {
		answer func(rpc) string
		kind   sdk.Kind
		want   string
	}{
		"no finalized tag": {swap(func(c rpc, n int64) string {
			if n < 0 {
				return `"error":{"code":-32602,"message":"unknown tag"}`
			}
			return l.answer(c)
		}), sdk.KindConfig, "unknown tag"},
		"a block another number": {swap(func(c rpc, n int64) string {
			if n >= 0 {
				c.Params = json.RawMessage(`["0x5",false]`)
			}
			return l.answer(c)
		}), sdk.KindIdentity, "answered block 5 for block"},
		"a finalised block missing": {swap(func(c rpc, n int64) string {
			if n >= 0 {
				return `"result":null`
			}
			return l.answer(c)
		}), sdk.KindTransient, "does not have the block"},
		"not a block": {swap(func(c rpc, n int64) string {
			if n >= 0 {
				return `"result":{"number":"0x1"}`
			}
			return l.answer(c)
		}), sdk.KindLayout, "no usable number"},
		"times that contradict each other": {swap(func(c rpc, n int64) string {
			if n >= 0 {
				return fmt.Sprintf(`"result":{"number":"0x%x","hash":"0x1","timestamp":"0x%x"}`, n, at.Unix()+(2500-n)*12)
			}
			return l.answer(c)
		}), gateway.KindDisagreement, "out of order"},
	} {
		g, n := evmGateway(t, l, gateway.Options{})
		n.answer = tt.answer
		a, err := g.Anchor(t.Context(), "ethereum", at)
		if sdk.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %+v, %v (%s)", name, a, err, sdk.KindOf(err))
		}
	}
	g, _ := evmGateway(t, l, gateway.Options{})
	if _, err := g.Anchor(t.Context(), "polygon", at); sdk.KindOf(err) != sdk.KindConfig {
		t.Errorf("unknown chain: %v", err)
	}
}

func TestASecondEndpointVerifiesAnchors(t *testing.T) {
	t.Parallel()
	l := ledger{times: slots(5000, 0.01, rand.New(rand.NewPCG(9, 10)))}
	forked := func(c rpc) string { return strings.ReplaceAll(l.answer(c), `"hash":"0x0`, `"hash":"0xf`) }
	for name, tt := range map[string]struct {
		b    func(rpc) string
		kind sdk.Kind
	}{"equal": {l.answer, ""}, "another hash": {forked, gateway.KindDisagreement}} {
		chain := ethereum("a", "b")
		chain.Verify = 2
		g := start(t, gateway.Options{Chains: []gateway.Chain{chain},
			Transport: pool(map[string]*node{"a": {answer: l.answer}, "b": {answer: tt.b}})})
		for _, at := range []time.Time{time.Unix(l.times[2000], 0), time.Unix(l.times[4999], 0)} {
			if a, err := g.Anchor(t.Context(), "ethereum", at); sdk.KindOf(err) != tt.kind {
				t.Errorf("%s: %+v, %v", name, a, err)
			}
		}
	}
}

func TestRecordedAnchorsReplay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := ledger{times: slots(5000, 0.01, rand.New(rand.NewPCG(11, 12))), young: 75}
	ticks := []time.Time{time.Unix(l.times[2000]+5, 0), time.Unix(l.times[0], 0), time.Unix(l.times[4990], 0)}
	live, _ := evmGateway(t, l, gateway.Options{Record: dir})
	want, errs := live.Anchors(t.Context(), "ethereum", ticks)
	for i, err := range errs {
		if err != nil {
			t.Fatalf("tick %s: %v", ticks[i], err)
		}
	}
	replay := start(t, gateway.Options{Chains: []gateway.Chain{{ID: "ethereum", Kind: gateway.EVM}}, Replay: dir})
	got, errs := replay.Anchors(t.Context(), "ethereum", ticks)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-live +replay) %v:\n%s", errs, diff)
	}
	if _, err := replay.Anchor(t.Context(), "ethereum", tick); sdk.KindOf(err) != sdk.KindConfig || !strings.Contains(err.Error(), "ethereum/2023-12-15T12-00-00Z/anchor.json") {
		t.Errorf("unrecorded anchor: %v", err)
	}
	if all, err := replay.RecordedTicks("ethereum", ""); err != nil || len(all) != 3 {
		t.Errorf("recorded ticks %v, %v", all, err)
	}
}

// A recording made from published numbers knows a block by its number alone. A
// live endpoint always has a hash.
func TestOnlyARecordingMayLackABlocksHash(t *testing.T) {
	t.Parallel()
	const block = `{"number":"0x11e2a00","timestamp":"0x657c3f00"}`
	dir := t.TempDir()
	path := filepath.Join(dir, "ethereum", "2023-12-15T12-00-00Z", "anchor.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	text := `{"quality":"estimated","note":"","exchanges":[{"method":"eth_getBlockByNumber","params":["0x11e2a00",false],"result":` + block + `,"endpoint":"a"}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	replay := start(t, gateway.Options{Chains: []gateway.Chain{{ID: "ethereum", Kind: gateway.EVM}}, Replay: dir})
	a, err := replay.Anchor(t.Context(), "ethereum", tick)
	if err != nil || a.Height != 0x11e2a00 || a.Hash != "" {
		t.Errorf("replayed %+v, %v", a, err)
	}

	live := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")},
		Transport: pool(map[string]*node{"a": {answer: always(`"result":` + block)}})})
	if _, err := live.Anchor(t.Context(), "ethereum", tick); err == nil || !strings.Contains(err.Error(), "no usable number, timestamp or hash") {
		t.Errorf("live: %v", err)
	}
}

func clockResult(length int, owner string) string {
	b := make([]byte, length)
	if length >= 40 {
		for at, v := range map[int]uint64{0: 410343009, 8: 1775000000, 16: 949, 24: 950, 32: 1775062800} {
			binary.LittleEndian.PutUint64(b[at:], v)
		}
	}
	return `"result":{"context":{"apiVersion":"2.2.0","slot":410343009},"value":[{"data":["` + base64.StdEncoding.EncodeToString(b) +
		`","base64"],"executable":false,"lamports":1169280,"owner":"` + owner + `","rentEpoch":18446744073709551615,"space":40}]}`
}

const sysvar = "Sysvar1111111111111111111111111111111111111"

func solanaChain() gateway.Chain {
	return gateway.Chain{ID: "solana", Kind: gateway.Solana, Endpoints: []gateway.Endpoint{{Alias: "a", URL: "http://a.example"}}}
}

func TestSolanaAnchorsComeFromTheClock(t *testing.T) {
	t.Parallel()
	now := time.Unix(1775062815, 0)
	n := &node{answer: always(clockResult(40, sysvar))}
	dir := t.TempDir()
	g := start(t, gateway.Options{Chains: []gateway.Chain{solanaChain()}, Transport: pool(map[string]*node{"a": n}),
		Now: func() time.Time { return now }, Record: dir})
	want := sdk.Anchor{Chain: "solana", Height: 410343009, Time: time.Unix(1775062800, 0).UTC(), Finality: sdk.Finalized,
		Epoch: 949, EpochStart: time.Unix(1775000000, 0).UTC(), Tick: now.UTC()}
	for range 2 {
		if got, err := g.Anchor(t.Context(), "solana", now); err != nil || !cmp.Equal(want, got) {
			t.Errorf("%v\n%s", err, cmp.Diff(want, got))
		}
	}
	if n.count() != 1 {
		t.Errorf("%d requests for one tick", n.count())
	}
	if got := string(n.requests[0][0].Params); got != `[["SysvarC1ock11111111111111111111111111111111"],{"commitment":"finalized","encoding":"base64"}]` {
		t.Errorf("asked %s", got)
	}
	_, errs := g.Anchors(t.Context(), "solana", []time.Time{now.Add(-11 * time.Minute), now.Add(-9 * time.Minute), now.Add(11 * time.Minute)})
	if sdk.KindOf(errs[0]) != sdk.KindUnrecoverable || !strings.Contains(errs[0].Error(), "its past cannot be read") ||
		errs[1] != nil || sdk.KindOf(errs[2]) != sdk.KindTransient {
		t.Errorf("errors %v", errs)
	}

	replay := start(t, gateway.Options{Chains: []gateway.Chain{solanaChain()}, Replay: dir, Now: func() time.Time { return now.AddDate(3, 0, 0) }})
	if got, err := replay.Anchor(t.Context(), "solana", now); err != nil || !cmp.Equal(want, got) {
		t.Errorf("replay: %v\n%s", err, cmp.Diff(want, got))
	}
	if _, err := replay.Anchor(t.Context(), "solana", now.Add(time.Hour)); sdk.KindOf(err) != sdk.KindConfig {
		t.Errorf("replay of an unrecorded tick: %v", err)
	}
}

func TestAStrangeClockIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer string
		kind   sdk.Kind
	}{
		"39 bytes":         {clockResult(39, sysvar), sdk.KindLayout},
		"48 bytes":         {clockResult(48, sysvar), sdk.KindLayout},
		"another owner":    {clockResult(40, "Stake11111111111111111111111111111111111111"), sdk.KindIdentity},
		"a null account":   {`"result":{"context":{"slot":5},"value":[null]}`, sdk.KindIdentity},
		"no slot":          {strings.Replace(clockResult(40, sysvar), `"slot":410343009`, `"s":1`, 1), sdk.KindIdentity},
		"another shape":    {`"result":"0x1"`, sdk.KindLayout},
		"a JSON-RPC error": {`"error":{"code":-32601,"message":"Method not found"}`, sdk.KindTransient},
	} {
		now := time.Unix(1775062815, 0)
		g := start(t, gateway.Options{Chains: []gateway.Chain{solanaChain()}, Now: func() time.Time { return now },
			Transport: pool(map[string]*node{"a": {answer: always(tt.answer)}})})
		if a, err := g.Anchor(t.Context(), "solana", now); sdk.KindOf(err) != tt.kind || !strings.Contains(err.Error(), `endpoint "a"`) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func TestAnchorsAreRetriedLikeEverythingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ledger{times: slots(5000, 0.01, rand.New(rand.NewPCG(13, 14)))}
		g, n := evmGateway(t, l, gateway.Options{})
		n.script = []trouble{status(500), silence, text("{"), status(429, "Retry-After", "2")}
		at := time.Unix(l.times[1234], 0)
		a, err := g.Anchor(t.Context(), "ethereum", at)
		checkAnchor(t, l, a, err, at)
	})
}

// TestKnownBlockTimes replays recorded anchors of real blocks whose times are
// known from votes executed in them.
func TestKnownBlockTimes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for height, at := range map[int64]string{
		14860268: "2022-05-28T12:27:55Z", 17344569: "2023-05-26T16:51:35Z", 21043699: "2024-10-25T16:03:23Z",
		24054276: "2025-12-20T14:01:35Z", 24980862: "2026-04-28T20:09:59Z",
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "ethereum", when.Format("2006-01-02T15-04-05Z"), "anchor.json"),
			fmt.Sprintf(`{"quality":"","note":"","exchanges":[{"method":"eth_getBlockByNumber","params":["0x%x",false],
			"result":{"number":"0x%x","hash":"%s","timestamp":"0x%x"},"endpoint":"notes"}]}`, height, height, hash(height), when.Unix()))
		g := start(t, gateway.Options{Chains: []gateway.Chain{{ID: "ethereum", Kind: gateway.EVM}}, Replay: dir})
		if a, err := g.Anchor(t.Context(), "ethereum", when); err != nil || a.Height != uint64(height) || !a.Time.Equal(when) {
			t.Errorf("%s: %+v, %v", at, a, err)
		}
		// after the merge every block is a whole number of slots from genesis
		if height > 15537394 && (when.Unix()-1606824023)%12 != 0 {
			t.Errorf("block %d is not on a slot", height)
		}
	}
}
