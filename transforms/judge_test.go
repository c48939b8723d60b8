package transforms_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

func TestSupplyTimesRateMustBeTheBacking(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                   string
		backing, supply, rate  string
		reported               string
		quality                sdk.Quality
		reasonOfTheThreeStates string
	}{
		{"exactly equal is ok", eth("120"), eth("100"), "1200000000000000000", "", sdk.QualityOK, ""},
		{"within a thousandth is ok", "120119000000000000000", eth("100"), "1200000000000000000", "", sdk.QualityOK, ""},
		{"more than a thousandth off is held", "120121000000000000000", eth("100"), "1200000000000000000", "",
			sdk.QualitySuspect, "lst_supply 100 × exchange_rate 1.2 = 120, but backing_native is 120.121"},
		{"the supply of the report goes with the rate of the report", eth("120"), eth("117"), "1200000000000000000", eth("100"), sdk.QualityOK, ""},
		{"today's supply may go with it instead", eth("120"), eth("100"), "1200000000000000000", eth("117"), sdk.QualityOK, ""},
		{"where neither agrees the nearer is named", eth("120"), eth("90"), "1200000000000000000", eth("98"),
			sdk.QualitySuspect, "lst_supply_reported 98"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			obs := []sdk.Observation{
				read(sdk.BackingNative, tt.backing), read(sdk.LSTSupply, tt.supply), read(sdk.ExchangeRateMetric, tt.rate),
			}
			if tt.reported != "" {
				obs = append(obs, read(sdk.LSTSupplyReported, tt.reported))
			}
			out := normalise(obs...)
			var held []sdk.MetricID
			for _, r := range out.Rejects {
				if r.Check != transforms.CheckIdentity || !strings.Contains(r.Reason, tt.reasonOfTheThreeStates) {
					t.Errorf("got %+v", r)
				}
				held = append(held, r.Metric)
			}
			if (len(held) == 3) != (tt.quality == sdk.QualitySuspect) {
				t.Errorf("held are %v", held)
			}
			for _, m := range []sdk.MetricID{sdk.BackingNative, sdk.ExchangeRateMetric, sdk.TVLNative} {
				f := find(t, out, m)
				if f.Quality != tt.quality || !strings.Contains(f.Reason, tt.reasonOfTheThreeStates) {
					t.Errorf("%s: got %s, %q; want %s, %q", m, f.Quality, f.Reason, tt.quality, tt.reasonOfTheThreeStates)
				}
			}
		})
	}
}

// past is a series whose newest value is of the given age, after as many updates, a
// day apart, as sizes.
func past(age time.Duration, value string, sizes ...*big.Rat) transforms.Last {
	at := noon.Add(-age)
	last := transforms.Last{TS: at, Seen: at, Value: rat(value)}
	for i, size := range sizes {
		last.Updates = append(last.Updates, transforms.Update{TS: at.Add(time.Duration(i-len(sizes)+1) * day), Size: size})
	}
	return last
}

// daily is n updates of one basis point.
func daily(n int) []*big.Rat {
	sizes := make([]*big.Rat, n)
	for i := range sizes {
		sizes[i] = big.NewRat(1, 10_000)
	}
	return sizes
}

// judged normalises one value of aeth with a past.
func judged(metric sdk.MetricID, value string, decimals uint8, token sdk.Token, last transforms.Last) transforms.Output {
	o := read(metric, value, func(o *sdk.Observation) { o.Decimals = decimals })
	return transforms.Normalise(transforms.Input{
		Anchors: []sdk.Anchor{ethereum}, Tokens: map[sdk.TokenID]sdk.Token{"aeth": token}, Observations: []sdk.Observation{o},
		Previous: map[transforms.Key]transforms.Last{{Metric: metric, Token: "aeth", Basis: sdk.OnChain}: last},
	})
}

func TestARateThatDoesNotFollowFromItsPastIsHeld(t *testing.T) {
	t.Parallel()
	spread := append(daily(3), big.NewRat(1, 1000), big.NewRat(1, 100), big.NewRat(1, 50), big.NewRat(1, 25))
	quiet := past(61*day, "1", daily(5)...)
	quiet.TS, quiet.Seen = noon.Add(-day), noon.Add(-day)
	held := func(l transforms.Last) transforms.Last { return l.Saw(noon.Add(-day)) }
	for _, tt := range []struct {
		name string
		past transforms.Last
		rate string // 18 decimals
		why  string // empty: it passes
	}{
		{"without a past a rise of 3 % passes", past(day, "1"), "1030000000000000000", ""},
		{"a larger rise does not", past(day, "1"), "1030000000000000001", "exchange_rate rose by 3 % from 1 (2024-02-29T12:00:00Z) to 1.030000000000000001, and more than 3 % within 30 days is for a person to judge"},
		{"without a past a fall of 5 % passes, because slashing is real", past(day, "1"), "950000000000000000", ""},
		{"a larger fall does not", past(day, "1"), "900000000000000000", "fell by 10 % from 1"},
		{"after more than 30 days nothing is known", past(31*day, "1"), "1200000000000000000", ""},
		{"a month in which readings were held is not forgotten", held(past(60*day, "1")), "900000000000000000", "fell by 10 % from 1"},
		{"a value before the last one is not judged by it", past(-day, "1"), "1200000000000000000", ""},
		{"five times the usual update passes", past(day, "1", daily(5)...), "1000500000000000000", ""},
		{"more than five times does not", past(day, "1", daily(5)...), "1000500000000000001", "more than 5 times the 0.01 % that its own updates lead to expect"},
		{"four updates are too few to tell", past(day, "1", daily(4)...), "1020000000000000000", ""},
		{"the usual update is the median, not the mean", past(day, "1", spread...), "1006000000000000000", "more than 5 times the 0.1 %"},
		{"updates of more than 60 days ago tell nothing", quiet, "1020000000000000000", ""},
		{"a fall of five times the usual update passes", past(day, "1", daily(5)...), "999500000000000000", ""},
		{"a larger fall does not, however small", past(day, "1", daily(5)...), "999499999999999999", "fell by 0.05 %"},
		{"a fall of 2 %, the most an oracle lets through at a time, may hide a larger one", past(day, "1", daily(5)...), "980000000000000000", "fell by 2 %"},
		{"and so may a rise of 2 %", past(day, "1", daily(5)...), "1020000000000000000", "rose by 2 %"},
		{"a fall of 4 % is no slashing as usual", past(day, "1", daily(5)...), "960000000000000000", "fell by 4 %"},
		{"four days without an update explain four at once", past(4*day, "1", daily(5)...), "1002000000000000000", ""},
		{"but not more than five times that", past(4*day, "1", daily(5)...), "1002000000000000001", "more than 5 times the 0.04 %"},
		{"and no larger fall", past(4*day, "1", daily(5)...), "999000000000000000", "more than 5 times the 0.01 %"},
		{"a basis point passes, however small the updates are", past(day, "1", big.NewRat(1, 999_999), big.NewRat(1, 999_999), big.NewRat(1, 999_999), big.NewRat(1, 999_999), big.NewRat(1, 999_999)), "1000100000000000000", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := judged(sdk.ExchangeRateMetric, tt.rate, 18, tokens["aeth"], tt.past)
			f := find(t, out, sdk.ExchangeRateMetric)
			if tt.why == "" {
				if f.Quality != sdk.QualityOK || len(out.Rejects) != 0 {
					t.Errorf("got %s, %q", f.Quality, f.Reason)
				}
				return
			}
			if f.Quality != sdk.QualitySuspect || !strings.Contains(f.Reason, tt.why) {
				t.Errorf("got %s, %q; want %q", f.Quality, f.Reason, tt.why)
			}
			if len(out.Rejects) != 1 || out.Rejects[0].Check != transforms.CheckJump || out.Rejects[0].Reason != f.Reason {
				t.Errorf("in quarantine: %+v", out.Rejects)
			}
		})
	}
}

func TestWhatCanOnlyRiseIsHeldWhenItFalls(t *testing.T) {
	t.Parallel()
	vault := tokens["aeth"]
	vault.RateNeverFalls = true
	for _, tt := range []struct {
		name     string
		metric   sdk.MetricID
		token    sdk.Token
		value    string
		decimals uint8
		past     transforms.Last
		check    string
	}{
		{"a counter by one", sdk.ReportHeight, tokens["aeth"], "99999999", 0, past(90*day, "100000000"), transforms.CheckMonotony},
		{"a counter that stands still is fine", sdk.ReportHeight, tokens["aeth"], "100000000", 0, past(day, "100000000"), ""},
		{"rewards collected since the start", sdk.ELRewardsCumulative, tokens["aeth"], "9", 0, past(day, "10"), transforms.CheckMonotony},
		{"a rate that the contract cannot lower", sdk.ExchangeRateMetric, vault, "999998", 6, past(90*day, "1"), transforms.CheckMonotony},
		{"but its rounding is no fall", sdk.ExchangeRateMetric, vault, "9999995", 7, past(day, "1"), ""},
		{"any other rate may fall a little", sdk.ExchangeRateMetric, tokens["aeth"], "999998", 6, past(day, "1"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := judged(tt.metric, tt.value, tt.decimals, tt.token, tt.past)
			check := ""
			for _, r := range out.Rejects {
				check += r.Check
			}
			if f := find(t, out, tt.metric); check != tt.check || (f.Quality == sdk.QualitySuspect) != (check != "") {
				t.Errorf("got %s by %q: %s", f.Quality, check, f.Reason)
			}
		})
	}
}

func TestAReadingThatThePluginDoubtsAlreadyWaitsForNobody(t *testing.T) {
	t.Parallel()
	doubted := func(o *sdk.Observation) { o.Quality, o.Reason = sdk.QualitySuspect, "read mid-crank" }
	out := normalise(read(sdk.BackingNative, eth("100")), read(sdk.LSTSupply, eth("100")), read(sdk.ExchangeRateMetric, "1200000000000000000", doubted))
	if len(out.Rejects) != 0 {
		t.Errorf("held: %+v", out.Rejects)
	}
	if f := find(t, out, sdk.BackingNative); f.Quality != sdk.QualityOK {
		t.Errorf("the doubt about one became one about another: %s", f.Reason)
	}
}

// qualities reads rates, oldest first and a day apart, in one batch.
func qualities(rates ...string) string {
	var obs []sdk.Observation
	for i, rate := range rates {
		obs = append(obs, read(sdk.ExchangeRateMetric, rate+"00000", func(o *sdk.Observation) {
			o.Decimals, o.At = 9, &sdk.Position{Time: noon.Add(time.Duration(i-len(rates)) * day)}
		}))
	}
	var got []sdk.Quality
	for _, f := range normalise(obs...).Metrics {
		got = append(got, f.Quality)
	}
	return fmt.Sprint(got)
}

func TestWithinABatchEachValueIsJudgedByTheLastTrustedOne(t *testing.T) {
	t.Parallel()
	if got, want := qualities("10000", "12000", "10010"), "[ok suspect ok]"; got != want {
		t.Errorf("an outlier: got %v, want %s", got, want)
	}
	if got, want := qualities("10000", "9000", "9001", "9002"), "[ok suspect suspect suspect]"; got != want {
		t.Errorf("a level that nobody has released: got %v, want %s", got, want)
	}
}

// A backfill reads many ticks at once, the daemon one after the other.
func TestASeriesIsJudgedTheSameAtOnceAndValueByValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var obs []sdk.Observation
		at, rate := noon.Add(-80*day), int64(1_000_000_000)
		for range rapid.IntRange(1, 40).Draw(t, "readings") {
			at = at.Add(time.Duration(rapid.SampledFrom([]int{1, 24, 25, 100}).Draw(t, "hours")) * time.Hour)
			if at.After(noon) {
				break
			}
			rate += rate / 1_000_000 * rapid.SampledFrom([]int64{0, 0, 90, 100, 110, 700, -60, -800, 40_000, -60_000}).Draw(t, "step")
			moment := at
			obs = append(obs, read(sdk.ExchangeRateMetric, fmt.Sprint(rate), func(o *sdk.Observation) {
				o.Decimals, o.At = 9, &sdk.Position{Time: moment}
			}))
		}
		want := normalise(obs...)
		k := transforms.Key{Metric: sdk.ExchangeRateMetric, Token: "aeth", Basis: sdk.OnChain}
		var last transforms.Last
		for i, o := range obs {
			got := transforms.Normalise(transforms.Input{
				Anchors: []sdk.Anchor{ethereum}, Tokens: tokens, Observations: []sdk.Observation{o},
				Previous: map[transforms.Key]transforms.Last{k: last},
			})
			f := got.Metrics[0]
			if f.Quality != want.Metrics[i].Quality || f.Reason != want.Metrics[i].Reason {
				t.Fatalf("value %d: %s %q alone, %s %q in a batch", i, f.Quality, f.Reason, want.Metrics[i].Quality, want.Metrics[i].Reason)
			}
			if f.Quality != sdk.QualitySuspect {
				last = last.Then(f.TS, f.Value)
			}
			last = last.Saw(f.TS)
		}
	})
}

func TestANegativeRebaseIsKeptAsItIs(t *testing.T) {
	t.Parallel()
	out := normalise(
		read(sdk.ExchangeRateMetric, "1100000000000000000", func(o *sdk.Observation) { o.At = &sdk.Position{Time: noon.Add(-day)} }),
		read(sdk.ExchangeRateMetric, "1099890000000000000"))
	if n := len(out.Metrics); n != 2 || len(out.Rejects) != 0 {
		t.Fatalf("got %d facts, rejects %+v", n, out.Rejects)
	}
	if f := out.Metrics[1]; f.Quality != sdk.QualityOK || f.Value.Cmp(rat("1.09989")) != 0 {
		t.Errorf("got %s %s", f.Value, f.Quality)
	}
}

func TestBackingAndSupplyCannotVanish(t *testing.T) {
	t.Parallel()
	for _, metric := range []sdk.MetricID{sdk.BackingNative, sdk.LSTSupply, sdk.LSTSupplyReported} {
		t.Run(string(metric), func(t *testing.T) {
			t.Parallel()
			out := transforms.Normalise(transforms.Input{
				Anchors: []sdk.Anchor{ethereum}, Tokens: tokens, Observations: []sdk.Observation{read(metric, "0")},
				Previous: map[transforms.Key]transforms.Last{{Metric: metric, Token: "aeth", Basis: sdk.OnChain}: {TS: noon.Add(-90 * day), Seen: noon.Add(-90 * day), Value: rat("12.5")}},
			})
			if len(out.Metrics) != 0 || len(out.Rejects) != 1 || out.Rejects[0].Check != "vanished" {
				t.Fatalf("got %+v", out)
			}
			if want := string(metric) + " fell from 12.5 (2023-12-02T12:00:00Z) to 0"; out.Rejects[0].Reason != want {
				t.Errorf("got %q, want %q", out.Rejects[0].Reason, want)
			}
		})
	}
}

func TestHalfAPoolDoesNotLeaveUnnoticed(t *testing.T) {
	t.Parallel()
	out := transforms.Normalise(transforms.Input{
		Anchors: []sdk.Anchor{ethereum}, Tokens: tokens, Observations: []sdk.Observation{read(sdk.BackingNative, eth("49"))},
		Previous: map[transforms.Key]transforms.Last{{Metric: sdk.BackingNative, Token: "aeth", Basis: sdk.OnChain}: {TS: noon.Add(-day), Seen: noon.Add(-day), Value: rat("100")}},
	})
	if f := find(t, out, sdk.BackingNative); f.Quality != sdk.QualitySuspect || len(out.Rejects) != 1 || out.Rejects[0].Check != transforms.CheckJump {
		t.Errorf("got %s, %q, %+v", f.Quality, f.Reason, out.Rejects)
	}
}
