package sql_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/historytest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// Who runs a protocol: operator_concentration by hand, of the newest snapshot in its
// newest version.
func TestConcentrationOfOperatorsByHand(t *testing.T) {
	byHand(t, func(t *rapid.T, s *store.Store) {
		type stake struct {
			protocol, operator string
			ts, known          time.Time
			native             *big.Rat
		}
		var all []stake
		var rows []string
		for _, protocol := range []string{"pa", "pb"} {
			for n := range rapid.IntRange(1, 3).Draw(t, "snapshots") {
				for i := range rapid.IntRange(1, 9).Draw(t, "operators") {
					for version := range rapid.IntRange(1, 2).Draw(t, "versions") {
						ts := start.AddDate(0, 0, 5*n)
						x := stake{protocol, fmt.Sprint("o", i), ts, ts.AddDate(0, 0, 4*version), big.NewRat(int64(rapid.IntRange(0, 1000).Draw(t, "stake")), 7)}
						native := fmt.Sprintf("%.17g", historytest.Float(x.native))
						x.native = rat(historytest.Float(x.native))
						if rapid.IntRange(0, 5).Draw(t, "is unknown") == 0 {
							x.native, native = nil, "NULL"
						}
						all = append(all, x)
						rows = append(rows, fmt.Sprintf("('%s', '%s', '%s', %s, 1, '%s', 'r')", protocol, x.operator, stamp(ts), native, stamp(x.known)))
					}
				}
			}
		}
		if _, err := s.DB().Exec("DELETE FROM fact_operator_stake; INSERT INTO fact_operator_stake VALUES " + strings.Join(rows, ",")); err != nil {
			t.Fatalf("%v", err)
		}
		asOf, known := start.AddDate(0, 0, rapid.IntRange(0, 20).Draw(t, "as of")), start.AddDate(0, 0, rapid.IntRange(0, 25).Draw(t, "known"))
		var want [][]any
		for _, protocol := range []string{"pa", "pb"} {
			newest := map[string]stake{}
			var moment time.Time
			for _, x := range all {
				if x.protocol != protocol || x.ts.After(asOf) || x.known.After(known) || x.ts.Before(moment) {
					continue
				}
				if x.ts.After(moment) {
					moment, newest = x.ts, map[string]stake{}
				}
				if old, ok := newest[x.operator]; !ok || x.known.After(old.known) {
					newest[x.operator] = x
				}
			}
			var stakes []*big.Rat
			total := new(big.Rat)
			for _, x := range newest {
				if x.native != nil {
					stakes, total = append(stakes, x.native), add(total, x.native)
				}
			}
			if len(stakes) == 0 {
				continue
			}
			if total.Sign() == 0 {
				want = append(want, []any{protocol, moment, len(stakes), nil, nil, nil})
				continue
			}
			slices.SortFunc(stakes, func(x, y *big.Rat) int { return y.Cmp(x) })
			index, run, third := new(big.Rat), new(big.Rat), 0
			for i, x := range stakes {
				part := quo(x, total)
				index = add(index, mul(big.NewRat(10000, 1), part, part))
				if run = add(run, part); third == 0 && run.Cmp(big.NewRat(1, 3)) > 0 {
					third = i + 1
				}
			}
			want = append(want, []any{protocol, moment, len(stakes), mul(big.NewRat(100, 1), quo(stakes[0], total)), index, third})
		}
		agree(t, s, fmt.Sprintf(`SELECT protocol_id, ts, operators, top1_pct, op_hhi, nakamoto_33 FROM operator_concentration('%s', kt := '%s') ORDER BY 1`,
			stamp(asOf), stamp(known)), want)
	})
}
