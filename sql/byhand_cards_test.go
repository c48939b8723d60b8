package sql_test

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// said is a fee a protocol's card states; a zero time is none.
type said struct {
	protocol, kind           string
	bps                      int
	from, to, known, dropped time.Time
}

type cards []said

// drawCards stores what pb says it takes: some of it only from or until a moment, some
// of it learned or dropped at one.
func drawCards(t *rapid.T, s *store.Store) (list cards) {
	moment := func(name string) time.Time {
		if rapid.Bool().Draw(t, name) {
			return time.Time{}
		}
		return start.Add(drawTime(t, name, -5, 20))
	}
	text := "DELETE FROM dim_fee;"
	var rows []string
	for range rapid.IntRange(1, 5).Draw(t, "cards") {
		f := said{"pb", rapid.SampledFrom([]string{"deposit", "reward", "withdraw"}).Draw(t, "kind"), rapid.IntRange(0, 500).Draw(t, "bps"),
			moment("from"), moment("to"), moment("known"), moment("dropped")}
		list = append(list, f)
		row := fmt.Sprintf("'%s', '%s', %d", f.protocol, f.kind, f.bps)
		for _, m := range []time.Time{f.from, f.to, f.known, f.dropped} {
			if m.IsZero() {
				row += ", NULL"
			} else {
				row += ", '" + stamp(m) + "'"
			}
		}
		rows = append(rows, "("+row+", 'card', 'test')")
	}
	text += "INSERT INTO dim_fee (protocol_id, fee_type, bps, valid_from, valid_to, known_at, dropped_at, source, plugin) VALUES " + strings.Join(rows, ",")
	if _, err := s.DB().Exec(text); err != nil {
		t.Fatalf("%v", err)
	}
	return list
}

// stated are the fees of a kind that are said to hold at a moment, as known then.
func (list cards) stated(protocol, kind string, at, known time.Time) (bps []*big.Rat) {
	during := func(from, to, moment time.Time) bool {
		return !moment.Before(from) && (to.IsZero() || moment.Before(to))
	}
	for _, f := range list {
		if f.protocol == protocol && f.kind == kind && during(f.from, f.to, at) && during(f.known, f.dropped, known) {
			bps = append(bps, big.NewRat(int64(f.bps), 1))
		}
	}
	return bps
}
