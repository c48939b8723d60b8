package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/lst-pipeline/lst-pipeline/plugins/stakepool/pool"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// optionValidators says how much of the validator lists is read: "count" (the
// default), "full" for the stake of each validator (up to 1 MB and a row for each
// validator in use a pool), or "none".
const optionValidators = "validators"

// keysPerPool are the accounts one pool takes in a snapshot.
const keysPerPool = 3

type fetcher struct {
	description sdk.Description
	targets     []target
}

func (f fetcher) Describe() sdk.Description { return f.description }

// Fetch reads the newest anchor: one getMultipleAccounts for up to 32 pools, one
// before it for pools whose reserve is not listed, and one after it for the heads
// of the validator lists.
func (f fetcher) Fetch(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	if req.Chain != solana.Chain {
		return sdk.Errorf(sdk.KindConfig, "stake pools are on chain solana, not on %s", req.Chain)
	}
	validators := req.Options[optionValidators]
	if !slices.Contains([]string{"", "count", "full", "none"}, validators) {
		return sdk.Errorf(sdk.KindConfig, "option %s is %q, must be count, full or none", optionValidators, validators)
	}
	var targets []target
	for _, t := range f.targets {
		if req.Wants(t.token) {
			targets = append(targets, t)
		}
	}
	if len(targets) == 0 {
		return nil
	}
	i, err := solana.Newest(req, sink)
	if err != nil {
		return err
	}
	r := reader{client: solana.Dial(req.Endpoint), anchor: req.Anchors[i], index: i, sink: sink}
	if err := r.pools(ctx, targets); err != nil {
		return err
	}
	switch validators {
	case "none":
		return nil
	case "full":
		return r.lists(ctx, targets)
	}
	return r.counts(ctx, targets)
}

// reader reads at one anchor.
type reader struct {
	client *solana.Client
	anchor sdk.Anchor
	index  int
	sink   sdk.Sink
}

func (r reader) failed(err error) error {
	return fmt.Errorf("stake pools on solana at slot %d: %w", r.anchor.Height, err)
}

func (r reader) pools(ctx context.Context, targets []target) error {
	targets, err := r.learn(ctx, targets)
	if err != nil {
		return err
	}
	done := 0
	for chunk := range slices.Chunk(targets, solana.MaxKeys/keysPerPool) {
		var keys []solana.PublicKey
		for _, t := range chunk {
			keys = append(keys, t.pool, t.mint)
			if !t.reserve.IsZero() {
				keys = append(keys, t.reserve)
			}
		}
		snap, err := r.client.Snapshot(ctx, r.anchor, keys...)
		if err != nil {
			return r.failed(err)
		}
		for _, t := range chunk {
			rows := snap.Rows(t.token, r.index)
			if err := t.read(snap, rows); err != nil {
				rows.Fail(fmt.Errorf("stake pool %s of %s at slot %d: %w", t.pool, t.token, snap.Slot, err))
			}
			if err := rows.Send(r.sink); err != nil {
				return err
			}
		}
		done += len(chunk)
		if err := r.sink.Progress(done, len(targets)); err != nil {
			return err
		}
	}
	return nil
}

// learn asks the pools for the reserves that are not listed. A pool that can not
// be read here can not be read later either, and is reported then.
func (r reader) learn(ctx context.Context, targets []target) ([]target, error) {
	targets = slices.Clone(targets)
	var unknown []*target
	for i := range targets {
		if targets[i].reserve.IsZero() {
			unknown = append(unknown, &targets[i])
		}
	}
	for chunk := range slices.Chunk(unknown, solana.MaxKeys) {
		keys := make([]solana.PublicKey, len(chunk))
		for i, t := range chunk {
			keys[i] = t.pool
		}
		snap, err := r.client.Snapshot(ctx, r.anchor, keys...)
		if err != nil {
			return nil, r.failed(err)
		}
		for _, t := range chunk {
			if p, err := t.decode(snap); err == nil {
				t.reserve = p.ReserveStake
			}
		}
	}
	return targets, nil
}

// decode reads the pool account and checks that it is the pool that was listed.
func (t target) decode(snap *solana.Snapshot) (pool.Pool, error) {
	account, err := snap.Owned(t.pool, t.program)
	if err != nil {
		return pool.Pool{}, err
	}
	p, err := pool.Decode(account.Data)
	if err != nil {
		return pool.Pool{}, err
	}
	for _, check := range []struct {
		what       string
		says, want solana.PublicKey
	}{{"mint", p.PoolMint, t.mint}, {"validator list", p.ValidatorList, t.validatorList}, {"reserve", p.ReserveStake, t.reserve}} {
		if check.says != check.want && !check.want.IsZero() {
			return pool.Pool{}, sdk.Errorf(sdk.KindIdentity, "the pool names %s as its %s, the list of pools %s", check.says, check.what, check.want)
		}
	}
	return p, nil
}

// counts reads how many validators each pool lists.
func (r reader) counts(ctx context.Context, targets []target) error {
	for chunk := range slices.Chunk(targets, solana.MaxKeys) {
		keys := make([]solana.PublicKey, len(chunk))
		for i, t := range chunk {
			keys[i] = t.validatorList
		}
		snap, err := r.client.Heads(ctx, r.anchor, keys...)
		if err != nil {
			return r.failed(err)
		}
		for _, t := range chunk {
			rows := snap.Rows(t.token, r.index)
			t.count(snap, rows)
			if err := rows.Send(r.sink); err != nil {
				return err
			}
		}
	}
	return nil
}

// lists reads each pool's whole validator list, with the pool beside it.
func (r reader) lists(ctx context.Context, targets []target) error {
	for _, t := range targets {
		snap, err := r.client.Snapshot(ctx, r.anchor, t.pool, t.validatorList)
		if err != nil {
			return r.failed(err)
		}
		rows := snap.Rows(t.token, r.index)
		t.stakes(snap, rows)
		if err := rows.Send(r.sink); err != nil {
			return err
		}
	}
	return nil
}
