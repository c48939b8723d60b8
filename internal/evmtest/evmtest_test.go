package evmtest_test

import (
	"context"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/evmtest"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

var (
	total   = evm.MustMethod("total() returns (uint256)")
	pair    = evm.MustMethod("pair(uint256) returns (int256,address)")
	name    = evm.MustMethod("name() returns (string)")
	target  = evm.MustAddress("0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84")
	nowhere = evm.MustAddress("0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0")
	start   = time.Date(2022, 4, 1, 0, 0, 0, 0, time.UTC)
)

func TestAnAnswerBelongsToTheBlockItWasTaughtAfter(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]uint64{"with Multicall3": 15_000_000, "without Multicall3": 12_000_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chain := evmtest.Start(t, evmtest.Options{Before: before, Time: start})
			first := chain.Mine(start.Add(12 * time.Second))
			chain.Answer(total.At(target), 5)
			chain.Answer(pair.At(target, 7), big.NewInt(-3), target)
			second := chain.Mine(start.Add(24 * time.Second))
			chain.Answer(total.At(target), 6)
			chain.RevertWith(pair.At(target, 7), "PAUSED")
			chain.Mine(start.Add(36 * time.Second))

			if first.Height != before+1 || !first.Time.Equal(start.Add(12*time.Second)) {
				t.Errorf("first block is %d at %s", first.Height, first.Time)
			}
			client, err := evm.Dial(context.Background(), chain.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			snaps := client.Read(context.Background(), []sdk.Anchor{first, second}, func(sdk.Anchor) []evm.Call {
				return []evm.Call{total.At(target), pair.At(target, 7), pair.At(target, 8), total.At(nowhere)}
			})
			for i, want := range []int64{5, 6} {
				if got, err := snaps[i].Get(total.At(target)).Int(0); err != nil || got.Int64() != want {
					t.Errorf("block %d: total is %v, %v, want %d", i, got, err, want)
				}
				if err := snaps[i].Get(pair.At(target, 8)).Err; err == nil || !strings.Contains(err.Error(), "reverted") {
					t.Errorf("untaught call: %v", err)
				}
				if err := snaps[i].Get(total.At(nowhere)).Err; err == nil || !strings.Contains(err.Error(), "no contract") {
					t.Errorf("address without code: %v", err)
				}
			}
			got := snaps[0].Get(pair.At(target, 7))
			if n, err := got.Int(0); err != nil || n.Int64() != -3 {
				t.Errorf("signed word is %v, %v", n, err)
			}
			if a, err := got.Address(1); err != nil || a != target {
				t.Errorf("address is %v, %v", a, err)
			}
			if err := snaps[1].Get(pair.At(target, 7)).Err; err == nil || !strings.Contains(err.Error(), "PAUSED") {
				t.Errorf("taught revert: %v", err)
			}
		})
	}
}

func TestStringsAndForgetting(t *testing.T) {
	t.Parallel()
	chain := evmtest.Start(t, evmtest.Options{Before: 15_000_000, Time: start})
	first := chain.Mine(start.Add(12 * time.Second))
	long := strings.Repeat("liquid staking ", 9)
	chain.AnswerString(name.At(target), long)
	second := chain.Mine(start.Add(24 * time.Second))
	chain.Forget(name.At(target))
	client, err := evm.Dial(context.Background(), chain.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	snaps := client.Read(context.Background(), []sdk.Anchor{first, second}, func(sdk.Anchor) []evm.Call {
		return []evm.Call{name.At(target)}
	})
	if got, err := snaps[0].Get(name.At(target)).Text(0); err != nil || got != long {
		t.Errorf("text is %q, %v", got, err)
	}
	if !snaps[1].Get(name.At(target)).Absent() {
		t.Error("a forgotten call still answers")
	}
}
