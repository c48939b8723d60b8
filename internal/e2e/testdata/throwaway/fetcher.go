// Command throwaway is the smallest plugin there can be: one token, one contract,
// three metrics. A test drops it into plugins/ to show that nothing else has to
// change; copy it to begin a plugin of your own.
package main

import (
	"context"
	_ "embed"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

//go:embed protocol.yaml
var protocol []byte

var (
	token       = evm.MustAddress("0x00000000000000000000000000000000000ADd0e")
	totalAssets = evm.MustMethod("totalAssets() returns (uint256)")
	totalSupply = evm.MustMethod("totalSupply() returns (uint256)")
)

// Fetcher reads the token's contract.
type Fetcher struct{ description sdk.Description }

// New returns the plugin.
func New() *Fetcher { return &Fetcher{card.MustParse(protocol)} }

// Describe returns the identity card.
func (f *Fetcher) Describe() sdk.Description { return f.description }

// Fetch reads all anchors in one request.
func (f *Fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	client, err := evm.Dial(ctx, req.Endpoint)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, s := range client.Read(ctx, req.Anchors, func(sdk.Anchor) []evm.Call {
		return []evm.Call{totalAssets.At(token), totalSupply.At(token)}
	}) {
		if s.Err != nil { // the block as a whole could not be read
			if err := sink.Fail(s.Failure()); err != nil {
				return err
			}
			continue
		}
		// Number(0, 18) is the first value that the call returned, in 10^-18 units.
		assets, supply := s.Get(totalAssets.At(token)).Number(0, 18), s.Get(totalSupply.At(token)).Number(0, 18)
		rows := s.Rows("throweth")
		rows.Add(sdk.BackingNative, assets)
		rows.Add(sdk.LSTSupply, supply)
		rows.Add(sdk.ExchangeRateMetric, assets.Over(supply))
		if err := rows.Emit(sink); err != nil {
			return err
		}
	}
	return ctx.Err()
}
