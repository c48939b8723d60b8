package main

import (
	"context"
	_ "embed"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// The chains, and the tokens their rates are filed under.
const (
	execution sdk.ChainID = "ethereum"
	beacon    sdk.ChainID = "ethereum-beacon"

	ethStaking sdk.TokenID = "eth-staking"
	solStaking sdk.TokenID = "sol-staking"
)

// yearSeconds is the year of the pipeline's rate engine: 365 days.
const yearSeconds = 31_536_000

//go:embed protocol.yaml
var identity []byte

type fetcher struct{ description sdk.Description }

// New makes the fetcher.
func New() sdk.Fetcher { return fetcher{card.MustParse(identity)} }

func (f fetcher) Describe() sdk.Description { return f.description }

// Fetch reads the rate of one chain. Each chain has its own way, see solana.go,
// execution.go and beacon.go.
func (fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	switch req.Chain {
	case solana.Chain:
		return fetchSolana(ctx, req, sink)
	case execution:
		return fetchExecution(req, sink)
	case beacon:
		return fetchBeacon(ctx, req, sink)
	}
	return sdk.Errorf(sdk.KindConfig, "network knows no chain %q; take it out of the job", req.Chain)
}
