package main

import (
	"math/big"
	"strconv"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

const (
	// frame is how often the oracle reports and the queue is served.
	frame = 24 * time.Hour
	// margin is how old a request must be at the report's slot to be served by it.
	margin = 7680 * time.Second
)

// quoteSizes are the amounts exit quotes are made for, in whole ether.
var quoteSizes = []int64{1, 10, 100, 1000, 10000}

func integer(n int) *big.Int { return big.NewInt(int64(n)) }

// withdrawals emits the state of the queue and what leaving through it gives.
func (b *steth) withdrawals() {
	at := b.parts.queue
	queue := b.Get(unfinalizedStETH.At(at)).Number(0, 18)
	stopped := b.Get(isPaused.At(at)).Number(0, 0)
	bunker := b.Get(isBunkerModeActive.At(at)).Number(0, 0)

	b.rows.Add(sdk.QueueNative, queue)
	b.rows.Add(sdk.QueueRequests, b.Get(unfinalizedRequestNumber.At(at)).Number(0, 0))
	b.rows.Add(sdk.ClaimableNative, b.Get(getLockedEtherAmount.At(at)).Number(0, 18))
	b.rows.Add(sdk.WithdrawalsPaused, stopped)
	b.rows.Add(sdk.BunkerMode, bunker)
	b.rows.Add(sdk.WithdrawMinNative, b.Get(minWithdrawal.At(at)).Number(0, 18))
	b.rows.Add(sdk.WithdrawMaxNative, b.Get(maxWithdrawal.At(at)).Number(0, 18))

	for _, size := range quoteSizes {
		b.quote(size, queue, stopped, bunker)
	}
}

// quote says what the queue pays for stETH worth size ether: the same amount,
// if nothing is slashed while it waits. How long that takes is known only where
// idle ether covers the whole queue; otherwise it depends on validators' exits,
// which the execution layer cannot tell.
func (b *steth) quote(size int64, queue, stopped, bunker evm.Number) {
	out := evm.Number{Value: new(big.Int).Mul(big.NewInt(size), e18), Decimals: 18, Quality: sdk.QualityOK, Source: queue.Source}
	labels := []string{sdk.LabelRoute, "queue", sdk.LabelSize, strconv.FormatInt(size, 10)}
	switch {
	case stopped.Err != nil:
		out.Err = stopped.Err
	case stopped.Value.Sign() != 0:
		out = evm.Unknown(stopped.Source, "withdrawals are paused")
	case b.covered(out, queue, bunker):
		labels = append(labels, sdk.LabelWait, strconv.FormatInt(int64(b.nextReport()/time.Second), 10))
		out = out.Marked(sdk.QualityEstimated, "the wait supposes that the next report in time serves the request from idle ether")
	}
	b.rows.Add(sdk.ExitQuote, out, labels...)
}

// covered reports whether ether that is not reserved for anything pays the queue
// and the request behind it.
func (b *steth) covered(request, queue, bunker evm.Number) bool {
	idle := b.ether(getBufferedEther, 0)
	if b.era >= srv3 {
		idle = idle.Minus(b.ether(getDepositsReserve, 0))
	}
	need := queue.Plus(request)
	return idle.Err == nil && need.Err == nil && bunker.Err == nil && bunker.Value.Sign() == 0 &&
		!b.refTime.IsZero() && idle.Value.Cmp(need.Value) >= 0
}

// nextReport is how long it is to the first report that can serve a request made
// now.
func (b *steth) nextReport() time.Duration {
	next := b.refTime
	for next.Before(b.Anchor.Time.Add(margin)) {
		next = next.Add(frame)
	}
	return next.Sub(b.Anchor.Time)
}
