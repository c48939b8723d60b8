package serve

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// A daemon that was down for three days closes its holes on Ethereum with the
// values an uninterrupted twin has, and lists those on Solana as unrecoverable.
func TestThreeDaysOfDowntimeCloseOnEthereumAndAreWrittenDownOnSolana(t *testing.T) {
	t.Parallel()
	every := schedule.MustParse("0 */12 * * *", "")
	dirs := map[string]string{}
	for _, name := range []string{"lido", "marinade"} {
		dirs[name] = build(t, "../../plugins/"+name, name)
	}
	newest := every.Last(time.Now().Add(-2 * time.Hour))
	first := newest.Add(-72 * time.Hour)
	ticks := every.Ticks(first.Add(-time.Second), newest)
	if len(ticks) != 7 {
		t.Fatalf("%d ticks", len(ticks))
	}
	facts := map[string]map[string]string{}
	for _, plugin := range []string{"lido", "marinade"} {
		for _, life := range []string{"uninterrupted", "interrupted"} {
			s := newShop(t, dirs[plugin], 0)
			w := s.Worker(ingest.Job{Name: "state", Schedule: every, CatchUp: ingest.CatchUpAll, Timeout: time.Minute})
			for i, tick := range ticks {
				if life == "uninterrupted" || i == 0 || i == len(ticks)-1 {
					s.pass(t, w, tick.Add(time.Minute))
				}
			}
			tasks, err := s.Store.Tasks(t.Context(), store.TaskFilter{Job: "state"})
			if err != nil {
				t.Fatal(err)
			}
			states := map[string]int{}
			for _, task := range tasks {
				states[task.State]++
				if task.State == store.StateUnrecoverable && task.Error == "" {
					t.Errorf("%s has no reason", task.TaskKey)
				}
			}
			want := map[string]int{store.StateHave: len(ticks)}
			if plugin == "marinade" && life == "interrupted" {
				want = map[string]int{store.StateHave: 2, store.StateUnrecoverable: len(ticks) - 2}
			}
			if diff := cmp.Diff(want, states); diff != "" {
				t.Errorf("%s, %s: %s", plugin, life, diff)
			}
			facts[plugin+" "+life] = values(t, s.Store)
		}
	}
	if diff := cmp.Diff(facts["lido uninterrupted"], facts["lido interrupted"]); diff != "" || len(facts["lido interrupted"]) < len(ticks) {
		t.Errorf("%d facts on Ethereum; the twins differ:\n%s", len(facts["lido interrupted"]), diff)
	}
}

// values are the facts read from the chain, exact, by their key.
func values(t *testing.T, s *store.Store) map[string]string {
	t.Helper()
	rows, err := s.Query(t.Context(), `SELECT metric_id, token_id, ts, basis, coalesce(value_exact::VARCHAR, reason), quality, height FROM metric_now`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		v := rows.Values()
		all[fmt.Sprint(v[:4]...)] = fmt.Sprint(v[4:]...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
