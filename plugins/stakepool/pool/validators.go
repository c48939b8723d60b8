package pool

import (
	"math/bits"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// The layout of a validator list: a head, then records of fixed size, room for
// MaxValidators of them.
const (
	listHead   = 9
	recordSize = 73
)

// ListHead is the head of a validator list.
type ListHead struct {
	MaxValidators uint32
	Count         uint32
}

// DecodeListHead reads the head of a validator list; the first 9 bytes are enough.
// Errors are of kind layout.
func DecodeListHead(data []byte) (ListHead, error) {
	var h ListHead
	c := solana.Decoding("validator list", data)
	h.layout(c)
	if c.Err() == nil && h.Count > h.MaxValidators {
		c.Fail("count", "is %d, more than the list's room for %d", h.Count, h.MaxValidators)
	}
	return h, c.Err()
}

func (h *ListHead) layout(c *solana.Codec) {
	c.Const("account_type", typeValidatorList)
	c.U32("max_validators", &h.MaxValidators)
	c.U32("count", &h.Count)
}

// Validator is one record of a validator list. Amounts are lamports, the rent of
// the stake accounts included.
type Validator struct {
	ActiveStake         uint64
	TransientStake      uint64
	LastUpdateEpoch     uint64
	TransientSeedSuffix uint64
	Unused              uint32
	SeedSuffix          uint32
	Status              uint8 // 0 active, 1 deactivating transient, 2 ready for removal, 3 deactivating validator, 4 deactivating all
	Vote                solana.PublicKey
}

// List is a validator list.
type List struct {
	MaxValidators uint32
	Validators    []Validator
}

// DecodeList reads a whole validator list. Errors are of kind layout.
func DecodeList(data []byte) (List, error) {
	h, err := DecodeListHead(data)
	if err != nil {
		return List{}, err
	}
	if room := (len(data) - listHead) / recordSize; int64(h.Count) > int64(room) {
		return List{}, sdk.Errorf(sdk.KindLayout, "validator list: %d records do not fit into %d bytes", h.Count, len(data))
	}
	l := List{MaxValidators: h.MaxValidators, Validators: make([]Validator, h.Count)}
	c := solana.Decoding("validator list", data)
	h.layout(c)
	for i := range l.Validators {
		l.Validators[i].layout(c)
	}
	return l, c.Err()
}

// Encode writes the list with room for MaxValidators records, or for those it has
// if they are more.
func (l List) Encode() []byte {
	h := ListHead{MaxValidators: max(l.MaxValidators, uint32(len(l.Validators))), Count: uint32(len(l.Validators))}
	c := solana.Encoding("validator list", listHead+recordSize*int(h.MaxValidators))
	h.layout(c)
	for i := range l.Validators {
		l.Validators[i].layout(c)
	}
	return c.Bytes()
}

func (v *Validator) layout(c *solana.Codec) {
	c.U64("active_stake_lamports", &v.ActiveStake)
	c.U64("transient_stake_lamports", &v.TransientStake)
	c.U64("last_update_epoch", &v.LastUpdateEpoch)
	c.U64("transient_seed_suffix", &v.TransientSeedSuffix)
	c.U32("unused", &v.Unused)
	c.U32("validator_seed_suffix", &v.SeedSuffix)
	c.U8("status", &v.Status)
	c.Key("vote_account_address", &v.Vote)
}

// Stake is the stake of all validators, active and transient, in lamports. ok is
// false when a record is of another epoch than the given one, because then the
// sum is of no moment, or when it overflows.
func (l List) Stake(epoch uint64) (lamports uint64, ok bool) {
	for _, v := range l.Validators {
		if v.LastUpdateEpoch != epoch {
			return 0, false
		}
		for _, n := range [2]uint64{v.ActiveStake, v.TransientStake} {
			var carry uint64
			if lamports, carry = bits.Add64(lamports, n, 0); carry != 0 {
				return 0, false
			}
		}
	}
	return lamports, true
}

// Above counts the validators with more active stake than the given lamports.
func (l List) Above(lamports uint64) int {
	n := 0
	for _, v := range l.Validators {
		if v.ActiveStake > lamports {
			n++
		}
	}
	return n
}
