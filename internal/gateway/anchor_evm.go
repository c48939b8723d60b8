package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// finalizedParams asks for the newest final block.
var finalizedParams = json.RawMessage(`["finalized",false]`)

// roundCeiling ends a search that a lying endpoint keeps from converging. Every
// second round halves the bracket, so an honest chain never gets near it.
const roundCeiling = 160

// evm finds the last block at or before each tick. Blocks after the newest final one
// may still be replaced, so an anchor among them is provisional.
func (s *search) evm(ctx context.Context) {
	final := &s.c.headers
	final.trim()
	newest := slices.MaxFunc(s.ticks, time.Time.Compare).Unix()
	head, known := final.newest()
	if !known || head.time < newest {
		fresh, err := s.block(ctx, "finalized")
		if err == nil {
			err = s.keep(final, fresh)
		}
		if err != nil {
			s.failAll(fmt.Errorf("chain %s: ask for the finalised block: %w", s.c.ID, err))
			return
		}
		if !known || fresh.number > head.number { // else a lagging node answered
			head = fresh
		}
	}
	var old, young []int
	for i, tick := range s.ticks {
		if tick.Unix() <= head.time {
			old = append(old, i)
		} else {
			young = append(young, i)
		}
	}
	s.narrow(ctx, old, final, head)
	if s.c.Verify == 2 {
		s.second(ctx, old)
	}
	if len(young) > 0 {
		s.young(ctx, young, head)
	}
}

// young finds the anchors of ticks that are not final yet. What it learns of the
// chain is forgotten afterwards.
func (s *search) young(ctx context.Context, open []int, final header) {
	latest, err := s.block(ctx, "latest")
	seen := &headers{keepRaw: s.g.recorder != nil}
	for _, h := range []header{final, latest} {
		if err == nil && latest.number > final.number {
			err = s.keep(seen, h)
		}
	}
	if err != nil {
		for _, i := range open {
			s.errs[i] = fmt.Errorf("%s: ask for the newest block: %w", s.describeTick(i), err)
		}
		return
	}
	if latest.number <= final.number { // a lagging node answered
		latest = final
	}
	s.narrow(ctx, open, seen, latest)
	for _, i := range open {
		if s.errs[i] != nil || s.anchors[i].Height <= final.number {
			continue
		}
		s.anchors[i].Finality = sdk.Provisional
		if final.raw != nil { // shows a replay that the anchor was not final
			s.proof[i] = append(s.proof[i], exchange{Method: "eth_getBlockByNumber", Params: finalizedParams, Result: final.raw, Endpoint: final.alias})
		}
	}
}

// narrow finds the last block at or before each of the open ticks among the blocks
// up to head.
//
// It is an interpolation search over all ticks at once. A block is the anchor
// when its successor is known to be later than the tick, so the result rests on
// two neighbouring headers and on no assumption about block times.
func (s *search) narrow(ctx context.Context, open []int, known *headers, head header) {
	for round := 0; len(open) > 0; round++ {
		budget := max(2, min(16, s.c.batchSize()/len(open)))
		want := map[uint64]bool{}
		asked := map[int][]uint64{}
		next := open[:0:0]
		for _, i := range open {
			t := s.ticks[i].Unix()
			if t >= head.time {
				s.atHead(i, head)
				continue
			}
			lo, hi := known.bracket(t)
			if hi == nil { // trimmed by another search; the head is still later
				hi = &head
			}
			if s.settled(i, lo, hi) {
				continue
			}
			asked[i] = probes(lo, *hi, t, int64(s.c.BlockTime/time.Second), budget, round)
			for _, n := range asked[i] {
				want[n] = true
			}
			next = append(next, i)
		}
		if open = next; len(open) == 0 {
			break
		}
		if round == roundCeiling {
			for _, i := range open {
				s.errs[i] = sdk.Errorf(sdk.KindTransient, "%s: the search for its block does not end; the endpoint's blocks contradict each other", s.describeTick(i))
			}
			return
		}
		failed := s.fetch(ctx, known, want)
		next = open[:0:0]
		for _, i := range open {
			for _, n := range asked[i] {
				if err := failed[n]; err != nil && s.errs[i] == nil {
					s.errs[i] = fmt.Errorf("%s: find its block: %w", s.describeTick(i), err)
				}
			}
			if s.errs[i] == nil {
				next = append(next, i)
			}
		}
		open = next
	}
}

// settled ends a tick whose bracket leaves no unknown block.
func (s *search) settled(i int, lo, hi *header) bool {
	switch {
	case lo != nil && hi.number-lo.number == 1:
		s.found(i, *lo, *hi)
	case lo == nil && hi.number == 0:
		s.errs[i] = sdk.Errorf(sdk.KindNoData, "%s: the chain begins at %s", s.describeTick(i), time.Unix(hi.time, 0).UTC().Format(time.RFC3339))
	default:
		return false
	}
	return true
}

// atHead settles a tick at or after the newest block. A tick that the chain has not
// reached has no block yet.
func (s *search) atHead(i int, head header) {
	if behind := s.ticks[i].Sub(time.Unix(head.time, 0)); behind > s.g.opts.AnchorGrace {
		s.errs[i] = sdk.Errorf(sdk.KindTransient, "%s: the newest block, %d, is of %s, %s before it; try again later",
			s.describeTick(i), head.number, time.Unix(head.time, 0).UTC().Format(time.RFC3339), behind.Round(time.Second))
		return
	}
	s.found(i, head)
}

// block asks for the block with a tag, finalized or latest.
func (s *search) block(ctx context.Context, tag string) (header, error) {
	return s.header(s.c.run(ctx, []call{{method: "eth_getBlockByNumber", params: json.RawMessage(`["` + tag + `",false]`)}}, demand{})[0])
}

// header reads a reply as a block.
func (s *search) header(r reply) (header, error) {
	switch {
	case r.fail != nil:
		return header{}, r.fail
	case r.rpc != nil:
		return header{}, sdk.Errorf(sdk.KindConfig, "endpoint %q: json-rpc error %d: %s", r.alias, r.rpc.Code, shorten(r.rpc.Message, 160))
	case string(r.result) == "null":
		return header{}, sdk.Errorf(sdk.KindTransient, "endpoint %q does not have the block", r.alias)
	}
	h, err := parseHeader(r.result)
	if err != nil {
		return header{}, fmt.Errorf("endpoint %q: %w", r.alias, err)
	}
	h.alias, h.raw = r.alias, r.result
	return h, nil
}

// keep notes a block. Final blocks that contradict each other are two chains; a block
// that is not final may have been replaced meanwhile.
func (s *search) keep(known *headers, h header) error {
	err := known.add(h)
	switch {
	case err == nil:
		return nil
	case known == &s.c.headers:
		return sdk.Errorf(KindDisagreement, "final blocks contradict each other: %w", err)
	}
	return sdk.Errorf(sdk.KindTransient, "the chain has changed its newest blocks while they were read: %w", err)
}

// fetch asks for blocks in one go and notes them; it returns what went wrong.
func (s *search) fetch(ctx context.Context, known *headers, want map[uint64]bool) map[uint64]error {
	numbers := make([]uint64, 0, len(want))
	for n := range want {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	calls := make([]call, len(numbers))
	for k, n := range numbers {
		calls[k] = call{method: "eth_getBlockByNumber", params: blockParams(n)}
	}
	replies := s.c.run(ctx, calls, demand{})
	for k, r := range replies { // a node behind the others says null: ask elsewhere
		if string(r.result) == "null" && len(s.c.endpoints) > 1 {
			replies[k] = s.c.run(ctx, calls[k:k+1], demand{exclude: r.alias})[0]
		}
	}
	failed := map[uint64]error{}
	for k, r := range replies {
		n := numbers[k]
		h, err := s.header(r)
		if err == nil && h.number != n {
			err = sdk.Errorf(sdk.KindIdentity, "endpoint %q answered block %d for block %d", r.alias, h.number, n)
		}
		if err == nil {
			err = s.keep(known, h)
		}
		if err != nil {
			failed[n] = fmt.Errorf("block %d: %w", n, err)
		}
	}
	return failed
}

// second asks another endpoint for every final anchor found and refuses those it
// knows by another hash. Before finality two honest nodes may differ; the tick is
// read again, and then verified.
func (s *search) second(ctx context.Context, ticks []int) {
	byNumber := map[uint64][]int{}
	for _, i := range ticks {
		if s.errs[i] == nil {
			byNumber[s.anchors[i].Height] = append(byNumber[s.anchors[i].Height], i)
		}
	}
	var calls []call
	var replies []reply
	var numbers []uint64
	for n, ticks := range byNumber {
		a := s.anchors[ticks[0]]
		lo, _ := s.c.headers.bracket(a.Time.Unix())
		if lo == nil || lo.number != n { // trimmed by another search
			for _, i := range ticks {
				s.errs[i] = sdk.Errorf(sdk.KindTransient, "%s: who answered for its block is forgotten; try again", s.describeTick(i))
			}
			continue
		}
		numbers = append(numbers, n)
		calls = append(calls, call{method: "eth_getBlockByNumber", params: blockParams(n)})
		replies = append(replies, reply{result: json.RawMessage(`{"hash":"` + a.Hash + `"}`), alias: lo.alias})
	}
	s.c.verify(ctx, calls, replies, demand{})
	for k, r := range replies {
		if r.fail != nil {
			for _, i := range byNumber[numbers[k]] {
				s.errs[i] = fmt.Errorf("%s: its anchor: %w", s.describeTick(i), r.fail)
			}
		}
	}
}

// probes chooses the blocks to ask for next: all that are left when they are
// few, else a guess, its successor, and blocks at growing distance on both
// sides, which catch the tick however wrong the guess is.
//
// lo may be nil (nothing known before t), slot is the least time between two
// blocks in seconds. The result is ascending, not empty, and strictly between.
func probes(lo *header, hi header, t, slot int64, budget, round int) []uint64 {
	floor := int64(-1)
	if lo != nil {
		floor = int64(lo.number)
	}
	top := int64(hi.number)
	picked := map[int64]bool{}
	pick := func(n int64) {
		if n > floor && n < top && len(picked) < budget {
			picked[n] = true
		}
	}
	if top-floor-1 <= int64(budget) {
		for n := floor + 1; n < top; n++ {
			pick(n)
		}
	} else {
		g := guess(lo, hi, t, slot)
		g = min(max(g, floor+1), top-1)
		pick(g)
		if round%2 == 1 && round > 2 {
			pick(floor + (top-floor)/2)
		}
		if lo == nil && round > 0 {
			pick(0)
		}
		pick(g + 1)
		for d := int64(1); d < top-floor && len(picked) < budget; d *= 4 {
			pick(g + 1 + d)
			pick(g - d)
		}
	}
	out := make([]uint64, 0, len(picked))
	for n := range picked {
		out = append(out, uint64(n))
	}
	slices.Sort(out)
	return out
}

// guess estimates the last block at or before t. Blocks come every slot, except
// that some slots are empty; inside a bracket the empty ones are taken to be
// spread evenly, which also fits chains with irregular times.
func guess(lo *header, hi header, t, slot int64) int64 {
	if lo == nil {
		return int64(hi.number) - max(1, (hi.time-t+slot-1)/slot)
	}
	span := max(1, (hi.time-lo.time)/slot)
	empty := span - int64(hi.number-lo.number)
	past := (t - lo.time) / slot
	spread := empty * past / span
	if rest := empty * past % span; 2*rest >= span {
		spread++
	}
	return int64(lo.number) + past - spread
}
