package pool_test

import (
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/plugins/stakepool/pool"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest/dumps"
)

// TestFieldsStandAtTheOffsetsOfTheProgram writes fields by hand at the offsets the
// program's source gives them when no option is set.
func TestFieldsStandAtTheOffsetsOfTheProgram(t *testing.T) {
	t.Parallel()
	data := make([]byte, pool.Size)
	data[0] = 1
	for _, at := range []int{1, 33, 65, 98, 130, 162, 194, 226, 258, 266, 274, 282, 290, 298, 419, 427} {
		binary.LittleEndian.PutUint16(data[at:], uint16(at)) // each field holds its own offset
	}
	for _, at := range []int{330, 349, 365, 384, 402} { // denominator first
		binary.LittleEndian.PutUint16(data[at:], uint16(at))
		data[at+8] = 7
	}
	data[97], data[382], data[400] = 97, 82, 40
	p, err := pool.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	key := func(at uint16) (k solana.PublicKey) { binary.LittleEndian.PutUint16(k[:], at); return k }
	fee := func(at uint64) pool.Fee { return pool.Fee{Denominator: at, Numerator: 7} }
	want := pool.Pool{
		Manager: key(1), Staker: key(33), StakeDepositAuthority: key(65), StakeWithdrawBump: 97, ValidatorList: key(98),
		ReserveStake: key(130), PoolMint: key(162), ManagerFeeAccount: key(194), TokenProgram: key(226),
		TotalLamports: 258, PoolTokenSupply: 266, LastUpdateEpoch: 274, LockupTime: 282, LockupEpoch: 290, LockupCustodian: key(298),
		EpochFee: fee(330), StakeDepositFee: fee(349), StakeWithdrawalFee: fee(365), StakeReferralFee: 82,
		SOLDepositFee: fee(384), SOLReferralFee: 40, SOLWithdrawalFee: fee(402),
		LastEpochPoolTokens: 419, LastEpochTotalLamports: 427,
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.End() != 435 {
		t.Errorf("the fields end at %d, want 435", p.End())
	}
}

func drawPool(t *rapid.T) pool.Pool {
	n := 0
	label := func() string { n++; return strconv.Itoa(n) }
	u64 := func() uint64 { return rapid.Uint64().Draw(t, label()) }
	u8 := func() uint8 { return rapid.Uint8().Draw(t, label()) }
	key := func() (k solana.PublicKey) {
		copy(k[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label()))
		return k
	}
	option := func() *solana.PublicKey {
		if !rapid.Bool().Draw(t, label()) {
			return nil
		}
		k := key()
		return &k
	}
	fee := func() pool.Fee {
		den := u64()
		return pool.Fee{Denominator: den, Numerator: rapid.Uint64Range(0, den).Draw(t, label())}
	}
	future := func() pool.FutureFee {
		f := pool.FutureFee{Epochs: rapid.Uint8Range(0, 2).Draw(t, label())}
		if f.Epochs > 0 {
			f.Fee = fee()
		}
		return f
	}
	return pool.Pool{
		Manager: key(), Staker: key(), StakeDepositAuthority: key(), StakeWithdrawBump: u8(), ValidatorList: key(),
		ReserveStake: key(), PoolMint: key(), ManagerFeeAccount: key(), TokenProgram: key(),
		TotalLamports: u64(), PoolTokenSupply: u64(), LastUpdateEpoch: u64(), LockupTime: int64(u64()), LockupEpoch: u64(), LockupCustodian: key(),
		EpochFee: fee(), NextEpochFee: future(), PreferredDeposit: option(), PreferredWithdraw: option(),
		StakeDepositFee: fee(), StakeWithdrawalFee: fee(), NextStakeWithdrawalFee: future(), StakeReferralFee: u8(),
		SOLDepositAuthority: option(), SOLDepositFee: fee(), SOLReferralFee: u8(), SOLWithdrawAuthority: option(),
		SOLWithdrawalFee: fee(), NextSOLWithdrawalFee: future(), LastEpochPoolTokens: u64(), LastEpochTotalLamports: u64(),
	}
}

func TestDecodeReadsWhatEncodeWroteWhateverIsBehindIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawPool(t)
		data := in.Encode()
		for i := in.End(); i < len(data); i++ {
			data[i] = rapid.Byte().Draw(t, "garbage")
		}
		out, err := pool.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Fatalf("(-wrote +read):\n%s", diff)
		}
	})
}

func TestAPoolWithEveryOptionFillsTheAccount(t *testing.T) {
	t.Parallel()
	k := solana.StakeProgram
	next := pool.FutureFee{Epochs: 2}
	p := pool.Pool{
		NextEpochFee: next, NextStakeWithdrawalFee: next, NextSOLWithdrawalFee: next,
		PreferredDeposit: &k, PreferredWithdraw: &k, SOLDepositAuthority: &k, SOLWithdrawAuthority: &k,
	}
	if p.End() != pool.Size {
		t.Errorf("the fields end at %d, want %d", p.End(), pool.Size)
	}
}

func TestBytesThatAreNotAPoolAreRefused(t *testing.T) {
	t.Parallel()
	good := pool.Pool{}.Encode()
	with := func(at int, b byte) []byte {
		data := append([]byte(nil), good...)
		data[at] = b
		return data
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":                      {nil, "has 0 bytes, want 611"},
		"the program's old version":    {good[:529], "has 529 bytes, want 611"},
		"an account that is too long":  {append(append([]byte(nil), good...), 0), "has 612 bytes"},
		"an uninitialised pool":        {make([]byte, pool.Size), "account_type"},
		"a validator list":             {with(0, 2), "account_type"},
		"an option that is none":       {with(347, 9), "preferred_deposit_validator"},
		"an announced fee of no epoch": {with(346, 3), "next_epoch_fee"},
		"a fee above the whole":        {with(330, 1)[:611:611], ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.want == "" { // denominator 1, numerator 2
				c.data[338] = 2
				c.want = "is 2/1, more than the whole"
			}
			_, err := pool.Decode(c.data)
			if sdk.KindOf(err) != sdk.KindLayout || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestFeesAreRoundedUpAndValuesDown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPool(t)
		p.SOLWithdrawAuthority = nil
		size, available := rapid.Uint64().Draw(t, "size"), rapid.Uint64().Draw(t, "available")
		out, reason := p.InstantOut(size, available)
		if reason != "" {
			return
		}
		if out > size || out > available {
			t.Fatalf("the reserve pays %d for %d out of %d", out, size, available)
		}
		// The same in rational numbers: tokens, less the fee, at the rate.
		tokens, _ := p.Tokens(size)
		fee, ok := p.SOLWithdrawalFee.Apply(tokens)
		if !ok {
			t.Fatal("the fee overflows")
		}
		exact := new(big.Rat).SetFrac(new(big.Int).Mul(u(tokens-fee), u(p.TotalLamports)), u(p.PoolTokenSupply))
		if got := new(big.Rat).SetInt(u(out)); got.Cmp(exact) > 0 || new(big.Rat).Sub(exact, got).Cmp(big.NewRat(1, 1)) >= 0 {
			t.Fatalf("got %d, exactly %s", out, exact.FloatString(3))
		}
		if !p.SOLWithdrawalFee.IsZero() {
			share := new(big.Rat).SetFrac(new(big.Int).Mul(u(tokens), u(p.SOLWithdrawalFee.Numerator)), u(p.SOLWithdrawalFee.Denominator))
			if got := new(big.Rat).SetInt(u(fee)); got.Cmp(share) < 0 || new(big.Rat).Sub(got, share).Cmp(big.NewRat(1, 1)) >= 0 {
				t.Fatalf("fee is %d, exactly %s", fee, share.FloatString(3))
			}
		}
	})
}

func u(v uint64) *big.Int { return new(big.Int).SetUint64(v) }

func TestExitsThatCanNotBeSayWhy(t *testing.T) {
	t.Parallel()
	open := pool.Pool{TotalLamports: 2_000_000_000_000, PoolTokenSupply: 1_000_000_000_000}
	signed := open
	k := solana.SystemProgram
	signed.SOLWithdrawAuthority = &k
	for name, c := range map[string]struct {
		pool                  pool.Pool
		size, available, want uint64
		reason                string
	}{
		"an open pool":                  {open, 1_000_000_000, 1 << 40, 1_000_000_000, ""},
		"exactly what the reserve has":  {open, 1_000_000_000, 1_000_000_000, 1_000_000_000, ""},
		"one lamport more than it has":  {open, 1_000_000_000, 999_999_999, 0, "the reserve holds 999999999 lamports"},
		"a pool that needs a signature": {signed, 1_000_000_000, 1 << 40, 0, "need the signature of 1111"},
		"more than the whole pool":      {open, 3_000_000_000_000, 1 << 60, 0, "more than all pool tokens"},
		"a pool without tokens":         {pool.Pool{TotalLamports: 5}, 1, 1, 0, "no tokens in circulation"},
		"a pool without lamports":       {pool.Pool{PoolTokenSupply: 5}, 1, 1, 0, "no value"},
		"less than one unit":            {open, 1, 1, 0, "comes to nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, reason := c.pool.InstantOut(c.size, c.available)
			if out != c.want || !strings.Contains(reason, c.reason) || (c.reason == "") != (reason == "") {
				t.Errorf("got %d, %q; want %d, %q", out, reason, c.want, c.reason)
			}
		})
	}
}

func TestTheClosedRateIsKnownOnlyWhenThereIsAnEarlierEpoch(t *testing.T) {
	t.Parallel()
	sound := pool.Pool{TotalLamports: 12, PoolTokenSupply: 10, LastUpdateEpoch: 900, LastEpochTotalLamports: 11, LastEpochPoolTokens: 10}
	if lamports, tokens, epoch, reason := sound.ClosedRate(); lamports != 11 || tokens != 10 || epoch != 899 || reason != "" {
		t.Errorf("got %d/%d of %d, %q", lamports, tokens, epoch, reason)
	}
	for name, change := range map[string]func(*pool.Pool){
		"never updated":             func(p *pool.Pool) { p.LastUpdateEpoch = 0 },
		"no tokens then":            func(p *pool.Pool) { p.LastEpochPoolTokens = 0 },
		"no lamports then":          func(p *pool.Pool) { p.LastEpochTotalLamports = 0 },
		"the same totals as today ": func(p *pool.Pool) { p.LastEpochTotalLamports = 12 },
	} {
		p := sound
		change(&p)
		if _, _, _, reason := p.ClosedRate(); reason == "" {
			t.Errorf("%s: no reason", name)
		}
	}
}

func TestFreshnessAllowsAnHourAtTheBoundary(t *testing.T) {
	t.Parallel()
	const start = 1_766_000_000
	for _, c := range []struct {
		updated, epoch uint64
		since          int64
		want           pool.Freshness
	}{
		{900, 900, 0, pool.Fresh}, {900, 900, 90_000, pool.Fresh}, {899, 900, 0, pool.Boundary}, {899, 900, 3599, pool.Boundary},
		{899, 900, 3600, pool.Stale}, {898, 900, 10, pool.Stale}, {901, 900, 10, pool.Future}, {1<<64 - 1, 0, 10, pool.Future},
	} {
		p := pool.Pool{LastUpdateEpoch: c.updated}
		if got := p.Freshness(solana.Clock{Epoch: c.epoch, EpochStart: start, Time: start + c.since}); got != c.want {
			t.Errorf("updated in %d, now %d and %d s: %d, want %d", c.updated, c.epoch, c.since, got, c.want)
		}
	}
}

func TestValidatorListsReadWhatTheyWrote(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := pool.List{MaxValidators: 20, Validators: make([]pool.Validator, rapid.IntRange(0, 20).Draw(t, "n"))}
		for i := range in.Validators {
			v := &in.Validators[i]
			v.ActiveStake, v.TransientStake = rapid.Uint64().Draw(t, "active"), rapid.Uint64().Draw(t, "transient")
			v.LastUpdateEpoch, v.Status = rapid.Uint64().Draw(t, "epoch"), rapid.Uint8().Draw(t, "status")
			copy(v.Vote[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "vote"))
		}
		data := in.Encode()
		if len(data) != 9+73*20 {
			t.Fatalf("%d bytes", len(data))
		}
		out, err := pool.DecodeList(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Fatalf("(-wrote +read):\n%s", diff)
		}
		head, err := pool.DecodeListHead(data[:9])
		if err != nil || int(head.Count) != len(in.Validators) || head.MaxValidators != 20 {
			t.Fatalf("head is %+v, %v", head, err)
		}
	})
}

func TestValidatorListsThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	good := pool.List{MaxValidators: 2, Validators: make([]pool.Validator, 2)}.Encode()
	over := append([]byte(nil), good...)
	over[5] = 3
	for name, data := range map[string][]byte{
		"nothing": nil, "a pool": pool.Pool{}.Encode(), "records that are cut off": good[:100], "more records than room": over,
	} {
		if _, err := pool.DecodeList(data); sdk.KindOf(err) != sdk.KindLayout {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheStakeOfAListCountsOnlyWithinOneEpoch(t *testing.T) {
	t.Parallel()
	l := pool.List{Validators: []pool.Validator{{ActiveStake: 5, TransientStake: 1, LastUpdateEpoch: 900}, {ActiveStake: 7, LastUpdateEpoch: 900}}}
	if sum, ok := l.Stake(900); sum != 13 || !ok {
		t.Errorf("got %d, %v", sum, ok)
	}
	if l.Above(5) != 1 {
		t.Errorf("%d validators have more than 5", l.Above(5))
	}
	l.Validators[1].LastUpdateEpoch = 899
	if _, ok := l.Stake(900); ok {
		t.Error("epochs are mixed")
	}
	l.Validators[1] = pool.Validator{ActiveStake: 1<<64 - 1, LastUpdateEpoch: 900}
	if _, ok := l.Stake(900); ok {
		t.Error("the sum overflows")
	}
}

func TestRecordedPoolsDecodeToTheirKnownValues(t *testing.T) {
	t.Parallel()
	for file, d := range dumps.Read(t, "spl_stake_pool") {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			p, err := pool.Decode(d.Account.Data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d.Decoded, decoded(p, d.Account.Data)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(hex.EncodeToString(d.Account.Data[:p.End()]), hex.EncodeToString(p.Encode()[:p.End()])); diff != "" {
				t.Errorf("encoded anew the bytes differ:\n%s", diff)
			}
		})
	}
}

// decoded gives the pool the names of the recorded values.
func decoded(p pool.Pool, data []byte) map[string]any {
	n := func(v uint64) any { return strconv.FormatUint(v, 10) }
	fee := func(f pool.Fee) any { return []any{n(f.Numerator), n(f.Denominator)} }
	future := func(f pool.FutureFee) any {
		if f.Epochs == 0 {
			return nil
		}
		return fee(f.Fee)
	}
	option := func(k *solana.PublicKey) any {
		if k == nil {
			return nil
		}
		return k.String()
	}
	return map[string]any{
		"kind": "spl_stake_pool", "account_type": "1", "manager": p.Manager.String(), "staker": p.Staker.String(),
		"stake_deposit_authority": p.StakeDepositAuthority.String(), "stake_withdraw_bump_seed": n(uint64(p.StakeWithdrawBump)),
		"validator_list": p.ValidatorList.String(), "reserve_stake": p.ReserveStake.String(), "pool_mint": p.PoolMint.String(),
		"manager_fee_account": p.ManagerFeeAccount.String(), "token_program_id": p.TokenProgram.String(),
		"total_lamports": n(p.TotalLamports), "pool_token_supply": n(p.PoolTokenSupply), "last_update_epoch": n(p.LastUpdateEpoch),
		"lockup_unix": strconv.FormatInt(p.LockupTime, 10), "lockup_epoch": n(p.LockupEpoch), "lockup_custodian": p.LockupCustodian.String(),
		"epoch_fee": fee(p.EpochFee), "next_epoch_fee": future(p.NextEpochFee), "preferred_deposit": option(p.PreferredDeposit),
		"preferred_withdraw": option(p.PreferredWithdraw), "stake_deposit_fee": fee(p.StakeDepositFee),
		"stake_withdrawal_fee": fee(p.StakeWithdrawalFee), "next_stake_withdrawal_fee": future(p.NextStakeWithdrawalFee),
		"stake_referral_fee": n(uint64(p.StakeReferralFee)), "sol_deposit_authority": option(p.SOLDepositAuthority),
		"sol_deposit_fee": fee(p.SOLDepositFee), "sol_referral_fee": n(uint64(p.SOLReferralFee)),
		"sol_withdraw_authority": option(p.SOLWithdrawAuthority), "sol_withdrawal_fee": fee(p.SOLWithdrawalFee),
		"next_sol_withdrawal_fee": future(p.NextSOLWithdrawalFee), "last_epoch_pool_token_supply": n(p.LastEpochPoolTokens),
		"last_epoch_total_lamports": n(p.LastEpochTotalLamports), "serialized_end": n(uint64(p.End())),
		"tail_nonzero": strings.Trim(string(data[p.End():]), "\x00") != "",
	}
}

func TestRecordedValidatorListsDecodeToTheirKnownSums(t *testing.T) {
	t.Parallel()
	for file, d := range dumps.Read(t, "spl_validator_list") {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			l, err := pool.DecodeList(d.Account.Data)
			if err != nil {
				t.Fatal(err)
			}
			var active, transient uint64
			low, high := uint64(1<<64-1), uint64(0)
			for _, v := range l.Validators {
				active, transient = active+v.ActiveStake, transient+v.TransientStake
				low, high = min(low, v.LastUpdateEpoch), max(high, v.LastUpdateEpoch)
			}
			n := func(v uint64) any { return strconv.FormatUint(v, 10) }
			got := map[string]any{
				"kind": "spl_validator_list", "account_type": "2", "max_validators": n(uint64(l.MaxValidators)), "count": n(uint64(len(l.Validators))),
				"sum_active": n(active), "sum_transient": n(transient), "min_epoch": n(low), "max_epoch": n(high), "first_vote": l.Validators[0].Vote.String(),
			}
			if diff := cmp.Diff(d.Decoded, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if sum, ok := l.Stake(low); !ok || sum != active+transient {
				t.Errorf("stake is %d, %v", sum, ok)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(pool.Pool{}.Encode())
	f.Add(pool.Pool{TotalLamports: 3, PoolTokenSupply: 2, EpochFee: pool.Fee{Denominator: 100, Numerator: 4}, NextEpochFee: pool.FutureFee{Epochs: 1}}.Encode())
	f.Add(pool.List{MaxValidators: 3, Validators: make([]pool.Validator, 2)}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := pool.Decode(data)
		if err == nil {
			p.InstantOut(1<<40, 1<<41)
			p.StakeOut(1 << 40)
			p.ClosedRate()
		} else if sdk.KindOf(err) != sdk.KindLayout {
			t.Errorf("kind of %v is %q", err, sdk.KindOf(err))
		}
		if _, err := pool.DecodeList(data); err != nil && sdk.KindOf(err) != sdk.KindLayout {
			t.Errorf("kind of %v is %q", err, sdk.KindOf(err))
		}
	})
}
