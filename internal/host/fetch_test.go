package host

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestFetchThatGoesWrongIsAClearError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plugin, do string
		kind       sdk.Kind
		says       string
		lives      bool // the process can be used again
		rows       int
	}{
		"its own error keeps its kind, its rows and the process": {
			"good", "fail", sdk.KindLayout, "stake pool: 611 bytes, want 612, from <gateway>", true, 1},
		"a panic in Fetch is an error of the plugin": {
			"good", "panic", sdk.KindInternal, "panic in Fetch: index out of range", true, 0},
		"a panic in a goroutine ends the process": {
			"good", "crash", sdk.KindInternal, "(exit status 2); it last said: panic: lost in a goroutine", false, 0},
		"an exit is reported with its status": {
			"good", "exit", sdk.KindInternal, "ended before it had answered (exit status 3); it last said: bye", false, 0},
		"a kill from outside is reported with its signal": {
			"good", "suicide", sdk.KindInternal, "killed by signal 9 (killed, maybe out of memory)", false, 0},
		"a hang ends at the deadline": {
			"good", "hang", sdk.KindTransient, "deadline exceeded (killed by the host)", false, 0},
		"a stopped process ends at the deadline": {
			"good", "stop", sdk.KindTransient, "deadline exceeded (killed by the host)", false, 0},
		"a message of 100 MB is refused": {
			"raw", "huge", sdk.KindInternal, "larger than 16777216 bytes", false, 0},
		"a malformed batch is refused": {
			"raw", "malformed", sdk.KindInternal, "batch: token: row 0: index 77", false, 0},
		"an error without a kind is internal": {
			"raw", "plain error", sdk.KindInternal, "no trailer", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := newHost(t, Options{})
			p := start(t, h, test.plugin)
			ctx := t.Context()
			if test.kind == sdk.KindTransient {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Second)
				defer cancel()
			}
			var got basket
			err := p.Fetch(ctx, do(test.do), &got)
			if err == nil || !strings.HasPrefix(err.Error(), "plugin "+test.plugin+": fetch: ") || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("error is\n  %v\nwant\n  %s", err, test.says)
			}
			if strings.Contains(err.Error(), gatewayURL) {
				t.Errorf("error %q shows the gateway's address", err)
			}
			if kind := sdk.KindOf(err); kind != test.kind {
				t.Errorf("kind is %s, want %s", kind, test.kind)
			}
			if len(got.observed) != test.rows {
				t.Errorf("%d rows arrived, want %d", len(got.observed), test.rows)
			}
			if p.Exited() == test.lives {
				t.Errorf("exited is %v (%s)", p.Exited(), p.ExitReason())
			}
			if test.lives {
				if err := p.Fetch(t.Context(), do(""), &got); err != nil {
					t.Errorf("the next fetch: %v", err)
				}
			}
		})
	}
}

func TestFetchWithoutDeadlineIsBounded(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{FetchTimeout: 200 * time.Millisecond})
	p := start(t, h, "good")
	err := p.Fetch(context.Background(), do("obey"), &basket{})
	if sdk.KindOf(err) != sdk.KindTransient || !strings.Contains(err.Error(), "not done within 200ms") {
		t.Errorf("error is %v", err)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v is not a deadline", err)
	}
}

func TestErrorOfTheSinkComesBackAsItIs(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	p := start(t, h, "good")
	full := errors.New("disk full")
	if err := p.Fetch(t.Context(), do("rows", "rows", "100000"), &basket{refuse: full}); err != full {
		t.Errorf("error is %v", err)
	}
	if !p.Exited() {
		t.Error("the plugin goes on sending what nobody takes")
	}
}

// blocked is a sink that takes nothing until something has ended.
type blocked struct {
	basket
	until <-chan struct{}
}

func (b *blocked) Observe(...sdk.Observation) error {
	<-b.until
	return nil
}

func TestDeadlineHoldsWhileTheSinkIsBusy(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{FetchTimeout: 500 * time.Millisecond})
	p := start(t, h, "good")
	err := p.Fetch(context.Background(), do("all"), &blocked{until: p.Done()})
	if !p.Exited() || (err != nil && sdk.KindOf(err) != sdk.KindTransient) {
		t.Errorf("exited is %v, error %v", p.Exited(), err)
	}
}

func TestProcessFetchesOneThingAtATime(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	p := start(t, h, "good")
	life := newLifeline(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Fetch(ctx, do("obey", "hold", life.path), &basket{}) }()
	life.waitBorn(t)
	if err := p.Fetch(t.Context(), do(""), &basket{}); err == nil || !strings.Contains(err.Error(), "busy") {
		t.Errorf("second fetch: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("first fetch: %v", err)
	}
}

func TestManyRowsAndManyAnchorsPass(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	p := start(t, h, "good")
	var got basket
	if err := p.Fetch(t.Context(), do("rows", "rows", "20000"), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.observed) != 20000 {
		t.Fatalf("%d rows arrived", len(got.observed))
	}
	for i, o := range got.observed {
		if o.Value.Int64() != int64(i) {
			t.Fatalf("row %d holds %s", i, o.Value)
		}
	}
	// gRPC takes 4 MiB by default; the plugin must take more.
	req := do("count anchors")
	for i := range 60_000 {
		a := req.Anchors[0]
		a.Height += uint64(i) + 1
		a.Hash = strings.Repeat("ab", 40)
		req.Anchors = append(req.Anchors, a)
	}
	if err := p.Fetch(t.Context(), req, &got); err != nil {
		t.Fatal(err)
	}
	if n := got.observed[20000].Value.Int64(); n != 60_001 {
		t.Errorf("the plugin saw %d anchors", n)
	}
}

func TestAnchorsOfAnotherChainAreRefused(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	req := do("")
	req.Anchors[0].Chain = "solana"
	if err := start(t, h, "good").Fetch(t.Context(), req, &basket{}); err == nil || !strings.Contains(err.Error(), `"solana"`) {
		t.Errorf("error is %v", err)
	}
}
