package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/rest"
)

// Ethereum mainnet's consensus constants.
const (
	slotsPerEpoch   = 32
	secondsPerSlot  = 12
	secondsPerEpoch = slotsPerEpoch * secondsPerSlot
	wholeBalance    = 32_000_000_000 // gwei

	// What a validator earns is split by weight: 14 for the source, 26 for the
	// target and 14 for the head of an attestation, 2 for the sync committee, 8 for
	// proposing.
	attestationWeight = 14 + 26 + 14
	weightDenominator = 64
)

// ethScope is what Ethereum's rate counts and what not.
const ethScope = "consensus rewards only: ideal attestations of one epoch, scaled from weight 54 to 64 for " +
	"sync committees and proposals, without execution rewards and MEV, not compounded"

// fetchBeacon reads the ideal attestation rewards at every anchor. One anchor that
// cannot be read does not lose the others.
func fetchBeacon(ctx context.Context, req sdk.Request, sink sdk.Sink) error {
	if err := checkOption(req); err != nil {
		return err
	}
	if !req.Wants(ethStaking) {
		return nil
	}
	for i, anchor := range req.Anchors {
		o, err := readBeacon(ctx, req.Endpoint, anchor)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			err = fmt.Errorf("ethereum's staking rate at slot %d: %w", anchor.Height, err)
			if err := sink.Fail(sdk.Failure{Anchor: i, Token: ethStaking, Kind: sdk.KindOf(err), Message: err.Error()}); err != nil {
				return err
			}
			continue
		}
		o.Anchor = i
		if err := sink.Observe(o); err != nil {
			return err
		}
		if err := sink.Progress(i+1, len(req.Anchors)); err != nil {
			return err
		}
	}
	return nil
}

// readBeacon takes the newest epoch whose rewards are final at the anchor: votes
// of an epoch may be included until the end of the next one, and the anchor is in
// the one after that.
func readBeacon(ctx context.Context, endpoint string, anchor sdk.Anchor) (sdk.Observation, error) {
	if anchor.Height < 2*slotsPerEpoch {
		return sdk.Observation{}, sdk.Errorf(sdk.KindNoData, "no epoch has been rewarded yet")
	}
	epoch := anchor.Height/slotsPerEpoch - 2
	path := "/eth/v1/beacon/rewards/attestations/" + strconv.FormatUint(epoch, 10)
	answer, err := rest.Post(ctx, endpoint, path, `["0"]`)
	if err != nil {
		return sdk.Observation{}, err
	}
	best, err := idealReward(answer.Body)
	if err != nil {
		return sdk.Observation{}, fmt.Errorf("%s: %w", answer.Method, err)
	}
	apr := best.apr()
	end := anchor.Time.Add(-time.Duration(anchor.Height-(epoch+1)*slotsPerEpoch) * secondsPerSlot * time.Second)
	return sdk.Observation{
		Token: ethStaking, Metric: sdk.BenchmarkAPR,
		Value: new(big.Int).Set(apr.Num()), Divisor: divisor(apr),
		RefTime: end, RefEpoch: epoch,
		Quality: sdk.QualityEstimated, Reason: ethScope, Basis: sdk.OnChain,
		Source: answer.Source(string(beacon),
			fmt.Sprintf("head + target + source of effective balance %d, ideal_rewards", best.balance)),
	}, nil
}

// ideal is what a validator that misses nothing earns in one epoch, in gwei.
type ideal struct{ balance, reward uint64 }

// apr is the yearly rate, exactly.
func (r ideal) apr() *big.Rat {
	epochs := big.NewRat(yearSeconds, secondsPerEpoch)
	v := new(big.Rat).SetFrac(u(r.reward), u(r.balance))
	v.Mul(v, big.NewRat(weightDenominator, attestationWeight))
	return v.Mul(v, epochs)
}

// idealReward reads the entry of a whole balance of 32 ether, or the largest there
// is: rewards are in proportion to the balance, and clients differ in which
// balances they list.
func idealReward(raw []byte) (ideal, error) {
	var answer struct {
		Optimistic bool  `json:"execution_optimistic"`
		Finalized  *bool `json:"finalized"`
		Data       struct {
			Ideal []struct {
				Balance *gwei `json:"effective_balance"`
				Head    *gwei `json:"head"`
				Target  *gwei `json:"target"`
				Source  *gwei `json:"source"`
			} `json:"ideal_rewards"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return ideal{}, sdk.Errorf(sdk.KindLayout, "the answer has an unknown shape: %w", err)
	}
	if answer.Optimistic || answer.Finalized != nil && !*answer.Finalized {
		return ideal{}, sdk.Errorf(sdk.KindTransient, "the node answers from a state that is not final")
	}
	var best ideal
	for _, e := range answer.Data.Ideal {
		if e.Balance == nil || e.Head == nil || e.Target == nil || e.Source == nil {
			return ideal{}, sdk.Errorf(sdk.KindLayout, "an entry of ideal_rewards has no source, target, head or balance")
		}
		one := ideal{uint64(*e.Balance), uint64(*e.Head + *e.Target + *e.Source)}
		if one.balance == wholeBalance || best.balance != wholeBalance && one.balance > best.balance {
			best = one
		}
	}
	if best.balance == 0 {
		return ideal{}, sdk.Errorf(sdk.KindLayout, "ideal_rewards has no entry with a balance")
	}
	return best, nil
}

// gwei is an amount the Beacon API writes as a string.
type gwei uint64

// maxGwei is more ether than there is; sums of a few stay in range.
const maxGwei = 1 << 60

// UnmarshalJSON reads the decimal text. A negative amount is an error.
func (g *gwei) UnmarshalJSON(raw []byte) error {
	text, err := strconv.Unquote(string(raw))
	if err != nil {
		return fmt.Errorf("the amount %.40s is not a string", raw)
	}
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil || v > maxGwei {
		return fmt.Errorf("%.40q is not an amount in gwei", text)
	}
	*g = gwei(v)
	return nil
}
