package transforms

import (
	"cmp"
	"slices"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Input is one batch: everything a plugin observed in one task, and what the
// host already knows that judging it needs.
type Input struct {
	Anchors      []sdk.Anchor
	Observations []sdk.Observation
	// Tokens are all tokens the host knows, those of other plugins included.
	Tokens map[sdk.TokenID]sdk.Token
	// Previous holds, per series, the newest trusted value stored before.
	Previous map[Key]Last
	// Session is a quality that holds for every row, for example because a
	// recording's slot was estimated.
	Session SessionQuality
	// SeenDigest reports whether the task's gateway session returned a result
	// with this SHA-256. nil: not checked.
	SeenDigest func(digest string) bool
	Settings   Settings
}

// SessionQuality is a quality and its reason. The zero value changes nothing.
type SessionQuality struct {
	Quality sdk.Quality
	Note    string
}

// Output is what a batch comes to, every list in the order of its keys. Every
// observation is in the Obs of at least one fact or in exactly one reject.
type Output struct {
	Metrics        []MetricFact
	Prices         []PriceFact
	ExitQuotes     []ExitQuote
	OperatorStakes []OperatorStake
	Epochs         []Epoch
	Rejects        []Reject
}

// batch is what the steps hand on.
type batch struct {
	in   Input
	rows []row // the observations still standing
	out  Output
}

// row is one observation on its way to a fact.
type row struct {
	obs    int
	o      *sdk.Observation
	anchor sdk.Anchor
	at     sdk.Position // the real position: At, or the anchor's own
	token  sdk.Token    // zero for assets
	def    sdk.MetricDef
}

// The recipe. Duplicates go before labels and derived facts, so that neither
// depends on which of two contradicting rows came first.
var recipe = []func(*batch){
	check,  // refuse what cannot be
	scale,  // integers to exact amounts, one fact kind per metric kind
	dedupe, // one fact per key
	label,  // judge what may be but is doubtful
	derive, // facts from facts
	epochs, // boundaries seen on the way
}

// Normalise turns a batch of observations into facts and rejects.
func Normalise(in Input) Output {
	in.Settings = in.Settings.withDefaults()
	b := &batch{in: in}
	for _, step := range recipe {
		step(b)
	}
	b.sort()
	return b.out
}

func (b *batch) reject(obs int, token sdk.TokenID, metric sdk.MetricID, ts time.Time, check, reason string) {
	b.out.Rejects = append(b.out.Rejects, Reject{
		Obs: obs, Token: token, Metric: metric, TS: ts, Check: check, Reason: reason,
	})
}

func (b *batch) sort() {
	slices.SortFunc(b.out.Metrics, func(x, y MetricFact) int { return x.key().compare(y.key()) })
	slices.SortFunc(b.out.Prices, func(x, y PriceFact) int { return x.key().compare(y.key()) })
	slices.SortFunc(b.out.ExitQuotes, func(x, y ExitQuote) int { return x.key().compare(y.key()) })
	slices.SortFunc(b.out.OperatorStakes, func(x, y OperatorStake) int { return x.key().compare(y.key()) })
	slices.SortFunc(b.out.Rejects, func(x, y Reject) int { return cmp.Compare(x.Obs, y.Obs) })
}
