package transforms

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// A rule looks at one observation alone and returns why it cannot be, or "".
// Rules run in order, and the first that refuses names the reject.
type rule struct {
	check string
	why   func(*row, *Input) string
}

var rules = []rule{
	{"metric", metricIsKnown},
	{"token", tokenIsKnown},
	{"chain", tokenIsOnChain},
	{"evidence", evidenceIsThere},
	{"unknown", unknownHasReason},
	{"quality", qualityIsKnown},
	{"basis", basisIsKnown},
	{"labels", labelsAreThere},
	{"time", timeIsPossible},
	{"number", numberIsWellFormed},
	{"sentinel", numberIsNotSentinel},
	{"negative", numberIsNotNegative},
	{"bounds", numberIsInBounds},
}

// check keeps the observations that every rule lets pass.
func check(b *batch) {
	for i := range b.in.Observations {
		o := &b.in.Observations[i]
		r := row{obs: i, o: o, token: b.in.Tokens[o.Token]}
		if o.Anchor < 0 || o.Anchor >= len(b.in.Anchors) {
			b.reject(i, o.Token, o.Metric, time.Time{}, "anchor",
				fmt.Sprintf("anchor %d was not asked for; the request has %d", o.Anchor, len(b.in.Anchors)))
			continue
		}
		r.anchor = b.in.Anchors[o.Anchor]
		r.at = positionOf(o, r.anchor)
		r.def, _ = sdk.LookupMetric(o.Metric)
		if name, why := refuse(&r, &b.in); name != "" {
			b.reject(i, o.Token, o.Metric, r.at.Time, name, why)
			continue
		}
		b.rows = append(b.rows, r)
	}
}

func refuse(r *row, in *Input) (name, why string) {
	for _, rule := range rules {
		if why := rule.why(r, in); why != "" {
			return rule.check, why
		}
	}
	return "", ""
}

func positionOf(o *sdk.Observation, a sdk.Anchor) sdk.Position {
	if o.At != nil {
		return *o.At
	}
	return sdk.Position{Height: a.Height, Hash: a.Hash, Time: a.Time, Epoch: a.Epoch, EpochStart: a.EpochStart}
}

func metricIsKnown(r *row, _ *Input) string {
	switch {
	case r.def.ID == "":
		return fmt.Sprintf("metric %q is not in the catalogue", r.o.Metric)
	case r.def.Derived:
		return fmt.Sprintf("metric %q is derived by the host; a plugin must not emit it", r.o.Metric)
	}
	return ""
}

// Assets are in capitals, tokens in lower case.
var asset = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,11}$`)

// ofAsset reports whether a metric may be of an asset: its price, or the height
// of the chain it is native to.
func ofAsset(m sdk.MetricID) bool { return m == sdk.Price || m == sdk.ChainHeight }

func tokenIsKnown(r *row, in *Input) string {
	if _, known := in.Tokens[r.o.Token]; known {
		return ""
	}
	if ofAsset(r.o.Metric) && asset.MatchString(string(r.o.Token)) {
		return ""
	}
	return fmt.Sprintf("token %q is declared by no plugin", r.o.Token)
}

func tokenIsOnChain(r *row, _ *Input) string {
	// A price may be seen anywhere, and an asset is no contract of one chain; state
	// lives on the token's own chain. A benchmark is no contract either: Ethereum's
	// is read where its stake is, on the beacon chain. What a third party answers is no
	// state of any chain.
	if ofAsset(r.o.Metric) || r.token.Accrual == sdk.Benchmark || r.o.Basis == sdk.API || r.token.Chain == r.anchor.Chain {
		return ""
	}
	return fmt.Sprintf("token %q lives on %q, but was read on %q", r.o.Token, r.token.Chain, r.anchor.Chain)
}

func evidenceIsThere(r *row, in *Input) string {
	s := r.o.Source
	switch {
	case s.Method == "":
		return "the source names no method"
	case s.Target == "":
		return "the source names no target"
	case s.Digest != "" && in.SeenDigest != nil && !in.SeenDigest(s.Digest):
		return fmt.Sprintf("the gateway saw no result with digest %s in this task", s.Digest)
	}
	return ""
}

func unknownHasReason(r *row, _ *Input) string {
	if r.o.Value == nil && r.o.Reason == "" {
		return "the value is unknown and no reason is given"
	}
	return ""
}

var qualityOrder = []sdk.Quality{sdk.QualityOK, sdk.QualityEstimated, sdk.QualityStale, sdk.QualitySuspect}

func qualityIsKnown(r *row, _ *Input) string {
	if r.o.Quality == "" || slices.Contains(qualityOrder, r.o.Quality) {
		return ""
	}
	return fmt.Sprintf("quality %q is none of %v", r.o.Quality, qualityOrder)
}

var basisOrder = []sdk.Basis{sdk.OnChain, sdk.Published, sdk.API}

func basisIsKnown(r *row, _ *Input) string {
	if r.o.Basis == "" || slices.Contains(basisOrder, r.o.Basis) {
		return ""
	}
	return fmt.Sprintf("basis %q is none of %v", r.o.Basis, basisOrder)
}

var needLabels = map[sdk.MetricID][]string{
	sdk.Price:         {sdk.LabelQuote, sdk.LabelVenue},
	sdk.ExitQuote:     {sdk.LabelRoute, sdk.LabelSize},
	sdk.OperatorStake: {sdk.LabelOperator},
}

func labelsAreThere(r *row, _ *Input) string {
	for _, name := range needLabels[r.o.Metric] {
		if r.o.Labels[name] == "" {
			return fmt.Sprintf("metric %q needs the label %q", r.o.Metric, name)
		}
	}
	for _, name := range []string{sdk.LabelWait, sdk.LabelPeriod} {
		text, given := r.o.Labels[name]
		if _, ok := parseSeconds(text); given && !ok {
			return fmt.Sprintf("label %s is %q, not a whole number of seconds", name, text)
		}
	}
	if _, given := r.o.Labels[sdk.LabelPeriod]; given && r.o.RefTime.IsZero() {
		return fmt.Sprintf("label %s says how long a value accrued, but no reference time says until when", sdk.LabelPeriod)
	}
	if r.o.Metric != sdk.ExitQuote {
		return ""
	}
	if size, ok := parseDecimal(r.o.Labels[sdk.LabelSize]); !ok || size.Sign() <= 0 {
		return fmt.Sprintf("label %s is %q, not a positive amount", sdk.LabelSize, r.o.Labels[sdk.LabelSize])
	}
	return ""
}

// No chain the pipeline reads is older.
var firstDay = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)

func timeIsPossible(r *row, in *Input) string {
	// An anchor with a hash is a block: nothing at it can be later. One without is
	// a moment the source answers near.
	slack := time.Duration(0)
	if r.anchor.Hash == "" {
		slack = in.Settings.Drift
	}
	times := []struct {
		name string
		t    time.Time
	}{{"time", r.at.Time}, {"reference time", r.o.RefTime}}
	if r.at.EpochStart.After(r.at.Time) {
		return fmt.Sprintf("its epoch starts %s, after its time %s", stamp(r.at.EpochStart), stamp(r.at.Time))
	}
	for i, x := range times {
		if i > 0 && x.t.IsZero() {
			continue
		}
		switch {
		case x.t.Before(firstDay):
			return fmt.Sprintf("its %s %s is before any chain", x.name, stamp(x.t))
		case x.t.After(r.anchor.Time.Add(slack)):
			return fmt.Sprintf("its %s %s is after the anchor's %s", x.name, stamp(x.t), stamp(r.anchor.Time))
		case !r.anchor.Tick.IsZero() && x.t.After(r.anchor.Tick.Add(slack)):
			return fmt.Sprintf("its %s %s is after the tick %s the anchor stands for", x.name, stamp(x.t), stamp(r.anchor.Tick))
		}
	}
	return ""
}

const maxDecimals = 77 // a uint256 has at most 78 digits

func numberIsWellFormed(r *row, _ *Input) string {
	switch v, d := r.o.Value, r.o.Divisor; {
	case r.o.Decimals > maxDecimals:
		return fmt.Sprintf("%d decimals; no 256-bit integer has more than %d", r.o.Decimals, maxDecimals)
	case d != nil && d.Sign() == 0:
		return "the divisor is 0, so the ratio says nothing"
	case d != nil && d.Sign() < 0:
		return fmt.Sprintf("the divisor %s is negative", short(d))
	case d != nil && d.BitLen() > 256:
		return fmt.Sprintf("the divisor has %d bits, more than 256", d.BitLen())
	case v != nil && v.BitLen() > 256:
		return fmt.Sprintf("the value has %d bits, more than 256", v.BitLen())
	}
	return ""
}

// The largest integers of the machine types, which contracts use for "none" and
// "unlimited". No real amount has ever been one.
var sentinels = func() map[string]string {
	m := map[string]string{}
	for _, bits := range []uint{63, 64, 127, 128, 255, 256} {
		v := new(big.Int).Lsh(big.NewInt(1), bits)
		m[v.Sub(v, big.NewInt(1)).String()] = fmt.Sprintf("2^%d−1", bits)
	}
	return m
}()

func numberIsNotSentinel(r *row, _ *Input) string {
	if r.o.Value == nil || r.o.Value.BitLen() < 63 {
		return ""
	}
	if name, is := sentinels[r.o.Value.String()]; is {
		return fmt.Sprintf("the value is %s, which stands for unlimited or none, not for an amount", name)
	}
	return ""
}

// yields are the metrics that are a rate of return, which losses make negative.
var yields = []sdk.MetricID{sdk.BenchmarkAPR, sdk.APRClaimed, sdk.APYClaimed}

func numberIsNotNegative(r *row, _ *Input) string {
	// A chain can, in principle, cost its stakers more than it pays.
	if r.o.Value == nil || r.o.Value.Sign() >= 0 || slices.Contains(yields, r.o.Metric) {
		return ""
	}
	return fmt.Sprintf("%s is %s; it cannot be negative", r.o.Metric, decimal(amount(r.o)))
}

func numberIsInBounds(r *row, in *Input) string {
	if r.o.Value == nil {
		return ""
	}
	v, s := amount(r.o), in.Settings
	lo, hi, why := new(big.Rat), s.NativeMax, "more than any chain's whole supply"
	switch r.def.Unit {
	case "native_per_share":
		lo, hi, why = s.RateMin, s.RateMax, "is the ratio upside down, or wrongly scaled?"
	case "bps":
		hi, why = big.NewRat(10_000, 1), "a fee is between nothing and everything"
	case "flag":
		hi, why = big.NewRat(1, 1), "a flag is 0 or 1"
	case "count", "height":
		hi = new(big.Rat).SetInt64(1 << 53)
	case "fraction":
		lo, hi, why = big.NewRat(-1, 1), big.NewRat(10, 1), "a yearly rate beyond that is a unit error"
	case "native", "shares", "seconds":
	default: // prices
		why = "no price is that high"
		if v.Sign() == 0 {
			return "the price is 0, which is no price"
		}
	}
	if v.Cmp(lo) < 0 || v.Cmp(hi) > 0 {
		return fmt.Sprintf("%s is %s, outside %s to %s: %s", r.o.Metric, decimal(v), decimal(lo), decimal(hi), why)
	}
	if whole := slices.Contains([]string{"flag", "count", "height"}, r.def.Unit); whole && !v.IsInt() {
		return fmt.Sprintf("%s is %s, but counts whole things", r.o.Metric, decimal(v))
	}
	return ""
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// decimal prints a rational for people: at most 18 decimals, no trailing zeros.
func decimal(r *big.Rat) string {
	s := r.FloatString(18)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func short(i *big.Int) string {
	s := i.String()
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
