package wire

import (
	"fmt"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
)

// ToRequest encodes a request. The chain of the request holds for its anchors.
func ToRequest(r sdk.Request) *pluginv1.FetchRequest {
	m := &pluginv1.FetchRequest{
		Chain:    string(r.Chain),
		Endpoint: r.Endpoint,
		Options:  r.Options,
	}
	for _, a := range r.Anchors {
		m.Anchors = append(m.Anchors, ToAnchor(a))
	}
	for _, t := range r.Tokens {
		m.Tokens = append(m.Tokens, string(t))
	}
	return m
}

// FromRequest decodes a request: one chain and at least one anchor, ascending by
// height.
func FromRequest(m *pluginv1.FetchRequest) (sdk.Request, error) {
	r := sdk.Request{
		Chain:    sdk.ChainID(m.GetChain()),
		Endpoint: m.GetEndpoint(),
		Options:  m.GetOptions(),
	}
	if r.Chain == "" {
		return r, fmt.Errorf("request: chain: missing")
	}
	if len(m.GetAnchors()) == 0 {
		return r, fmt.Errorf("request: anchors: there is none")
	}
	for i, a := range m.GetAnchors() {
		anchor, err := FromAnchor(a, r.Chain)
		if err != nil {
			return r, fmt.Errorf("request: anchors: entry %d: %w", i, err)
		}
		if i > 0 && anchor.Height < r.Anchors[i-1].Height {
			return r, fmt.Errorf("request: anchors: entry %d: height %d comes after height %d", i, anchor.Height, r.Anchors[i-1].Height)
		}
		r.Anchors = append(r.Anchors, anchor)
	}
	for _, t := range m.GetTokens() {
		r.Tokens = append(r.Tokens, sdk.TokenID(t))
	}
	return r, nil
}

// ToAnchor encodes an anchor without its chain, which the request names.
func ToAnchor(a sdk.Anchor) *pluginv1.Anchor {
	return &pluginv1.Anchor{
		Height:      a.Height,
		Hash:        a.Hash,
		TimeS:       toSeconds(a.Time),
		Finality:    string(a.Finality),
		Epoch:       a.Epoch,
		EpochStartS: toSeconds(a.EpochStart),
		TickS:       toSeconds(a.Tick),
	}
}

// FromAnchor decodes an anchor on the given chain.
func FromAnchor(m *pluginv1.Anchor, chain sdk.ChainID) (sdk.Anchor, error) {
	a := sdk.Anchor{
		Chain:    chain,
		Height:   m.GetHeight(),
		Hash:     m.GetHash(),
		Finality: sdk.Finality(m.GetFinality()),
		Epoch:    m.GetEpoch(),
	}
	var err error
	if a.Time, err = fromSeconds(m.GetTimeS()); err != nil {
		return a, fmt.Errorf("time_s: %w", err)
	}
	if a.EpochStart, err = fromSeconds(m.GetEpochStartS()); err != nil {
		return a, fmt.Errorf("epoch_start_s: %w", err)
	}
	if a.Tick, err = fromSeconds(m.GetTickS()); err != nil {
		return a, fmt.Errorf("tick_s: %w", err)
	}
	return a, nil
}

// ToPosition encodes a position.
func ToPosition(p sdk.Position) *pluginv1.Position {
	return &pluginv1.Position{
		Height:      p.Height,
		Hash:        p.Hash,
		TimeS:       toSeconds(p.Time),
		Epoch:       p.Epoch,
		EpochStartS: toSeconds(p.EpochStart),
	}
}

// FromPosition decodes a position.
func FromPosition(m *pluginv1.Position) (sdk.Position, error) {
	p := sdk.Position{Height: m.GetHeight(), Hash: m.GetHash(), Epoch: m.GetEpoch()}
	var err error
	if p.Time, err = fromSeconds(m.GetTimeS()); err != nil {
		return p, fmt.Errorf("time_s: %w", err)
	}
	if p.EpochStart, err = fromSeconds(m.GetEpochStartS()); err != nil {
		return p, fmt.Errorf("epoch_start_s: %w", err)
	}
	return p, nil
}
