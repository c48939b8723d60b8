package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"regexp"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// answer is a decoded JSON-RPC result with its evidence.
type answer[T any] struct {
	is     T
	method string
	digest string
}

func (a answer[T]) source(field string) sdk.Source {
	return sdk.Source{Method: a.method, Target: string(solana.Chain), Field: field, Digest: a.digest}
}

// shape is a decoded result that can judge itself.
type shape[T any] interface {
	*T
	check() error
}

// ask makes one call and decodes its result. A shape the plugin does not know is
// an error of kind layout.
func ask[T any, P shape[T]](ctx context.Context, client *solana.Client, method string, params ...any) (answer[T], error) {
	a := answer[T]{method: method}
	raw, err := client.Call(ctx, method, params...)
	if err != nil {
		return a, err
	}
	sum := sha256.Sum256(raw)
	a.digest = hex.EncodeToString(sum[:])
	err = json.Unmarshal(raw, &a.is)
	if err == nil {
		err = P(&a.is).check()
	}
	if err != nil {
		return a, sdk.Errorf(sdk.KindLayout, "%s: the result has an unknown shape: %w", method, err)
	}
	return a, nil
}

type commitment struct {
	Commitment string `json:"commitment"`
}

type supplyConfig struct {
	Commitment  string `json:"commitment"`
	ExcludeList bool   `json:"excludeNonCirculatingAccountsList"`
}

// inflationRate is the result of getInflationRate.
type inflationRate struct {
	Epoch     *uint64     `json:"epoch"`
	Validator json.Number `json:"validator"` // fraction per year, a float64 in print

	validator *big.Rat
}

func (i *inflationRate) check() error {
	var ok bool
	if i.validator, ok = fraction(i.Validator.String()); !ok || i.Epoch == nil {
		return sdk.Errorf(sdk.KindLayout, "it has no epoch or no validator rate between 0 and 1")
	}
	return nil
}

// decimalText is a JSON number without an exponent that would blow up a ratio.
var decimalText = regexp.MustCompile(`^[0-9]{1,2}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?$`)

// fraction reads the decimal text of a number from 0 to 1, exactly.
func fraction(text string) (*big.Rat, bool) {
	if !decimalText.MatchString(text) {
		return nil, false
	}
	v, ok := new(big.Rat).SetString(strings.ToLower(text))
	return v, ok && v.Cmp(big.NewRat(1, 1)) <= 0
}

// voteAccounts is the result of getVoteAccounts.
type voteAccounts struct {
	Current    []voteAccount `json:"current"`
	Delinquent []voteAccount `json:"delinquent"`
}

type voteAccount struct {
	Stake      *uint64 `json:"activatedStake"` // lamports active in this epoch
	Commission *uint8  `json:"commission"`     // whole per cent of the rewards
}

func (v *voteAccounts) check() error {
	if v.Current == nil || v.Delinquent == nil {
		return sdk.Errorf(sdk.KindLayout, "one of the lists current and delinquent is missing")
	}
	for _, a := range v.all() {
		if a.Stake == nil || a.Commission == nil || *a.Commission > 100 {
			return sdk.Errorf(sdk.KindLayout, "an account has no activatedStake or no commission from 0 to 100")
		}
	}
	if v.stake().Sign() == 0 {
		return sdk.Errorf(sdk.KindLayout, "nothing is staked")
	}
	return nil
}

func (v *voteAccounts) all() []voteAccount {
	return append(v.Current[:len(v.Current):len(v.Current)], v.Delinquent...)
}

// stake is all stake that is active in the epoch, that of validators who do not
// vote included: it waits for rewards like the rest.
func (v *voteAccounts) stake() *big.Int {
	sum := new(big.Int)
	for _, a := range v.all() {
		sum.Add(sum, new(big.Int).SetUint64(*a.Stake))
	}
	return sum
}

// commissionBPS is the commission averaged by stake.
func (v *voteAccounts) commissionBPS() *big.Rat {
	sum := new(big.Int)
	for _, a := range v.all() {
		part := new(big.Int).SetUint64(*a.Stake)
		sum.Add(sum, part.Mul(part, big.NewInt(int64(*a.Commission)*100)))
	}
	return new(big.Rat).SetFrac(sum, v.stake())
}

// count is how many validators have stake.
func (v *voteAccounts) count(delinquent bool) *big.Rat {
	list := v.Current
	if delinquent {
		list = v.all()
	}
	n := int64(0)
	for _, a := range list {
		if *a.Stake > 0 {
			n++
		}
	}
	return big.NewRat(n, 1)
}

// wholeSupply is the result of getSupply.
type wholeSupply struct {
	Context struct {
		Slot uint64 `json:"slot"`
	} `json:"context"`
	Value struct {
		Total uint64 `json:"total"` // lamports
	} `json:"value"`
}

func (s *wholeSupply) check() error {
	if s.Context.Slot == 0 || s.Value.Total == 0 {
		return sdk.Errorf(sdk.KindLayout, "it has no slot or no total")
	}
	return nil
}

func (s *wholeSupply) total() *big.Int { return new(big.Int).SetUint64(s.Value.Total) }

// paceSamples is the result of getRecentPerformanceSamples, newest first.
type paceSamples []struct {
	Slot    uint64 `json:"slot"`             // the last slot of the sample
	Slots   uint64 `json:"numSlots"`         // completed in the sample
	Seconds uint64 `json:"samplePeriodSecs"` // of the node's clock
}

func (s *paceSamples) check() error {
	for _, one := range *s {
		if one.Slot == 0 || one.Slots > one.Slot || one.Slots > 1_000_000 || one.Seconds > 1_000_000 {
			return sdk.Errorf(sdk.KindLayout, "the sample of slot %d says %d slots in %d s", one.Slot, one.Slots, one.Seconds)
		}
	}
	return nil
}
