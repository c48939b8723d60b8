package solana

import (
	"time"

	"github.com/gagliardetto/solana-go/sysvar"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// ClockSize is the length of the Clock sysvar.
const ClockSize = 40

// Clock is the Clock sysvar: what slot, epoch and time it is in the bank that
// was read.
type Clock struct {
	Slot                uint64
	EpochStart          int64 // unix seconds
	Epoch               uint64
	LeaderScheduleEpoch uint64
	Time                int64 // unix seconds, the validators' estimate
}

// DecodeClock reads the Clock sysvar. Errors are of kind layout.
func DecodeClock(data []byte) (Clock, error) {
	if len(data) != ClockSize {
		return Clock{}, sdk.Errorf(sdk.KindLayout, "clock sysvar has %d bytes, want %d", len(data), ClockSize)
	}
	var k Clock
	c := Decoding("clock sysvar", data)
	k.layout(c)
	return k, c.Err()
}

// Encode writes the Clock sysvar's 40 bytes.
func (k Clock) Encode() []byte {
	c := Encoding("clock sysvar", ClockSize)
	k.layout(c)
	return c.Bytes()
}

func (k *Clock) layout(c *Codec) {
	c.U64("slot", &k.Slot)
	c.I64("epoch_start_timestamp", &k.EpochStart)
	c.U64("epoch", &k.Epoch)
	c.U64("leader_schedule_epoch", &k.LeaderScheduleEpoch)
	c.I64("unix_timestamp", &k.Time)
}

// EpochSchedule is the EpochSchedule sysvar: how many slots an epoch has.
type EpochSchedule = sysvar.EpochSchedule

// DecodeEpochSchedule reads the EpochSchedule sysvar. Errors are of kind layout.
func DecodeEpochSchedule(data []byte) (EpochSchedule, error) {
	var s EpochSchedule
	if len(data) != sysvar.EpochScheduleSize {
		return s, sdk.Errorf(sdk.KindLayout, "epoch schedule sysvar has %d bytes, want %d", len(data), sysvar.EpochScheduleSize)
	}
	if err := s.UnmarshalBinary(data); err != nil {
		return s, sdk.Errorf(sdk.KindLayout, "epoch schedule sysvar: %w", err)
	}
	return s, nil
}

// EncodeEpochSchedule writes the EpochSchedule sysvar's 33 bytes.
func EncodeEpochSchedule(s EpochSchedule) []byte {
	b, err := s.MarshalBinary()
	if err != nil { // a fixed-size struct written to memory
		panic(err)
	}
	return b
}

// Schedule returns the cluster's epoch schedule. ok is false when the snapshot
// could not read it, or when it makes no sense.
func (s *Snapshot) Schedule() (schedule EpochSchedule, ok bool) {
	if s.schedule == nil || s.schedule.SlotsPerEpoch == 0 {
		return EpochSchedule{}, false
	}
	return *s.schedule, true
}

// EpochLeft estimates the time until the running epoch ends, and how long the
// whole epoch takes, from the pace of the epoch so far: seconds since its start
// over slots since its start, both of the snapshot's own bank. ok is false when
// that is not knowable: the schedule was not readable, or less than a hundredth
// of the epoch has passed, too little for a pace.
func (s *Snapshot) EpochLeft() (left, whole time.Duration, ok bool) {
	if s.schedule == nil {
		return 0, 0, false
	}
	first := s.schedule.GetFirstSlotInEpoch(s.Clock.Epoch)
	slots := s.schedule.GetSlotsInEpoch(s.Clock.Epoch)
	elapsed := s.Clock.Time - s.Clock.EpochStart
	if s.Clock.Slot < first || elapsed <= 0 {
		return 0, 0, false
	}
	done := s.Clock.Slot - first
	// Bounds keep the products below in range; they are far beyond any cluster.
	if slots == 0 || slots > 1<<32 || elapsed > 1<<26 || done >= slots || done < max(slots/100, 1) {
		return 0, 0, false
	}
	pace := func(n uint64) time.Duration {
		return time.Duration(n*uint64(elapsed)/done) * time.Second
	}
	return pace(slots - done), pace(slots), true
}
