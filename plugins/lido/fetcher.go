// Command lido is the plugin for Lido: stETH (and with it wstETH) and the sunset
// stMATIC, all on Ethereum.
//
// It reads state, and of events only the newest oracle report, so what else passed
// between two anchors is not seen; it knows nothing of the consensus layer beyond
// what Lido's oracle wrote down.
package main

import (
	"context"
	_ "embed"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

//go:embed protocol.yaml
var protocol []byte

const (
	tokenStETH   sdk.TokenID = "steth"
	tokenStMATIC sdk.TokenID = "stmatic"

	// v2Block is the first block of V2. It only guesses which calls to make first;
	// the contract's own version decides.
	v2Block = 17266004
)

// Fetcher reads Lido's contracts.
type Fetcher struct{ description sdk.Description }

// New returns the plugin.
func New() *Fetcher { return &Fetcher{card.MustParse(protocol)} }

// Describe returns the identity card.
func (f *Fetcher) Describe() sdk.Description { return f.description }

// Fetch reads every anchor in one round. A second and third round follow only
// for anchors where the locator or the list of modules shows other addresses
// than the usual ones.
func (f *Fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	client, err := evm.Dial(ctx, req.Endpoint)
	if err != nil {
		return err
	}
	defer client.Close()

	plan := func(s *evm.Snapshot) []evm.Call { return calls(s, req) }
	snaps := client.Read(ctx, req.Anchors, func(a sdk.Anchor) []evm.Call { return firstCalls(a, req) })
	for range 2 {
		client.Extend(ctx, snaps, plan)
	}
	for i, s := range snaps {
		if err := emit(s, req, sink); err != nil {
			return err
		}
		if err := sink.Progress(i+1, len(snaps)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func emit(s *evm.Snapshot, req sdk.Request, sink sdk.Sink) error {
	if s.Err != nil {
		return sink.Fail(s.Failure())
	}
	if req.Wants(tokenStETH) {
		if err := emitStETH(s, sink); err != nil {
			return err
		}
	}
	if wantsStMATIC(req, s.Anchor) {
		return stMATICRows(s).Emit(sink)
	}
	return nil
}

// firstCalls guesses by height which contracts answer.
func firstCalls(a sdk.Anchor, req sdk.Request) []evm.Call {
	var out []evm.Call
	if req.Wants(tokenStETH) {
		out = append(out, commonCalls()...)
		if a.Height < v2Block {
			out = append(out, v1Calls()...)
		} else {
			out = append(out, modernCalls(parts{usualOracle, usualRouter, usualQueue, usualModules})...)
		}
	}
	if wantsStMATIC(req, a) {
		out = append(out, stMATICCalls()...)
	}
	return out
}

// calls names what the answers so far show to be needed.
func calls(s *evm.Snapshot, req sdk.Request) []evm.Call {
	if !req.Wants(tokenStETH) {
		return nil
	}
	version, err := eraOf(s)
	switch {
	case err != nil:
		return nil
	case version == v1:
		return v1Calls()
	}
	// The locator itself has to answer before its parts can be asked for.
	p, err := partsOf(s)
	if err != nil {
		return locatorCalls()
	}
	return modernCalls(p)
}

func commonCalls() []evm.Call {
	return []evm.Call{
		getContractVersion.At(stETH),
		getTotalPooledEther.At(stETH),
		totalSupply.At(stETH),
		getTotalShares.At(stETH),
		getPooledEthByShares.At(stETH, e27),
		getPooledEthByShares.At(stETH, e18),
		stEthPerToken.At(wstETH),
		getBufferedEther.At(stETH),
		getBeaconStat.At(stETH),
		getTotalELRewardsCollected.At(stETH),
		getCurrentStakeLimit.At(stETH),
		isStakingPaused.At(stETH),
		isStopped.At(stETH),
		getDy.At(curvePool, 1, 0, e18),
	}
}

func v1Calls() []evm.Call {
	return []evm.Call{
		getFee.At(stETH),
		getFeeDistribution.At(stETH),
		getLastCompletedEpochID.At(lidoOracle),
		getActiveNodeOperatorsCount.At(curated),
	}
}

func locatorCalls() []evm.Call {
	return []evm.Call{accountingOracle.At(locator), stakingRouter.At(locator), withdrawalQueue.At(locator)}
}

// modernCalls are those of V2 and later. Each era answers its own; the rest
// reverts and is not looked at.
func modernCalls(p parts) []evm.Call {
	out := append(locatorCalls(),
		tokenRebased.Newest(stETH, reportBlocks),
		getBalanceStats.At(stETH),
		getExternalEther.At(stETH),
		getExternalShares.At(stETH),
		getDepositsReserve.At(stETH),
		getLastProcessingRefSlot.At(p.oracle),
		getStakingFeeAggregateDistribution.At(p.router),
		getStakingModules.At(p.router),
		unfinalizedStETH.At(p.queue),
		unfinalizedRequestNumber.At(p.queue),
		getLockedEtherAmount.At(p.queue),
		isPaused.At(p.queue),
		isBunkerModeActive.At(p.queue),
		minWithdrawal.At(p.queue),
		maxWithdrawal.At(p.queue),
	)
	for _, m := range p.modules {
		out = append(out,
			getStakingModuleSummary.At(p.router, m.id),
			getStakingModuleActiveValidatorsCount.At(p.router, m.id),
			getActiveNodeOperatorsCount.At(m.address),
		)
	}
	return out
}

// partsOf reads where the protocol's parts are at the block. The list of modules
// is empty until the router it comes from was asked.
func partsOf(s *evm.Snapshot) (parts, error) {
	var p parts
	for _, part := range []struct {
		method evm.Method
		into   *common.Address
	}{{accountingOracle, &p.oracle}, {stakingRouter, &p.router}, {withdrawalQueue, &p.queue}} {
		at, err := s.Get(part.method.At(locator)).Address(0)
		if err != nil {
			return parts{}, err
		}
		*part.into = at
	}
	p.modules, _ = modulesOf(s, p.router) // the error is reported with the metrics that need them
	return p, nil
}

var (
	e18 = new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil)
	e20 = new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil)
	e27 = new(big.Int).Exp(big.NewInt(10), big.NewInt(27), nil)
)
