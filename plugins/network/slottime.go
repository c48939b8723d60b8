package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// Solana's inflation is a rate per year, but the chain counts slots, so a slot's
// target time fixes how much of a year it is. SIMD-0525 shortened the target in
// four steps and raised slots_per_year with it. Slots that really take longer than
// their target issue less in a real year, and shorter ones more.

// target is a row of SIMD-0525's table.
type target struct {
	gate         solana.PublicKey // feature account; zero for the beginning
	milliseconds int64
	perYear      int64 // thousandths of a slot per year of the inflation schedule
}

// targets are in the order of their activation.
var targets = []target{
	{solana.PublicKey{}, 400, 78_892_314_984},
	{solana.MustKey("iBRL5RuWhw4yqaAZu96RUULHckHTZAoe2b77qaV38JZ"), 350, 90_162_645_696},
	{solana.MustKey("iBRLL3k18HST852F1Mf3Lv83waTNQmmqvKDxvYGwQFL"), 300, 105_189_753_312},
	{solana.MustKey("iBRLMc81UjRa8fn8A6eE8bJTnRbgQoPTynM51akENCV"), 250, 126_227_703_974},
	{solana.MustKey("iBRLjhJnkmDZgNoZRDMW11d8ZV7HvsL3vAyRjZB5npW"), 200, 157_784_629_968},
}

func gateKeys() []solana.PublicKey {
	var keys []solana.PublicKey
	for _, t := range targets[1:] {
		keys = append(keys, t.gate)
	}
	return keys
}

// inForce returns the target at the snapshot and the first slot that had it. A
// gate takes effect one epoch after the one it was activated in, and the shortest
// target wins.
func inForce(snap *solana.Snapshot) (target, uint64, error) {
	best, since := targets[0], uint64(0)
	schedule, ok := snap.Schedule()
	if !ok {
		return best, 0, errors.New("the epoch schedule was not readable")
	}
	for _, t := range targets[1:] {
		activated, ok, err := activation(snap, t.gate)
		if err != nil {
			return best, 0, err
		}
		if !ok {
			continue
		}
		first := schedule.GetFirstSlotInEpoch(schedule.GetEpoch(activated) + 1)
		if first <= snap.Clock.Slot && t.milliseconds < best.milliseconds {
			best, since = t, first
		}
	}
	return best, since, nil
}

// activation reads a feature account: a tag, 1 for activated, and the slot. ok is
// false when nobody has asked for the feature yet or it still waits.
func activation(snap *solana.Snapshot, gate solana.PublicKey) (slot uint64, ok bool, err error) {
	account, err := snap.Owned(gate, solana.FeatureProgram)
	switch {
	case sdk.KindOf(err) == sdk.KindNoData:
		return 0, false, nil
	case err != nil:
		return 0, false, err
	case len(account.Data) < 9 || account.Data[0] > 1:
		return 0, false, fmt.Errorf("feature account %s has an unknown layout", gate)
	}
	return binary.LittleEndian.Uint64(account.Data[1:9]), account.Data[0] == 1, nil
}

// pace is how fast slots really come.
type pace struct {
	target  target
	seconds *big.Rat // per slot, measured
	slots   uint64
	minutes uint64
}

// maxSampleAge is how far, in slots, the newest sample may be from the snapshot.
const maxSampleAge = 20_000

// Slots are slower than their target, by up to a sixth in 2024, and a little
// faster. Anything else is a target this plugin does not know.
var slowest, fastest = big.NewRat(3, 2), big.NewRat(85, 100)

// measure takes the pace from the samples since the target in force began.
func measure(snap *solana.Snapshot, list paceSamples, noSamples error) (pace, error) {
	if noSamples != nil {
		return pace{}, noSamples
	}
	t, since, err := inForce(snap)
	if err != nil {
		return pace{}, err
	}
	var slots, seconds uint64
	if len(list) > 0 && max(list[0].Slot, snap.Slot)-min(list[0].Slot, snap.Slot) <= maxSampleAge {
		for _, s := range list {
			if s.Slots > 0 && s.Seconds > 0 && s.Slot-s.Slots >= since {
				slots, seconds = slots+s.Slots, seconds+s.Seconds
			}
		}
	}
	if slots == 0 {
		return pace{}, fmt.Errorf("%s has no sample of late at %d ms a slot", methodPace, t.milliseconds)
	}
	p := pace{target: t, seconds: new(big.Rat).SetFrac(u(seconds), u(slots)), slots: slots, minutes: seconds / 60}
	ratio := new(big.Rat).Quo(p.seconds, big.NewRat(t.milliseconds, 1000))
	if ratio.Cmp(fastest) < 0 || ratio.Cmp(slowest) > 0 {
		return pace{}, fmt.Errorf("measured %s s a slot, which does not fit the target of %s s", p.seconds.FloatString(4), t)
	}
	return p, nil
}

func u(v uint64) *big.Int { return new(big.Int).SetUint64(v) }

// yearly is how many years of the inflation schedule pass in yearSeconds.
func (p pace) yearly() *big.Rat {
	slots := new(big.Rat).Quo(big.NewRat(yearSeconds, 1), p.seconds)
	return slots.Mul(slots, big.NewRat(1000, p.target.perYear))
}

// asPlanned is yearly with slots of exactly their target time: the schedule's year
// has 365.242199 days, the pipeline's 365.
func asPlanned() *big.Rat { return big.NewRat(yearSeconds*10_000, 315_569_259_936) }

func (t target) String() string { return big.NewRat(t.milliseconds, 1000).FloatString(3) }

func (p pace) window() string {
	return fmt.Sprintf("by one node's clock over %d slots in %d minutes", p.slots, p.minutes)
}

func (p pace) String() string {
	return fmt.Sprintf("annualised at %s s a slot, measured %s, where the chain reckons with %s s", p.seconds.FloatString(4), p.window(), p.target)
}
