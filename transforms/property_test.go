package transforms_test

import (
	"cmp"
	"math/big"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

var metricIDs = func() []sdk.MetricID {
	ids := []sdk.MetricID{"", "colour"}
	for _, d := range sdk.Catalogue() {
		ids = append(ids, d.ID)
	}
	return ids
}()

func drawInt(t *rapid.T, name string) *big.Int {
	switch rapid.IntRange(0, 7).Draw(t, name+" kind") {
	case 0:
		return nil
	case 1:
		return big.NewInt(rapid.Int64Range(-2, 2).Draw(t, name))
	case 2: // any width, past 256 bits
		v := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, name))
		if rapid.Bool().Draw(t, name+" negative") {
			v.Neg(v)
		}
		return v
	default: // mostly amounts that pass
		v := big.NewInt(rapid.Int64Range(9, 12).Draw(t, name))
		return v.Mul(v, new(big.Int).Exp(big.NewInt(10), big.NewInt(17), nil))
	}
}

func drawTime(t *rapid.T, name string) time.Time {
	return rapid.SampledFrom([]time.Time{{}, noon, noon.Add(-time.Hour), noon.Add(-day), noon.Add(-40 * day), noon.Add(day)}).Draw(t, name)
}

func drawObservation(t *rapid.T) sdk.Observation {
	o := sdk.Observation{
		Token:    rapid.SampledFrom([]sdk.TokenID{"aeth", "aeth", "aeth", "bsol", "zeth", "ETH", ""}).Draw(t, "token"),
		Metric:   rapid.SampledFrom(metricIDs).Draw(t, "metric"),
		Anchor:   rapid.SampledFrom([]int{0, 0, 0, 1, 2, -1}).Draw(t, "anchor"),
		Value:    drawInt(t, "value"),
		Divisor:  rapid.SampledFrom([]*big.Int{nil, nil, big.NewInt(1), big.NewInt(7), big.NewInt(0), big.NewInt(-1)}).Draw(t, "divisor"),
		Decimals: rapid.SampledFrom([]uint8{18, 18, 18, 9, 0, 77, 78, 255}).Draw(t, "decimals"),
		Quality:  rapid.SampledFrom([]sdk.Quality{"", "ok", "estimated", "stale", "suspect", "great"}).Draw(t, "quality"),
		Reason:   rapid.SampledFrom([]string{"", "a", "b; a"}).Draw(t, "reason"),
		Basis:    rapid.SampledFrom([]sdk.Basis{"", "onchain", "published", "api", "derived"}).Draw(t, "basis"),
		RefEpoch: rapid.Uint64Range(0, 2).Draw(t, "ref epoch"),
		Source:   sdk.Source{Method: rapid.SampledFrom([]string{"m", "m", "m", ""}).Draw(t, "method"), Target: "t"},
	}
	if rapid.Bool().Draw(t, "common metric") {
		o.Metric = rapid.SampledFrom([]sdk.MetricID{
			sdk.BackingNative, sdk.StakingNative, sdk.LSTSupply, sdk.ExchangeRateMetric, sdk.Price, sdk.ExitQuote, sdk.OperatorStake,
		}).Draw(t, "which")
	}
	if rapid.IntRange(0, 3).Draw(t, "ref") == 0 {
		o.RefTime = drawTime(t, "ref time")
	}
	if rapid.Bool().Draw(t, "elsewhere") {
		o.At = &sdk.Position{Height: rapid.Uint64().Draw(t, "height"), Time: drawTime(t, "time"), Epoch: 1, EpochStart: drawTime(t, "epoch start")}
	}
	if rapid.IntRange(0, 3).Draw(t, "labels") > 0 {
		o.Labels = map[string]string{
			sdk.LabelQuote: "USD", sdk.LabelVenue: rapid.SampledFrom([]string{"v", "w"}).Draw(t, "venue"),
			sdk.LabelRoute: "queue", sdk.LabelOperator: "op",
			sdk.LabelSize: rapid.SampledFrom([]string{"1", "1.0", "-1", "1/2", ""}).Draw(t, "size"),
			sdk.LabelWait: rapid.SampledFrom([]string{"0", "60", "x", "99999999999999999999"}).Draw(t, "wait"),
		}
	}
	return o
}

func drawInput(t *rapid.T) transforms.Input {
	in := transforms.Input{
		Anchors:      []sdk.Anchor{ethereum, solana},
		Tokens:       tokens,
		Observations: rapid.SliceOfN(rapid.Custom(drawObservation), 0, 30).Draw(t, "observations"),
	}
	// Repeat some, unchanged or with another value: agreement and contradiction.
	if n := len(in.Observations); n > 0 {
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 5).Draw(t, "again") {
			o := in.Observations[i]
			if rapid.Bool().Draw(t, "other value") {
				o.Value = drawInt(t, "value")
			}
			in.Observations = append(in.Observations, o)
		}
	}
	if rapid.Bool().Draw(t, "past") {
		in.Previous = map[transforms.Key]transforms.Last{}
		for _, m := range []sdk.MetricID{sdk.BackingNative, sdk.LSTSupply, sdk.ExchangeRateMetric} {
			at := drawTime(t, "last")
			last := transforms.Last{TS: at, Seen: at, Value: big.NewRat(rapid.Int64Range(0, 3).Draw(t, "last value"), 2)}
			for i := range rapid.IntRange(0, 8).Draw(t, "updates") {
				last.Updates = append(last.Updates, transforms.Update{TS: at.Add(time.Duration(i-8) * day), Size: big.NewRat(rapid.Int64Range(1, 300).Draw(t, "size"), 10_000)})
			}
			in.Previous[transforms.Key{Metric: m, Token: "aeth", Basis: sdk.OnChain}] = last
		}
	}
	return in
}

// Every observation ends in at least one fact or in exactly one reject. It is in
// both only if a check has held it, and then each fact is suspect. Nothing panics on
// the way.
func TestNoObservationIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { checkNothingIsLost(t, drawInput(t)) })
}

func FuzzNormalise(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { checkNothingIsLost(t, drawInput(t)) }))
}

func checkNothingIsLost(t *rapid.T, in transforms.Input) {
	out := transforms.Normalise(in)
	facts, rejects, suspects, held := map[int]int{}, map[int]int{}, map[int]int{}, map[int]bool{}
	count := func(obs []int) {
		if !slices.IsSorted(obs) || len(slices.Compact(slices.Clone(obs))) != len(obs) {
			t.Fatalf("obs %v are not ascending and unique", obs)
		}
		for _, i := range obs {
			facts[i]++
		}
	}
	for _, f := range out.Metrics {
		count(f.Obs)
		if f.Quality == sdk.QualitySuspect {
			for _, i := range f.Obs {
				suspects[i]++
			}
		}
		if (f.Value == nil || f.Quality != sdk.QualityOK) && f.Reason == "" {
			t.Fatalf("a doubtful or unknown fact without a reason: %+v", f)
		}
		if f.Uncertainty == nil || f.Uncertainty.Sign() < 0 {
			t.Fatalf("uncertainty %v of %+v", f.Uncertainty, f)
		}
	}
	for _, f := range out.Prices {
		count(f.Obs)
	}
	for _, f := range out.ExitQuotes {
		count(f.Obs)
	}
	for _, f := range out.OperatorStakes {
		count(f.Obs)
	}
	for _, r := range out.Rejects {
		rejects[r.Obs]++
		held[r.Obs] = slices.Contains([]string{transforms.CheckIdentity, transforms.CheckJump, transforms.CheckMonotony}, r.Check)
		if r.Check == "" || r.Reason == "" {
			t.Fatalf("a reject without check or reason: %+v", r)
		}
	}
	for i := range in.Observations {
		f, r := facts[i], rejects[i]
		if r > 1 || !held[i] && (f == 0) == (r == 0) || held[i] && (f == 0 || f != suspects[i]) {
			t.Fatalf("observation %d is in %d facts, %d of them suspect, and %d rejects: %+v", i, f, suspects[i], r, in.Observations[i])
		}
	}
}

func TestTheOrderOfObservationsDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		want := transforms.Normalise(in)

		order := make([]int, len(in.Observations)) // new index → old index
		for i := range order {
			order[i] = i
		}
		order = rapid.Permutation(order).Draw(t, "order")
		shuffled := in
		shuffled.Observations = make([]sdk.Observation, len(order))
		for i, old := range order {
			shuffled.Observations[i] = in.Observations[old]
		}
		got := transforms.Normalise(shuffled)
		for _, list := range obsOf(&got) {
			for i, n := range *list {
				(*list)[i] = order[n]
			}
			slices.Sort(*list)
		}
		for i := range got.Rejects {
			got.Rejects[i].Obs = order[got.Rejects[i].Obs]
		}
		slices.SortFunc(got.Rejects, func(x, y transforms.Reject) int { return cmp.Compare(x.Obs, y.Obs) })
		if diff := gocmp.Diff(want, got, ratByValue, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func obsOf(out *transforms.Output) (lists []*[]int) {
	for i := range out.Metrics {
		lists = append(lists, &out.Metrics[i].Obs)
	}
	for i := range out.Prices {
		lists = append(lists, &out.Prices[i].Obs)
	}
	for i := range out.ExitQuotes {
		lists = append(lists, &out.ExitQuotes[i].Obs)
	}
	for i := range out.OperatorStakes {
		lists = append(lists, &out.OperatorStakes[i].Obs)
	}
	return lists
}

func TestScaleThenUnscaleIsIdentity(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "value"))
		divisor := rapid.Int64Range(1, 1<<40).Draw(t, "divisor")
		decimals := rapid.Uint8Range(30, 77).Draw(t, "decimals") // small enough to be in bounds
		out := normalise(read(sdk.BackingNative, value.String(), func(o *sdk.Observation) {
			o.Divisor, o.Decimals = big.NewInt(divisor), decimals
		}))
		if len(out.Rejects) == 1 && out.Rejects[0].Check == "sentinel" {
			return
		}
		back := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil))
		back.Mul(back, new(big.Rat).SetInt64(divisor))
		back.Mul(back, out.Metrics[0].Value)
		if !back.IsInt() || back.Num().Cmp(value) != 0 {
			t.Fatalf("%s came back as %s", value, back)
		}
	})
}
