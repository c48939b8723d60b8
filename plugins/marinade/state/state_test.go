package state_test

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/plugins/marinade/state"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest/dumps"
)

// TestFieldsStandAtTheOffsetsOfTheProgram writes each field by hand at the offset
// that the program's source gives it, so that a field too many or too few shows.
func TestFieldsStandAtTheOffsetsOfTheProgram(t *testing.T) {
	t.Parallel()
	data := make([]byte, state.Size)
	copy(data, []byte{0xd8, 0x92, 0x6b, 0x5e, 0x68, 0x4b, 0xb6, 0xb1})
	offsets := map[int]int{ // offset: width
		8: 32, 104: 32, 136: 1, 138: 8, 146: 4, 150: 32, 182: 4, 186: 4, 226: 8, 236: 8, 244: 8, 252: 8, 260: 4, 264: 32, 296: 4,
		300: 4, 340: 32, 372: 4, 376: 8, 385: 32, 420: 32, 452: 8, 460: 4, 464: 4, 468: 4, 472: 8, 488: 8, 496: 8, 504: 8,
		512: 8, 520: 8, 528: 8, 536: 8, 544: 8, 552: 8, 560: 8, 568: 8, 576: 32, 609: 4, 613: 4, 618: 8, 626: 8, 634: 4, 639: 4, 643: 4,
	}
	for at, width := range offsets {
		binary.LittleEndian.PutUint16(data[at:at+max(width, 2)], uint16(at)) // each field holds its own offset
	}
	data[136] = 136
	data[608], data[617], data[638] = 1, 1, state.Done
	s, err := state.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	key := func(at uint16) (k solana.PublicKey) { binary.LittleEndian.PutUint16(k[:], at); return k }
	want := state.State{
		MSOLMint: key(8), TreasuryMSOLAccount: key(104), ReserveBump: 136, RentExemptForTokenAcc: 138, RewardFee: 146,
		StakeList: state.List{Account: key(150), ItemSize: 182, Count: 186}, DelayedUnstakeCooling: 226,
		SlotsForStakeDelta: 236, LastStakeDeltaEpoch: 244, MinStake: 252, ExtraStakeDeltaRuns: 260,
		ValidatorList: state.List{Account: key(264), ItemSize: 296, Count: 300}, ManagerAuthority: key(340),
		TotalValidatorScore: 372, TotalActiveBalance: 376, LPMint: key(385), MSOLLeg: key(420), LPLiquidityTarget: 452,
		LPMaxFee: 460, LPMinFee: 464, TreasuryCut: 468, LPSupply: 472, LiquiditySOLCap: 488, AvailableReserveBalance: 496,
		MSOLSupply: 504, MSOLPrice: 512, CirculatingTicketCount: 520, CirculatingTicketBalance: 528, LentFromReserve: 536,
		MinDeposit: 544, MinWithdraw: 552, StakingSOLCap: 560, EmergencyCooling: 568, PauseAuthority: key(576), Paused: true,
		DelayedUnstakeFee: 609, WithdrawStakeFee: 613, WithdrawStakeEnabled: true, LastStakeMoveEpoch: 618, StakeMoved: 626,
		MaxStakeMovedPerEpoch: 634, Upgrader: state.Upgrader{Tag: state.Done}, DepositSOLFee: 639, DepositStakeFee: 643,
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func drawState(t *rapid.T) state.State {
	n := 0
	label := func() string { n++; return strconv.Itoa(n) }
	u64 := func() uint64 { return rapid.Uint64().Draw(t, label()) }
	u32 := func() uint32 { return rapid.Uint32().Draw(t, label()) }
	key := func() (k solana.PublicKey) {
		copy(k[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label()))
		return k
	}
	s := state.State{
		MSOLMint: key(), TreasuryMSOLAccount: key(), RentExemptForTokenAcc: u64(), RewardFee: u32(),
		StakeList: state.List{Account: key(), ItemSize: u32(), Count: u32()}, DelayedUnstakeCooling: u64(), LastStakeDeltaEpoch: u64(),
		ValidatorList: state.List{Account: key(), ItemSize: u32(), Count: u32()}, TotalActiveBalance: u64(),
		LPMint: key(), LPLiquidityTarget: u64(), LPMaxFee: u32(), LPMinFee: u32(), AvailableReserveBalance: u64(),
		MSOLSupply: u64(), MSOLPrice: u64(), CirculatingTicketBalance: u64(), MinWithdraw: u64(), StakingSOLCap: u64(),
		EmergencyCooling: u64(), Paused: rapid.Bool().Draw(t, "paused"), DelayedUnstakeFee: u32(), WithdrawStakeFee: u32(),
		MaxStakeMovedPerEpoch: u32(), DepositSOLFee: u32(), DepositStakeFee: u32(),
	}
	switch s.Upgrader.Tag = rapid.Uint8Range(0, 2).Draw(t, "tag"); s.Upgrader.Tag {
	case state.IteratingStakes:
		s.Upgrader.Visited, s.Upgrader.First, s.Upgrader.Second = u32(), u64(), u64()
	case state.IteratingValidators:
		s.Upgrader.Visited, s.Upgrader.First = u32(), u64()
	}
	return s
}

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawState(t)
		out, err := state.Decode(in.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Fatalf("(-wrote +read):\n%s", diff)
		}
	})
}

func TestRulesNeverPanicAndNeverPayMoreThanTheSize(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		size, available := rapid.Uint64().Draw(t, "size"), rapid.Uint64().Draw(t, "available")
		if out, reason := s.InstantOut(size, available); reason == "" && (out > size || out > available) {
			t.Fatalf("the instant route pays %d for %d out of %d", out, size, available)
		}
		if out, reason := s.DelayedOut(size); reason == "" && out > size {
			t.Fatalf("a ticket pays %d for %d", out, size)
		}
		s.PriceAgrees()
		s.DepositCapacity()
	})
}

func TestBytesThatAreNotTheStateAreRefused(t *testing.T) {
	t.Parallel()
	good := state.State{}.Encode()
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":                   {nil, "has 0 bytes"},
		"an account that ends":      {good[:637], "has 637 bytes, want at least 638"},
		"another Anchor account":    {append([]byte{0xd9}, good[1:]...), "discriminator"},
		"a pause flag that is none": {append(append(good[:608:608], 9), good[609:]...), "field paused at offset 608: is 9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := state.Decode(c.data)
			if sdk.KindOf(err) != sdk.KindLayout || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestDepositFeesArePublishedOnlyWhenTheyAreSurelyThere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state state.State
		cut   int
		known bool
	}{
		"the upgrade is done":                     {state.State{Upgrader: state.Upgrader{Tag: state.Done}, DepositSOLFee: 10, DepositStakeFee: 2000}, state.Size, true},
		"the upgrade is done and a fee is stale":  {state.State{Upgrader: state.Upgrader{Tag: state.Done}, DepositStakeFee: 343_361_149}, state.Size, false},
		"the upgrade never began":                 {state.State{}, state.Size, false},
		"the upgrade is among the validators":     {state.State{Upgrader: state.Upgrader{Tag: state.IteratingValidators}, DepositSOLFee: 10}, state.Size, false},
		"the account ends with version 2.0":       {state.State{}, 638, false},
		"a tag of a version that does not exist":  {state.State{Upgrader: state.Upgrader{Tag: 3}}, state.Size, false},
		"the account ends within the deposit fee": {state.State{Upgrader: state.Upgrader{Tag: state.IteratingStakes}}, 645, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := state.Decode(c.state.Encode()[:c.cut])
			if err != nil {
				t.Fatal(err)
			}
			sol, stake, reason := s.DepositFees()
			if (reason == "") != c.known {
				t.Errorf("got %d, %d, %q", sol, stake, reason)
			}
			if c.known && (sol != 10 || stake != 2000) {
				t.Errorf("got %d, %d", sol, stake)
			}
		})
	}
}

// may2024 has the liquidity pool of 2024-05-05.
func may2024() state.State {
	return state.State{
		TotalActiveBalance: 6_149_921_591_200_000, MSOLSupply: 5_183_874_469_900_000,
		LPLiquidityTarget: 21_000_000_000_000, LPMaxFee: 900, LPMinFee: 1, MinWithdraw: 1, DelayedUnstakeFee: 1000,
	}
}

func TestTheInstantFeeIsChargedOnWhatRemains(t *testing.T) {
	t.Parallel()
	const available = 20_473_363_987_681 // 20,473.36 SOL
	s := may2024()
	for size, want := range map[uint64]uint32{0: 24, 1_000_000_000_000: 67, 10_000_000_000_000: 452, 20_473_363_987_681: 900} {
		if got := s.LinearFee(available - size); got != want {
			t.Errorf("after %d lamports the fee is %d bps, want %d", size, got, want)
		}
	}
	if got := s.LinearFee(21_000_000_000_000); got != 1 {
		t.Errorf("at the target the fee is %d bps, want 1", got)
	}
	for name, c := range map[string]struct {
		size, available uint64
		bps             uint64
		reason          string
	}{
		"a thousand SOL":                     {1_000_000_000_000, available, 67, ""},
		"ten thousand SOL":                   {10_000_000_000_000, available, 452, ""},
		"all the pool pays the highest fee":  {available, available, 900, ""},
		"more than the pool, less the fee":   {10_500_000_000_000, 10_000_000_000_000, 900, ""},
		"more than the pool after the fee":   {12_000_000_000_000, 10_000_000_000_000, 0, "the liquidity pool holds"},
		"more mSOL than there is":            {7_000_000_000_000_000, 1 << 62, 0, "more than all mSOL"},
		"a size that is worth no mSOL":       {0, available, 0, "below the program's minimum"},
		"a pool far above its target, small": {1_000_000_000, 30_000_000_000_000, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, reason := s.InstantOut(c.size, c.available)
			if c.reason != "" || reason != "" {
				if c.reason == "" || !strings.Contains(reason, c.reason) {
					t.Errorf("reason is %q, want %q", reason, c.reason)
				}
				return
			}
			exact := c.size - c.size*c.bps/10_000
			if diff := int64(exact) - int64(out); diff < 0 || diff > 4 { // three roundings down
				t.Errorf("got %d, want %d less rounding", out, exact)
			}
		})
	}
}

func TestATicketPaysTheValueLessTheFee(t *testing.T) {
	t.Parallel()
	s := may2024()
	out, reason := s.DelayedOut(1_000_000_000_000)
	if want := uint64(999_000_000_000); reason != "" || out > want || want-out > 2 {
		t.Errorf("got %d, %q; want %d less rounding", out, reason, want)
	}
	s.Paused = true
	if _, reason := s.DelayedOut(1_000_000_000); reason != "the program is paused" {
		t.Errorf("paused: %q", reason)
	}
	if _, reason := (state.State{}).DelayedOut(1_000_000_000); reason != "no mSOL is in circulation" {
		t.Errorf("empty: %q", reason)
	}
}

func TestThePriceMayOnlyTrailTheRate(t *testing.T) {
	t.Parallel()
	base := state.State{TotalActiveBalance: 1_200_000_000_000, MSOLSupply: 1_000_000_000_000}
	const price = 5_153_960_755 // 1.2 × 2^32, rounded down
	for name, c := range map[string]struct {
		price uint64
		want  bool
	}{
		"equal":                            {price, true},
		"a unit below by rounding":         {price + 1, true},
		"the rate rose since the crank":    {price - price/1000, true},
		"the rate fell without a crank":    {price + price/1000, false},
		"the rate rose by more than fees":  {price - price/50, false},
		"the price is of another currency": {1 << 60, false},
	} {
		s := base
		s.MSOLPrice = c.price
		if got := s.PriceAgrees(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTheDepositCapCountsEverythingUnderControl(t *testing.T) {
	t.Parallel()
	s := state.State{TotalActiveBalance: 60, DelayedUnstakeCooling: 10, EmergencyCooling: 5, AvailableReserveBalance: 5, CirculatingTicketBalance: 40, StakingSOLCap: 100}
	if left, limited := s.DepositCapacity(); left != 20 || !limited {
		t.Errorf("got %d, %v", left, limited)
	}
	s.StakingSOLCap = 70
	if left, limited := s.DepositCapacity(); left != 0 || !limited {
		t.Errorf("below what is held: got %d, %v", left, limited)
	}
	s.StakingSOLCap = state.Unlimited
	if _, limited := s.DepositCapacity(); limited {
		t.Error("2^64-1 is a limit")
	}
}

func TestRecordedStatesDecodeToTheirKnownValues(t *testing.T) {
	t.Parallel()
	for file, d := range dumps.Read(t, "marinade_state") {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			s, err := state.Decode(d.Account.Data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d.Decoded, decoded(t, s, d.Account.Data)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !s.PriceAgrees() {
				t.Error("rate and msol_price disagree")
			}
			virtual, _ := s.VirtualStaked()
			if rate, ok := solana.MulDiv(virtual, 1<<32, max(s.MSOLSupply, 1)); s.MSOLSupply > 0 && (!ok || rate-s.MSOLPrice+1 > 2) {
				t.Errorf("rate %d/2^32 and msol_price %d differ by more than one unit", rate, s.MSOLPrice)
			}
			// Recordings are encoded anew from numbers; nothing the program wrote may be lost.
			if diff := cmp.Diff(hex.EncodeToString(d.Account.Data[:672]), hex.EncodeToString(s.Encode()[:672])); diff != "" {
				t.Errorf("encoded anew the bytes differ:\n%s", diff)
			}
		})
	}
}

// decoded gives the state the names of the recorded values.
func decoded(t *testing.T, s state.State, data []byte) map[string]any {
	t.Helper()
	n := func(v uint64) any { return strconv.FormatUint(v, 10) }
	n32 := func(v uint32) any { return n(uint64(v)) }
	n8 := func(v uint8) any { return n(uint64(v)) }
	flag := func(v bool) any {
		if v {
			return "1"
		}
		return "0"
	}
	if s.Upgrader.Tag != state.IteratingStakes {
		t.Fatalf("upgrader is %+v", s.Upgrader)
	}
	all, ok := s.UnderControl()
	virtual, ok2 := s.VirtualStaked()
	if !ok || !ok2 {
		t.Fatal("sums overflow")
	}
	return map[string]any{
		"kind": "marinade_state", "disc": hex.EncodeToString(data[:8]), "msol_mint": s.MSOLMint.String(),
		"admin_authority": s.AdminAuthority.String(), "operational_sol_account": s.OperationalSOLAccount.String(),
		"treasury_msol_account": s.TreasuryMSOLAccount.String(), "reserve_bump_seed": n8(s.ReserveBump),
		"msol_mint_authority_bump_seed": n8(s.MSOLMintAuthorityBump), "rent_exempt_for_token_acc": n(s.RentExemptForTokenAcc),
		"reward_fee_bps": n32(s.RewardFee), "stake_list.account": s.StakeList.Account.String(),
		"stake_list.item_size": n32(s.StakeList.ItemSize), "stake_list.count": n32(s.StakeList.Count),
		"delayed_unstake_cooling_down": n(s.DelayedUnstakeCooling), "stake_deposit_bump_seed": n8(s.StakeDepositBump),
		"stake_withdraw_bump_seed": n8(s.StakeWithdrawBump), "slots_for_stake_delta": n(s.SlotsForStakeDelta),
		"last_stake_delta_epoch": n(s.LastStakeDeltaEpoch), "min_stake": n(s.MinStake), "extra_stake_delta_runs": n32(s.ExtraStakeDeltaRuns),
		"validator_list.account": s.ValidatorList.Account.String(), "validator_list.item_size": n32(s.ValidatorList.ItemSize),
		"validator_list.count": n32(s.ValidatorList.Count), "manager_authority": s.ManagerAuthority.String(),
		"total_validator_score": n32(s.TotalValidatorScore), "total_active_balance": n(s.TotalActiveBalance),
		"auto_add_validator_enabled": n8(s.AutoAddValidator), "lp_mint": s.LPMint.String(),
		"lp_mint_authority_bump_seed": n8(s.LPMintAuthorityBump), "sol_leg_bump_seed": n8(s.SOLLegBump),
		"msol_leg_authority_bump_seed": n8(s.MSOLLegAuthorityBump), "msol_leg": s.MSOLLeg.String(),
		"lp_liquidity_target": n(s.LPLiquidityTarget), "lp_max_fee_bps": n32(s.LPMaxFee), "lp_min_fee_bps": n32(s.LPMinFee),
		"treasury_cut_bps": n32(s.TreasuryCut), "lp_supply": n(s.LPSupply), "lent_from_sol_leg": n(s.LentFromSOLLeg),
		"liquidity_sol_cap": n(s.LiquiditySOLCap), "available_reserve_balance": n(s.AvailableReserveBalance),
		"msol_supply": n(s.MSOLSupply), "msol_price": n(s.MSOLPrice), "circulating_ticket_count": n(s.CirculatingTicketCount),
		"circulating_ticket_balance": n(s.CirculatingTicketBalance), "lent_from_reserve": n(s.LentFromReserve),
		"min_deposit": n(s.MinDeposit), "min_withdraw": n(s.MinWithdraw), "staking_sol_cap": n(s.StakingSOLCap),
		"emergency_cooling_down": n(s.EmergencyCooling), "pause_authority": s.PauseAuthority.String(), "paused": flag(s.Paused),
		"delayed_unstake_fee_cents": n32(s.DelayedUnstakeFee), "withdraw_stake_account_fee_cents": n32(s.WithdrawStakeFee),
		"withdraw_stake_account_enabled": flag(s.WithdrawStakeEnabled), "last_stake_move_epoch": n(s.LastStakeMoveEpoch),
		"stake_moved": n(s.StakeMoved), "max_stake_moved_per_epoch_bps": n32(s.MaxStakeMovedPerEpoch),
		"delinquent_upgrader":   []any{"IteratingStakes", n32(s.Upgrader.Visited), n(s.Upgrader.First), n(s.Upgrader.Second)},
		"deposit_sol_fee_cents": n32(s.DepositSOLFee), "deposit_stake_account_fee_cents": n32(s.DepositStakeFee),
		"computed.total_lamports_under_control": n(all), "computed.total_virtual_staked_lamports": n(virtual),
	}
}

// The sum over the validator list must be the state's total, to the lamport.
func TestTheRecordedValidatorListAddsUpToTheState(t *testing.T) {
	t.Parallel()
	states := dumps.Read(t, "marinade_state")
	for file, list := range dumps.Read(t, "marinade_validator_list") {
		_, tag, _ := strings.Cut(file, ".")
		for name, d := range states {
			if !strings.HasSuffix(name, tag) {
				continue
			}
			s, err := state.Decode(d.Account.Data)
			if err != nil {
				t.Fatal(err)
			}
			var sum uint64
			for i := range int(s.ValidatorList.Count) {
				sum += binary.LittleEndian.Uint64(list.Account.Data[8+i*int(s.ValidatorList.ItemSize)+32:])
			}
			if sum != s.TotalActiveBalance || strconv.FormatUint(sum, 10) != list.Text("sum_active_balance") {
				t.Errorf("the list adds up to %d, the state says %d", sum, s.TotalActiveBalance)
			}
			return
		}
	}
	t.Error("no state belongs to the recorded list")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(state.State{}.Encode())
	f.Add(state.State{Upgrader: state.Upgrader{Tag: state.Done}, MSOLSupply: 1}.Encode())
	f.Add(state.State{}.Encode()[:640])
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := state.Decode(data)
		if err != nil {
			if sdk.KindOf(err) != sdk.KindLayout {
				t.Errorf("kind of %v is %q", err, sdk.KindOf(err))
			}
			return
		}
		s.InstantOut(1<<40, 1<<41)
		s.DelayedOut(1 << 40)
		s.PriceAgrees()
		s.DepositFees()
	})
}
