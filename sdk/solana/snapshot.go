package solana

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// MaxKeys is how many accounts one Snapshot can hold: the node's limit of 100
// less the two sysvars. Accounts that belong together must share a snapshot, so
// it is the caller who divides longer lists.
const MaxKeys = 98

// snapshotMethod is the only method observations come from.
const snapshotMethod = "getMultipleAccounts"

// maxClockLag is how far the Clock may lie behind the slot the node names. In one
// bank they are equal; some providers answer accounts from a store that trails.
const maxClockLag = 300

// Account is one account as the node gave it.
type Account struct {
	Owner    PublicKey
	Lamports uint64
	Data     []byte // the whole account, or its first bytes in Heads
}

// Snapshot is a set of accounts of one bank.
type Snapshot struct {
	Slot  uint64
	Clock Clock
	// Digest is the SHA-256, in hex, of the raw JSON-RPC result.
	Digest string

	accounts map[PublicKey]*Account
	schedule *EpochSchedule
}

// Snapshot reads the accounts, at most MaxKeys, in one getMultipleAccounts at
// commitment finalized, not older than the anchor. A missing account is not an
// error here; see Account.
func (c *Client) Snapshot(ctx context.Context, anchor sdk.Anchor, keys ...PublicKey) (*Snapshot, error) {
	return c.snapshot(ctx, anchor, nil, keys)
}

// Heads is Snapshot of only the first 40 bytes of every account, for counts in
// front of long lists.
func (c *Client) Heads(ctx context.Context, anchor sdk.Anchor, keys ...PublicKey) (*Snapshot, error) {
	// 40 bytes, because the node applies one slice to all keys and the Clock needs 40.
	return c.snapshot(ctx, anchor, &dataSlice{Length: ClockSize}, keys)
}

type dataSlice struct {
	Offset uint64 `json:"offset"`
	Length uint64 `json:"length"`
}

type accountsConfig struct {
	Encoding       string     `json:"encoding"`
	Commitment     string     `json:"commitment"`
	MinContextSlot uint64     `json:"minContextSlot,omitempty"`
	DataSlice      *dataSlice `json:"dataSlice,omitempty"`
}

func (c *Client) snapshot(ctx context.Context, anchor sdk.Anchor, slice *dataSlice, keys []PublicKey) (*Snapshot, error) {
	if len(keys) > MaxKeys {
		return nil, sdk.Errorf(sdk.KindInternal, "a snapshot of %d accounts was asked for; a node gives at most %d at once", len(keys), MaxKeys)
	}
	all := append(append(make([]PublicKey, 0, len(keys)+2), keys...), ClockKey, EpochScheduleKey)
	result, err := c.Call(ctx, snapshotMethod, all, accountsConfig{
		Encoding: "base64", Commitment: "finalized", MinContextSlot: anchor.Height, DataSlice: slice,
	})
	if err != nil {
		return nil, err
	}
	s, err := parseSnapshot(all, result)
	if err != nil {
		return nil, err
	}
	if s.Slot < anchor.Height {
		return nil, sdk.Errorf(sdk.KindTransient, "the node answered for slot %d, before the anchor's slot %d", s.Slot, anchor.Height)
	}
	return s, nil
}

// accountsResult is the result's shape. rentEpoch is left out on purpose: some
// providers round it to 18446744073709552000, which no integer type holds.
type accountsResult struct {
	Context struct {
		Slot uint64 `json:"slot"`
	} `json:"context"`
	Value []*struct {
		Data     []string  `json:"data"`
		Owner    PublicKey `json:"owner"`
		Lamports *uint64   `json:"lamports"`
	} `json:"value"`
}

func parseSnapshot(keys []PublicKey, result json.RawMessage) (*Snapshot, error) {
	var r accountsResult
	if err := json.Unmarshal(result, &r); err != nil {
		return nil, sdk.Errorf(sdk.KindLayout, "%s: the result has an unknown shape: %w", snapshotMethod, err)
	}
	if len(r.Value) != len(keys) {
		return nil, sdk.Errorf(sdk.KindLayout, "%s: %d accounts came for %d keys", snapshotMethod, len(r.Value), len(keys))
	}
	sum := sha256.Sum256(result)
	s := &Snapshot{Slot: r.Context.Slot, Digest: hex.EncodeToString(sum[:]), accounts: make(map[PublicKey]*Account, len(keys))}
	for i, v := range r.Value {
		if v == nil {
			continue
		}
		if len(v.Data) != 2 || v.Data[1] != "base64" || v.Lamports == nil {
			return nil, sdk.Errorf(sdk.KindLayout, "%s: account %s did not come as base64 data with lamports", snapshotMethod, keys[i])
		}
		data, err := base64.StdEncoding.DecodeString(v.Data[0])
		if err != nil {
			return nil, sdk.Errorf(sdk.KindLayout, "%s: account %s: %w", snapshotMethod, keys[i], err)
		}
		s.accounts[keys[i]] = &Account{Owner: v.Owner, Lamports: *v.Lamports, Data: data}
	}
	return s, s.readSysvars()
}

func (s *Snapshot) readSysvars() error {
	clock, err := s.Owned(ClockKey, SysvarProgram)
	if err != nil {
		return err
	}
	if s.Clock, err = DecodeClock(clock.Data); err != nil {
		return err
	}
	if s.Clock.Slot > s.Slot || s.Slot-s.Clock.Slot > maxClockLag {
		return sdk.Errorf(sdk.KindTransient, "the node answered for slot %d but its clock says %d", s.Slot, s.Clock.Slot)
	}
	if s.Clock.Time <= 0 || s.Clock.EpochStart > s.Clock.Time {
		return sdk.Errorf(sdk.KindLayout, "clock sysvar: time %d and epoch start %d can not be", s.Clock.Time, s.Clock.EpochStart)
	}
	// The schedule only serves estimates, so its absence is no error.
	if a, err := s.Owned(EpochScheduleKey, SysvarProgram); err == nil {
		if schedule, err := DecodeEpochSchedule(a.Data); err == nil {
			s.schedule = &schedule
		}
	}
	return nil
}

// Account returns the account, or an error of kind no_data that names it when
// it does not exist.
func (s *Snapshot) Account(key PublicKey) (*Account, error) {
	a, ok := s.accounts[key]
	if !ok {
		return nil, sdk.Errorf(sdk.KindNoData, "account %s does not exist at slot %d", key, s.Slot)
	}
	return a, nil
}

// Owned is Account of a program's account; another owner is an error of kind
// identity.
func (s *Snapshot) Owned(key PublicKey, owners ...PublicKey) (*Account, error) {
	a, err := s.Account(key)
	if err != nil {
		return nil, err
	}
	for _, o := range owners {
		if a.Owner == o {
			return a, nil
		}
	}
	return nil, sdk.Errorf(sdk.KindIdentity, "account %s belongs to program %s, not to %s; do not use it before that is explained", key, a.Owner, owners[0])
}

// Mint reads the mint at key and checks that it belongs to a token program and
// counts in units of 10^-decimals.
func (s *Snapshot) Mint(key PublicKey, decimals uint8) (Mint, error) {
	a, err := s.Owned(key, TokenProgram, Token2022Program)
	if err != nil {
		return Mint{}, err
	}
	m, err := DecodeMint(a.Data)
	if err != nil {
		return Mint{}, err
	}
	if m.Decimals != decimals {
		return Mint{}, sdk.Errorf(sdk.KindIdentity, "mint %s has %d decimals, want %d", key, m.Decimals, decimals)
	}
	return m, nil
}

// Position is where the snapshot was read.
func (s *Snapshot) Position() sdk.Position {
	return sdk.Position{
		Height: s.Slot, Time: time.Unix(s.Clock.Time, 0).UTC(),
		Epoch: s.Clock.Epoch, EpochStart: time.Unix(s.Clock.EpochStart, 0).UTC(),
	}
}

// Newest returns the index of the only anchor of the request that can be read:
// the last. It reports the others as unrecoverable, because a Solana node keeps
// no past state.
func Newest(req sdk.Request, sink sdk.Sink) (int, error) {
	last := len(req.Anchors) - 1
	if last < 0 {
		return 0, sdk.Errorf(sdk.KindInternal, "the request has no anchor")
	}
	for i := range last {
		if err := sink.Fail(sdk.Failure{
			Anchor: i, Kind: sdk.KindUnrecoverable,
			Message: "a solana node keeps no past state, only the newest anchor of a request can be read",
		}); err != nil {
			return 0, err
		}
	}
	return last, nil
}
