package state_test

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/plugins/solido/state"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest/dumps"
)

// TestFieldsStandAtTheOffsetsOfTheProgram writes fields by hand at the offsets the
// program's source gives them.
func TestFieldsStandAtTheOffsetsOfTheProgram(t *testing.T) {
	t.Parallel()
	data := make([]byte, state.Size)
	data[0], data[1] = 1, 1
	for _, at := range []int{2, 34, 66, 74, 82, 93, 97, 101, 105, 137, 193, 225, 313, 321, 329, 337, 345, 353, 385} {
		binary.LittleEndian.PutUint16(data[at:], uint16(at)) // each field holds its own offset
	}
	data[90], data[91], data[92], data[417] = 90, 91, 92, 5
	s, err := state.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	key := func(at uint16) (k solana.PublicKey) { binary.LittleEndian.PutUint16(k[:], at); return k }
	want := state.State{
		Manager: key(2), StSOLMint: key(34), ExchangeRate: state.ExchangeRate{ComputedInEpoch: 66, StSOLSupply: 74, SOLBalance: 82},
		ReserveBump: 90, StakeAuthorityBump: 91, MintAuthorityBump: 92, TreasuryFee: 93, DeveloperFee: 97, StSOLAppreciation: 101,
		TreasuryAccount: key(105), DeveloperAccount: key(137), ValidatorList: key(353), MaintainerList: key(385), MaxCommissionPercentage: 5,
		Metrics: state.Metrics{AppreciationSOL: 193, DepositCounts: [12]uint64{0: 225, 11: 313}, DepositsTotal: 321, WithdrawalsStSOL: 329, WithdrawalsSOL: 337, WithdrawalsCount: 345},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// All values of the fixed layout are legal, so any bytes are a state.
		data := append([]byte{1, 1}, rapid.SliceOfN(rapid.Byte(), 416, 416).Draw(t, "fields")...)
		data = append(data, make([]byte, state.Size-len(data))...)
		s, err := state.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(hex.EncodeToString(data), hex.EncodeToString(s.Encode())); diff != "" {
			t.Fatalf("(-read +wrote):\n%s", diff)
		}
	})
}

func TestBytesThatAreNotTheStateAreRefused(t *testing.T) {
	t.Parallel()
	good := state.State{}.Encode()
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":                   {nil, "has 0 bytes, want 7953"},
		"the layout of branch main": {good[:466], "has 466 bytes"},
		"version 0":                 {append([]byte{0, 228}, good[2:]...), "field account_type at offset 0: is 00, want 01"},
		"a version to come":         {append([]byte{1, 2}, good[2:]...), "field lido_version at offset 1: is 02, want 01"},
	} {
		if _, err := state.Decode(c.data); sdk.KindOf(err) != sdk.KindLayout || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestTheRecordedStateDecodesToItsKnownValues(t *testing.T) {
	t.Parallel()
	for file, d := range dumps.Read(t, "lido_state_v1") {
		s, err := state.Decode(d.Account.Data)
		if err != nil {
			t.Fatal(err)
		}
		n := func(v uint64) any { return strconv.FormatUint(v, 10) }
		counts := []any{}
		for _, v := range s.Metrics.DepositCounts {
			counts = append(counts, n(v))
		}
		m := s.Metrics
		got := map[string]any{
			"kind": "lido_state_v1", "account_type": "1", "lido_version": "1", "manager": s.Manager.String(), "st_sol_mint": s.StSOLMint.String(),
			"er.computed_in_epoch": n(s.ExchangeRate.ComputedInEpoch), "er.st_sol_supply": n(s.ExchangeRate.StSOLSupply), "er.sol_balance": n(s.ExchangeRate.SOLBalance),
			"sol_reserve_bump": n(uint64(s.ReserveBump)), "stake_auth_bump": n(uint64(s.StakeAuthorityBump)), "mint_auth_bump": n(uint64(s.MintAuthorityBump)),
			"treasury_fee": n(uint64(s.TreasuryFee)), "developer_fee": n(uint64(s.DeveloperFee)), "st_sol_appreciation": n(uint64(s.StSOLAppreciation)),
			"treasury_account": s.TreasuryAccount.String(), "developer_account": s.DeveloperAccount.String(),
			"m.fee_treasury_sol_total": n(m.FeeTreasurySOL), "m.fee_validation_sol_total": n(m.FeeValidationSOL), "m.fee_developer_sol_total": n(m.FeeDeveloperSOL),
			"m.st_sol_appreciation_sol_total": n(m.AppreciationSOL), "m.fee_treasury_st_sol_total": n(m.FeeTreasuryStSOL),
			"m.fee_validation_st_sol_total": n(m.FeeValidationStSOL), "m.fee_developer_st_sol_total": n(m.FeeDeveloperStSOL),
			"m.deposit.counts": counts, "m.deposit.total": n(m.DepositsTotal), "m.withdraw.total_st_sol": n(m.WithdrawalsStSOL),
			"m.withdraw.total_sol": n(m.WithdrawalsSOL), "m.withdraw.count": n(m.WithdrawalsCount),
			"validator_list": s.ValidatorList.String(), "maintainer_list": s.MaintainerList.String(), "max_commission_percentage": n(uint64(s.MaxCommissionPercentage)),
		}
		if diff := cmp.Diff(d.Decoded, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func TestTheRecordedStateOfVersion0IsRefused(t *testing.T) {
	t.Parallel()
	for file, d := range dumps.Read(t, "lido_state_v0") {
		if len(d.Account.Data) != state.Size {
			t.Fatalf("%s has %d bytes", file, len(d.Account.Data))
		}
		if _, err := state.Decode(d.Account.Data); sdk.KindOf(err) != sdk.KindLayout {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(state.State{}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := state.Decode(data); err != nil && sdk.KindOf(err) != sdk.KindLayout {
			t.Errorf("kind of %v is %q", err, sdk.KindOf(err))
		}
	})
}
