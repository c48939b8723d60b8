package ingest

import (
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
)

func TestPricesGoFirstUnlessTheyHang(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		hangs bool
		wait  time.Duration
		place int // of the prices among the three outcomes
	}{
		{"values in US dollars need the prices of their tick", false, time.Hour, 0},
		{"a feed that hangs holds up nobody", true, time.Millisecond, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, time.Date(2024, 3, 1, 12, 30, 0, 0, time.UTC))
			p := w.open(t, filepath.Join(t.TempDir(), "w.duckdb"), "rocketpool", "marinade", "chainlink")
			others := make(chan struct{})
			if c.hangs {
				w.SpoilEthereum(chaintest.Contract(chaintest.ETHUSD), func(w http.ResponseWriter, r *http.Request, _ []byte, next http.Handler) {
					select {
					case <-others:
						next.ServeHTTP(w, r)
					case <-r.Context().Done():
					}
				})
			}
			var mu sync.Mutex
			var order []string
			p.PriceWait = c.wait
			p.Report = func(o Outcome) {
				mu.Lock()
				defer mu.Unlock()
				if order = append(order, o.Plugin); len(order) == 2 {
					close(others)
				}
			}
			if sum := p.mustWake(t, dailyJob()); !sum.OK() || len(sum.Outcomes) != 3 {
				t.Fatalf("%+v", sum)
			}
			if order[c.place] != "chainlink" {
				t.Errorf("read in the order %v", order)
			}
		})
	}
}
