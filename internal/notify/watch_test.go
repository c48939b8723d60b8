package notify

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rates writes a token with redemption rates, one each hour up to t0.
func (s *setup) rates(t *testing.T, token, status string, values ...float64) {
	t.Helper()
	s.exec(t, `INSERT INTO dim_protocol (protocol_id, name, status, plugin, updated_at) VALUES (?, ?, ?, 'p', '2026-01-01')`, token+"-protocol", token, status)
	s.exec(t, `INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, expected_update_s, stale_after_s, plugin, updated_at)
		VALUES (?, ?, 'ethereum', ?, 'ETH', 'exchange_rate', 3600, 7200, 'p', '2026-01-01')`, token, token+"-protocol", token)
	for i, v := range values {
		s.rate(t, token, t0.Add(time.Duration(i-len(values)+1)*time.Hour), v)
	}
}

func (s *setup) rate(t *testing.T, token string, at time.Time, value float64) {
	t.Helper()
	s.exec(t, `INSERT INTO fact_metric (metric_id, token_id, ts, value, value_exact, quality, basis, known_at, run_id, transform)
		VALUES ('exchange_rate', ?, ?, ?, ?::DECIMAL(38,18), 'ok', 'onchain', ?, 'r', 'scale@1')`, token, at, value, value, at)
}

func (s *setup) price(t *testing.T, token string, at time.Time, value float64) {
	t.Helper()
	s.exec(t, `INSERT INTO fact_price (base_id, quote, venue, ts, price, price_exact, quality, basis, known_at, run_id, transform)
		VALUES (?, 'ETH', 'curve', ?, ?, ?::DECIMAL(38,18), 'ok', 'onchain', ?, 'r', 'scale@1')`, token, at, value, value, at)
}

// step moves the clock and checks; it returns what was said in it.
func (s *setup) step(t *testing.T, d time.Duration) []string {
	t.Helper()
	before := len(s.inbox.said())
	s.clock.pass(d)
	s.check(t)
	return s.inbox.said()[before:]
}

func TestADepegBeginsAtTheThresholdAndEndsAtHalfOfIt(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.rates(t, "aeth", "live", 1.00, 1.01, 1.02)
	for _, c := range []struct {
		name    string
		premium float64 // bps
		want    []string
	}{
		{"a small discount is none", -90, []string{}},
		{"one beyond the threshold begins it", -110, []string{"depeg aeth begun"}},
		{"deeper is the same episode", -400, []string{}},
		{"a price that dithers is, too", -60, []string{}},
		{"above half it is over", -40, []string{"depeg aeth resolved"}},
		{"and does not begin again before the threshold", -80, []string{}},
	} {
		s.clock.pass(time.Minute)
		s.price(t, "aeth", s.clock.now(), 1.02*(1+c.premium/1e4))
		if diff := cmp.Diff(c.want, s.step(t, time.Second)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestADepegWithoutAPriceIsNeitherOnNorOver(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.rates(t, "aeth", "live", 1.00, 1.01, 1.02)
	s.price(t, "aeth", t0, 0.9)
	if diff := cmp.Diff([]string{"depeg aeth begun"}, s.step(t, time.Second)); diff != "" {
		t.Error(diff)
	}
	for h := range 4 { // the price grows stale, the rate does not
		s.rate(t, "aeth", t0.Add(time.Duration(h+1)*time.Hour), 1.03+float64(h)/100)
	}
	if diff := cmp.Diff([]string{}, s.step(t, 4*time.Hour)); diff != "" {
		t.Error(diff)
	}
}

func TestARateThatFellIsToldUntilItRises(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.rates(t, "aeth", "live", 1.00, 1.02, 1.01)
	if diff := cmp.Diff([]string{"rate_drop aeth begun"}, s.step(t, time.Second)); diff != "" {
		t.Error(diff)
	}
	s.rate(t, "aeth", t0.Add(30*time.Minute), 1.015)
	if diff := cmp.Diff([]string{"rate_drop aeth resolved"}, s.step(t, time.Hour)); diff != "" {
		t.Error(diff)
	}
}

// A basket's stake is counted in its tokens; its rate is its own all the same. A
// wrapper's fall is that of the token it wraps, told once.
func TestTheFallOfABasketIsToldAndThatOfAWrapperIsNot(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.rates(t, "basket", "live", 1.02, 1.01)
	s.rates(t, "aeth", "live", 1.02, 1.01)
	s.rates(t, "waeth", "live")
	s.exec(t, `UPDATE dim_token SET accrual = 'basket' WHERE token_id = 'basket'`)
	s.exec(t, `UPDATE dim_token SET accrual = 'wrapper', rate_of = 'aeth' WHERE token_id = 'waeth'`)
	if diff := cmp.Diff([]string{"rate_drop aeth begun", "rate_drop basket begun"}, s.step(t, time.Second)); diff != "" {
		t.Error(diff)
	}
}

// suspect writes a rate as the checks hold it.
func (s *setup) suspect(t *testing.T, token string, at time.Time, value float64, transform string) {
	t.Helper()
	s.exec(t, `INSERT INTO fact_metric (metric_id, token_id, ts, value, value_exact, quality, reason, basis, known_at, run_id, transform)
		VALUES ('exchange_rate', $1, $2, $3, $3::DECIMAL(38,18), 'suspect', 'jump', 'onchain', $4, 'r', $5)`, token, at, value, s.clock.now(), transform)
}

func TestAFallIsToldWhateverTheChecksMakeOfIt(t *testing.T) {
	t.Parallel()
	at := t0.Add(time.Hour)
	for _, c := range []struct {
		name string
		then func(t *testing.T, s *setup)
		want []string // after the fall was told
	}{
		{"it stays while later readings are held as well", func(t *testing.T, s *setup) { s.suspect(t, "aeth", at.Add(time.Hour), 0.891, "scale@1") }, []string{}},
		{"it stays when it is released, for it was one", func(t *testing.T, s *setup) {
			s.exec(t, `INSERT INTO fact_metric BY NAME SELECT * REPLACE ('ok' AS quality, known_at + INTERVAL 1 SECOND AS known_at, 'manual-release@1' AS transform) FROM fact_metric WHERE quality = 'suspect'`)
		}, []string{}},
		{"it is over when a person dismissed it", func(t *testing.T, s *setup) { s.suspect(t, "aeth", at, 0.89, "manual-dismiss@1") }, []string{"rate_drop aeth resolved"}},
		{"it is over when the next reading is as before", func(t *testing.T, s *setup) { s.rate(t, "aeth", at.Add(time.Hour), 1.01) }, []string{"rate_drop aeth resolved"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t)
			s.rates(t, "aeth", "live", 0.98, 0.99, 1.00)
			s.suspect(t, "aeth", at, 0.89, "scale@1")
			if diff := cmp.Diff([]string{"rate_drop aeth begun"}, s.step(t, 90*time.Minute)); diff != "" {
				t.Fatal(diff)
			}
			if got, want := s.inbox.got[0].Detail, "the redemption rate fell by 1100.0 bps to 0.89 at 2026-03-01 13:00, which is suspect"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			c.then(t, s)
			if diff := cmp.Diff(c.want, s.step(t, time.Hour)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestASuspectRiseIsNoFall(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.rates(t, "aeth", "live", 0.98, 0.99, 1.00)
	s.suspect(t, "aeth", t0.Add(time.Hour), 1.2, "scale@1")
	if diff := cmp.Diff([]string{}, s.step(t, 90*time.Minute)); diff != "" {
		t.Error(diff)
	}
}

func TestARateThatStandsStillIsFrozenUnlessItsProtocolHasEnded(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.rates(t, "aeth", "live", 1.00, 1.01, 1.01, 1.01, 1.01, 1.01)
	s.rates(t, "beth", "sunset", 1.00, 1.01, 1.01, 1.01, 1.01, 1.01)
	s.rates(t, "ceth", "live", 1.00, 1.01, 1.02, 1.03, 1.04, 1.05)
	if diff := cmp.Diff([]string{"frozen aeth begun"}, s.step(t, time.Second)); diff != "" {
		t.Error(diff)
	}
	s.rate(t, "aeth", t0.Add(30*time.Minute), 1.02)
	if diff := cmp.Diff([]string{"frozen aeth resolved"}, s.step(t, time.Hour)); diff != "" {
		t.Error(diff)
	}
}

func TestHeldRowsAreToldUntilAPersonHasDecided(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	for range 3 {
		s.exec(t, `INSERT INTO quarantine (run_id, job, plugin, chain_id, tick, token_id, check_name, reason, created_at) VALUES ('r', 'state', 'p', 'c', ?, 'aeth', 'bounds', 'rate 7 is above 5', ?)`, t0, t0)
	}
	if diff := cmp.Diff([]string{"quarantine p/c/aeth/bounds begun"}, s.step(t, time.Second)); diff != "" {
		t.Error(diff)
	}
	if got := s.inbox.got[0].Detail; got != "3 rows are held, the newest: rate 7 is above 5 (pipeline quarantine list)" {
		t.Error(got)
	}
	s.exec(t, `UPDATE quarantine SET state = 'dismissed'`)
	if diff := cmp.Diff([]string{"quarantine p/c/aeth/bounds resolved"}, s.step(t, time.Second)); diff != "" {
		t.Error(diff)
	}
}
