package gateway

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

const (
	clockAddress = "SysvarC1ock11111111111111111111111111111111"
	sysvarOwner  = "Sysvar1111111111111111111111111111111111111"
	clockLength  = 40
)

// clockCall reads the Clock sysvar of the newest finalised bank.
var clockCall = call{method: "getMultipleAccounts",
	params: json.RawMessage(`[["` + clockAddress + `"],{"commitment":"finalized","encoding":"base64"}]`)}

// solana answers every tick near now with the newest finalised slot. The state
// of the past cannot be read, so an older tick is lost unless it is recorded.
func (s *search) solana(ctx context.Context) {
	if s.g.player != nil {
		for i := range s.ticks {
			r := s.g.player.one(s.c, s.place(i), clockCall)
			s.clock(i, r)
		}
		return
	}
	near := s.near(s.g.opts.Now())
	if len(near) == 0 {
		return
	}
	r := s.c.run(ctx, []call{clockCall}, demand{})[0]
	for _, i := range near {
		if s.clock(i, r); s.errs[i] == nil {
			s.stand(i)
		}
	}
}

// clock settles a tick with the Clock account of a reply.
func (s *search) clock(i int, r reply) {
	var a sdk.Anchor
	err := r.fail
	switch {
	case err != nil:
	case r.rpc != nil:
		err = sdk.Errorf(sdk.KindTransient, "endpoint %q: json-rpc error %d: %s", r.alias, r.rpc.Code, shorten(r.rpc.Message, 160))
	default:
		if a, err = parseClock(r.result); err != nil {
			err = fmt.Errorf("endpoint %q: %w", r.alias, err)
		}
	}
	if err != nil {
		s.errs[i] = fmt.Errorf("%s: read the clock: %w", s.describeTick(i), err)
		return
	}
	a.Chain, a.Tick = s.c.ID, s.ticks[i].UTC()
	s.anchors[i] = a
	if s.g.recorder != nil {
		params, err := canonical(Solana, clockCall.params)
		if err == nil { // a constant
			s.proof[i] = []exchange{{Method: clockCall.method, Params: params, Result: r.result, Endpoint: r.alias}}
		}
	}
}

// parseClock reads the slot from the context and the times from the account:
// slot u64, epoch start i64, epoch u64, leader schedule epoch u64, time i64.
func parseClock(result json.RawMessage) (sdk.Anchor, error) {
	var res struct {
		Context struct{ Slot uint64 }
		Value   []*struct {
			Owner string
			Data  []string
		}
	}
	if err := json.Unmarshal(result, &res); err != nil {
		return sdk.Anchor{}, sdk.Errorf(sdk.KindLayout, "the answer to getMultipleAccounts has an unknown shape")
	}
	if len(res.Value) != 1 || res.Value[0] == nil || res.Context.Slot == 0 {
		return sdk.Anchor{}, sdk.Errorf(sdk.KindIdentity, "there is no Clock account: is this a Solana endpoint?")
	}
	acc := res.Value[0]
	if acc.Owner != sysvarOwner {
		return sdk.Anchor{}, sdk.Errorf(sdk.KindIdentity, "the Clock account belongs to %q, want %s", shorten(acc.Owner, 64), sysvarOwner)
	}
	if len(acc.Data) != 2 || acc.Data[1] != "base64" {
		return sdk.Anchor{}, sdk.Errorf(sdk.KindLayout, "the Clock account is not base64")
	}
	b, err := base64.StdEncoding.DecodeString(acc.Data[0])
	if err != nil || len(b) != clockLength {
		return sdk.Anchor{}, sdk.Errorf(sdk.KindLayout, "the Clock account has %d bytes, want %d", len(b), clockLength)
	}
	second := func(at int) time.Time { return time.Unix(int64(binary.LittleEndian.Uint64(b[at:])), 0).UTC() }
	return sdk.Anchor{Height: res.Context.Slot, Time: second(32), Finality: sdk.Finalized,
		Epoch: binary.LittleEndian.Uint64(b[16:]), EpochStart: second(8)}, nil
}
