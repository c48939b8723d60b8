package transforms

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// worse returns the less trustworthy of two qualities; "" counts as ok.
func worse(x, y sdk.Quality) sdk.Quality {
	x, y = cmp.Or(x, sdk.QualityOK), cmp.Or(y, sdk.QualityOK)
	if slices.Index(qualityOrder, y) > slices.Index(qualityOrder, x) {
		return y
	}
	return x
}

// join adds reasons as a set in a fixed order, so that no order of arrival shows.
// A single reason stays as it is.
func join(reasons ...string) string {
	reasons = slices.DeleteFunc(reasons, func(r string) bool { return r == "" })
	if len(reasons) == 1 {
		return reasons[0]
	}
	var all []string
	for _, r := range reasons {
		for part := range strings.SplitSeq(r, "; ") {
			if part != "" && !slices.Contains(all, part) {
				all = append(all, part)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// quality is what the plugin said, or what holds for the whole session if that is
// worse.
func (r *row) quality(s SessionQuality) (sdk.Quality, string) {
	q, why := cmp.Or(r.o.Quality, sdk.QualityOK), r.o.Reason
	if q != sdk.QualityOK && why == "" {
		why = "the plugin gave no reason"
	}
	if s.Quality != "" && s.Quality != sdk.QualityOK {
		q, why = worse(q, s.Quality), join(why, s.Note)
	}
	return q, why
}

// coarseRate labels a printed rate with too few digits to show a day's change.
func (b *batch) coarseRate(r *row, f *MetricFact) {
	if f.Value == nil || r.def.Unit != "native_per_share" || isRatio(r.o) {
		return
	}
	digits := len(new(big.Int).Abs(r.o.Value).String())
	if digits < b.in.Settings.RateDigits {
		f.doubt(sdk.QualityEstimated, fmt.Sprintf("the rate has only %d significant digits", digits))
	}
}

func (f *MetricFact) doubt(q sdk.Quality, why string) {
	f.Quality, f.Reason = worse(f.Quality, q), join(f.Reason, why)
}
