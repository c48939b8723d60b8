package main

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/plugins/stakepool/pool"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest/dumps"
)

// recorded reads one recorded pool, with the accounts recorded beside it, at the
// epoch of its last update.
func recorded(t *testing.T, all map[string]dumps.Dump, d dumps.Dump, o options) (*solanatest.Sink, target) {
	t.Helper()
	var x target
	for _, candidate := range New().(fetcher).targets {
		if candidate.pool == d.Key {
			x = candidate
		}
	}
	epoch, err := strconv.ParseUint(d.Text("last_update_epoch"), 10, 64)
	if err != nil || x.token == "" {
		t.Fatalf("pool %s: %v", d.Key, err)
	}
	s := epoch900()
	s.Slot, s.Clock.Epoch = epoch*432_000+216_000, epoch
	s.Accounts = map[solana.PublicKey]solanatest.Account{d.Key: d.Account}
	_, tag, _ := strings.Cut(d.File, ".")
	for file, a := range all {
		if strings.HasSuffix(file, "."+tag) {
			s.Accounts[a.Key] = a.Account
		}
	}
	sink, err := fetch(t, solanatest.NewNode(s), o, x.token)
	if err != nil || len(sink.Failures()) > 0 {
		t.Fatalf("%v, %+v", err, sink.Failures())
	}
	return sink, x
}

func TestRecordedPoolsComeOutExactlyThroughRPC(t *testing.T) {
	t.Parallel()
	all := dumps.Read(t, "")
	for file, d := range all {
		if d.Text("kind") != "spl_stake_pool" {
			continue
		}
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			sink, x := recorded(t, all, d, nil)
			for metric, want := range map[sdk.MetricID]string{sdk.BackingNative: d.Text("total_lamports"), sdk.LSTSupply: d.Text("pool_token_supply")} {
				if o, _ := sink.Find(x.token, metric); o.Value.String() != want {
					t.Errorf("%s is %s, want %s", metric, o.Value, want)
				}
			}
			for metric, want := range map[sdk.MetricID][2]string{
				sdk.ExchangeRateMetric: {d.Text("total_lamports"), d.Text("pool_token_supply")},
				sdk.ExchangeRateClosed: {d.Text("last_epoch_total_lamports"), d.Text("last_epoch_pool_token_supply")},
			} {
				o, _ := sink.Find(x.token, metric)
				if got := [2]string{fmt.Sprint(o.Value), fmt.Sprint(o.Divisor)}; got != want || o.Quality != sdk.QualityOK {
					t.Errorf("%s is %v, %s, want %v", metric, got, o.Quality, want)
				}
			}
			for metric, field := range map[sdk.MetricID]string{
				sdk.FeeRewardBPS: "epoch_fee", sdk.FeeDepositBPS: "sol_deposit_fee", sdk.FeeDepositStakeBPS: "stake_deposit_fee",
				sdk.FeeWithdrawBPS: "stake_withdrawal_fee", sdk.FeeInstantBPS: "sol_withdrawal_fee",
			} {
				fee := d.Decoded[field].([]any)
				want := "0"
				if fee[0] != "0" {
					n, _ := new(big.Rat).SetString(fee[0].(string) + "/" + fee[1].(string))
					want = n.Mul(n, big.NewRat(10_000, 1)).RatString()
				}
				if o, _ := sink.Find(x.token, metric); quantity(o) != want {
					t.Errorf("%s is %s, want %s", metric, quantity(o), want)
				}
			}
			closed := "0"
			if d.Decoded["sol_withdraw_authority"] != nil {
				closed = "1"
			}
			if o, _ := sink.Find(x.token, sdk.InstantClosed); quantity(o) != closed {
				t.Errorf("instant_closed is %s, want %s", quantity(o), closed)
			}
			if o, _ := sink.Find(x.token, sdk.DepositPermissioned); quantity(o) != "0" {
				t.Errorf("deposit_permissioned is %s", quantity(o))
			}
		})
	}
}

// Accounts recorded together with their pool: the mint, what the reserve holds
// above its rent, and the number of validators.
func TestRecordedSideAccountsComeOutExactly(t *testing.T) {
	t.Parallel()
	all := dumps.Read(t, "")
	for file, want := range map[string]map[sdk.MetricID]string{
		"Jito4APyf642JPZPx3hGc6WWJ8zPKtRbRs4P815Awbb.S-a7a1db6.json": {
			sdk.LSTSupplyMint: "6183351637877350"},
		"Jito4APyf642JPZPx3hGc6WWJ8zPKtRbRs4P815Awbb.glam-c8d181a.json": {
			sdk.LSTSupplyMint: "10404500738192128", sdk.InstantCapacityNative: "19584844481717"},
		"stk9ApL5HeVAwPLr3TLhDXdZS8ptVu7zp6ov8HFDuMi.routersdk-1b38837.json": {
			sdk.LSTSupplyMint: "934784720564216", sdk.InstantCapacityNative: "4913028345524", sdk.Validators: "1177"},
		"ArAQfbzsdotoKB5jJcZa3ajQrrPcWr2YQoDAEAiFxJAC.glam-c8d181a.json": {
			sdk.LSTSupplyMint: "318060026090115", sdk.InstantCapacityNative: "0", sdk.Validators: "1"},
	} {
		sink, x := recorded(t, all, all[file], nil)
		for metric, value := range want {
			if o, _ := sink.Find(x.token, metric); o.Value == nil || o.Value.String() != value {
				t.Errorf("%s: %s is %v, want %s", file, metric, o.Value, value)
			}
		}
	}
}

// The stake by validator of a recorded list adds up to all of it but what idle
// validators hold, at most one SOL above rent each.
func TestRecordedOperatorsAddUpToTheList(t *testing.T) {
	t.Parallel()
	all := dumps.Read(t, "")
	sink, x := recorded(t, all, all["stk9ApL5HeVAwPLr3TLhDXdZS8ptVu7zp6ov8HFDuMi.routersdk-1b38837.json"], options{"validators": "full"})
	sum, seen := new(big.Int), map[string]bool{}
	for _, o := range sink.Rows(x.token) {
		if o.Metric == sdk.OperatorStake {
			sum.Add(sum, o.Value)
			seen[o.Labels[sdk.LabelOperator]] = true
		}
	}
	staked, _ := sink.Find(x.token, sdk.StakingNative)
	counted, _ := sink.Find(x.token, sdk.Validators)
	idle := new(big.Int).Sub(staked.Value, sum)
	most := new(big.Int).Mul(big.NewInt(idleValidator), big.NewInt(counted.Value.Int64()-int64(len(seen))))
	if len(seen) < 50 || idle.Sign() < 0 || idle.Cmp(most) > 0 {
		t.Errorf("%d operators run %s of %s lamports", len(seen), sum, staked.Value)
	}
}

// After an update a pool's total is the stake of its validators and the reserve
// above rent; what the reserve has beyond that are rewards not yet counted.
func TestRecordedPoolsAddUp(t *testing.T) {
	t.Parallel()
	all := dumps.Read(t, "")
	account := func(address, tag string) dumps.Dump {
		d, ok := all[address+"."+tag+".json"]
		if !ok {
			t.Fatalf("%s of %s is not recorded", address, tag)
		}
		return d
	}
	for _, c := range []struct {
		token   sdk.TokenID
		tag     string
		pending uint64 // lamports
	}{{"bsol", "routersdk-1b38837", 66_000_000}, {"bonksol", "glam-c8d181a", 11_070_000_000}} {
		x := find(t, c.token)
		p, err := pool.Decode(account(x.pool.String(), c.tag).Account.Data)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pool.DecodeList(account(x.validatorList.String(), c.tag).Account.Data)
		if err != nil {
			t.Fatal(err)
		}
		stake, ok := list.Stake(p.LastUpdateEpoch)
		if !ok {
			t.Fatalf("%s: the list is of another epoch", c.token)
		}
		held := stake + account(x.reserve.String(), c.tag).Account.Lamports - rent
		if held < p.TotalLamports || held-p.TotalLamports > c.pending+c.pending/50 || held-p.TotalLamports < c.pending-c.pending/50 {
			t.Errorf("%s holds %d, total_lamports is %d, want %d pending", c.token, held, p.TotalLamports, c.pending)
		}
	}
}
