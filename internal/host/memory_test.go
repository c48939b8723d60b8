package host

import (
	"runtime"
	"strings"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestAPluginThatLeaksIsKilledAtItsCapAndSaysWhy(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("resident memory is known on Linux only")
	}
	h, _ := newHost(t, Options{MaxRSS: 96 << 20})
	p := start(t, h, "leaker")
	err := p.Fetch(t.Context(), do("leak"), &basket{})
	if err == nil || !strings.Contains(err.Error(), "plugins.max_rss") || sdk.KindOf(err) != sdk.KindInternal {
		t.Errorf("fetch = %v (%s), want an internal error that names the cap", err, sdk.KindOf(err))
	}
	p.Stop()
	if got := h.Usage(); len(got) != 1 || got[0].PeakRSS < 96<<20 || got[0].RSS != 0 {
		t.Errorf("usage = %+v, want a peak beyond the cap and nothing now", got)
	}
	// The next process is a new one.
	again, err := h.Start(t.Context(), p.Binary())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop()
	if err := again.Fetch(t.Context(), do("rows"), &basket{}); err != nil {
		t.Error(err)
	}
	got := h.Usage()
	if len(got) != 1 || got[0].Starts != 2 || got[0].Crashes != 1 || got[0].Running != 1 || got[0].RSS < 1<<20 {
		t.Errorf("usage = %+v, want two starts, one crash, one running with its memory", got)
	}
}

func TestTheMemoryOfWhatAPluginStartsCountsToo(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("resident memory is known on Linux only")
	}
	for name, escape := range map[string]string{"a child in its group": "", "a child in a session of its own": "yes"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := newHost(t, Options{MaxRSS: 96 << 20})
			child := newLifeline(t)
			p := start(t, h, "forker")
			err := p.Fetch(t.Context(), do("grandchild", "child", child.path, "leak", "yes", "escape", escape), &basket{})
			if err == nil || !strings.Contains(err.Error(), "plugins.max_rss") {
				t.Errorf("fetch = %v, want an error that names the cap", err)
			}
			child.waitGone(t)
		})
	}
}

func TestAPluginThatIsStoppedHasNotCrashed(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	start(t, h, "calm").Stop()
	got := h.Usage()
	if len(got) != 1 || got[0].Crashes != 0 || got[0].Running != 0 || got[0].Starts != 1 {
		t.Errorf("usage = %+v", got)
	}
	if runtime.GOOS == "linux" && (got[0].PeakRSS < 1<<20 || got[0].PeakRSS > 64<<20) {
		t.Errorf("its peak is %d bytes, want its own few MiB", got[0].PeakRSS)
	}
}
