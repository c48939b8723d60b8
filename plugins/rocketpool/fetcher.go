// Command rocketpool is the plugin for Rocket Pool's rETH on Ethereum.
//
// Most values come straight from RocketStorage, whose keys mean the same in every
// version of the protocol. The plugin reads state, not events, and does not walk
// over nodes or minipools, so what only a walk could tell stays unknown.
package main

import (
	"context"
	_ "embed"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

//go:embed protocol.yaml
var protocol []byte

const tokenRETH sdk.TokenID = "reth"

// Fetcher reads Rocket Pool's contracts.
type Fetcher struct{ description sdk.Description }

// New returns the plugin.
func New() *Fetcher { return &Fetcher{card.MustParse(protocol)} }

// Describe returns the identity card.
func (f *Fetcher) Describe() sdk.Description { return f.description }

// Fetch reads every anchor in one round, and in a second one where RocketStorage
// names other contracts than those of the current version.
func (f *Fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	if !req.Wants(tokenRETH) {
		return nil
	}
	client, err := evm.Dial(ctx, req.Endpoint)
	if err != nil {
		return err
	}
	defer client.Close()

	snaps := client.Read(ctx, req.Anchors, func(a sdk.Anchor) []evm.Call {
		if a.Height < evm.Multicall3Block {
			return storedCalls() // guesses cost a call each there
		}
		return append(storedCalls(), versionCalls(usual)...)
	})
	client.Extend(ctx, snaps, func(s *evm.Snapshot) []evm.Call {
		at, err := placesOf(s)
		if err != nil {
			return nil // reported by emit
		}
		return versionCalls(at)
	})
	for i, s := range snaps {
		if err := emit(s, sink); err != nil {
			return err
		}
		if err := sink.Progress(i+1, len(snaps)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// storedCalls are those whose address and meaning never changed.
func storedCalls() []evm.Call {
	out := []evm.Call{
		getBool.At(storage, keyEnabled),
		balanceOf.At(vault, "rocketDepositPool"),
		totalSupply.At(rETH),
		getExchangeRate.At(rETH),
		getTotalCollateral.At(rETH),
		token0.At(wethPool),
		slot0.At(wethPool),
	}
	for _, k := range [][32]byte{
		keyTotalETH, keyStakingETH, keyRETHSupply, keyReportBlock, keyReportTime,
		keyNodes, keyMinipools, keyStaking, keyFinalised, keyMegapool,
		keyNodeBalance, keyMinimum, keyPoolMaximum, keyDepositFee,
	} {
		out = append(out, getUint.At(storage, k))
	}
	for _, k := range [][32]byte{keyDepositPool, keyNetworkFees, keyRevenues} {
		out = append(out, getAddress.At(storage, k))
	}
	return out
}

// versionCalls are those on contracts that an upgrade replaces.
func versionCalls(at places) []evm.Call {
	var out []evm.Call
	if at.depositPool != (common.Address{}) {
		out = append(out, getMaximumDepositAmount.At(at.depositPool))
	}
	switch {
	case at.revenues != (common.Address{}):
		out = append(out, getCurrentNodeShare.At(at.revenues), getCurrentVoterShare.At(at.revenues), getCurrentProtocolDAOShare.At(at.revenues))
	case at.fees != (common.Address{}):
		out = append(out, getNodeFee.At(at.fees))
	}
	return out
}

// placesOf reads which contracts are in force at the block.
func placesOf(s *evm.Snapshot) (places, error) {
	var at places
	for _, p := range []struct {
		key  [32]byte
		into *common.Address
	}{{keyDepositPool, &at.depositPool}, {keyNetworkFees, &at.fees}, {keyRevenues, &at.revenues}} {
		a, err := s.Get(getAddress.At(storage, p.key)).Address(0)
		if err != nil {
			return places{}, err
		}
		*p.into = a
	}
	return at, nil
}
