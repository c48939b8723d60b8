package main

import (
	"context"
	_ "embed"
	"fmt"
	"math/big"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
	"github.com/lst-pipeline/lst-pipeline/sdk/rest"
)

//go:embed protocol.yaml
var identity []byte

// claim is what an answer says.
type claim struct {
	value    *big.Int // a fraction per year, of value ÷ 10^decimals
	decimals uint8
	until    time.Time // the newest moment the figure describes
}

// source is one API: which token it speaks of, where, and how to read the answer.
type source struct {
	token  sdk.TokenID
	metric sdk.MetricID
	path   string
	field  string // of the answer
	decode func([]byte) (claim, error)
}

// sources are the APIs by the chain they are configured as.
var sources = map[sdk.ChainID]source{
	"lido-api":     {"steth", sdk.APRClaimed, "/v1/protocol/steth/apr/sma", "data.smaApr", decodeLido},
	"marinade-api": {"msol", sdk.APYClaimed, "/msol/apy/30d", "value", decodeMarinade},
}

// staleAfter is the age from which a figure no longer says what is claimed now. Lido
// reports once a day, Marinade's epochs are shorter than three.
const staleAfter = 3 * 24 * time.Hour

type fetcher struct{ description sdk.Description }

// New makes the fetcher.
func New() sdk.Fetcher { return fetcher{card.MustParse(identity)} }

func (f fetcher) Describe() sdk.Description { return f.description }

// Fetch asks one API what it claims now, which is the newest anchor. What it claimed
// before it does not tell.
func (fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	src, known := sources[req.Chain]
	if !known {
		return sdk.Errorf(sdk.KindConfig, "claims knows no API %q; take it out of the job", req.Chain)
	}
	if !req.Wants(src.token) {
		return nil
	}
	last := len(req.Anchors) - 1
	for i := range last {
		if err := sink.Fail(sdk.Failure{Anchor: i, Token: src.token, Kind: sdk.KindUnrecoverable,
			Message: fmt.Sprintf("%s tells only what is claimed now", req.Chain)}); err != nil {
			return err
		}
	}
	o, err := src.read(ctx, req.Endpoint, req.Anchors[last])
	if err != nil {
		return fmt.Errorf("what is claimed of %s: %w", src.token, err)
	}
	o.Anchor = last
	return sink.Observe(o)
}

func (s source) read(ctx context.Context, endpoint string, anchor sdk.Anchor) (sdk.Observation, error) {
	answer, err := rest.Get(ctx, endpoint, s.path)
	if err != nil {
		return sdk.Observation{}, err
	}
	c, err := s.decode(answer.Body)
	if err != nil {
		return sdk.Observation{}, fmt.Errorf("%s: %w", answer.Method, err)
	}
	o := sdk.Observation{
		Token: s.token, Metric: s.metric, Value: c.value, Decimals: c.decimals, RefTime: c.until,
		Basis: sdk.API, Source: answer.Source(string(anchor.Chain), s.field),
	}
	if age := anchor.Time.Sub(c.until); age > staleAfter {
		o.Quality, o.Reason = sdk.QualityStale, fmt.Sprintf("the newest figure it counts is of %s", c.until.Format(time.RFC3339))
	}
	return o, nil
}
