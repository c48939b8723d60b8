package solana_test

import (
	"encoding/binary"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest/dumps"
)

func TestSharedLayoutsHaveTheirFieldsAtTheKnownOffsets(t *testing.T) {
	t.Parallel()
	key := solana.TokenProgram
	u64 := func(data []byte, at int) uint64 { return binary.LittleEndian.Uint64(data[at:]) }
	mint := solana.Mint{Authority: &key, Supply: 77, Decimals: 9, Initialized: true}.Encode()
	if len(mint) != 82 || u64(mint, 36) != 77 || mint[44] != 9 || mint[45] != 1 || mint[0] != 1 || solana.PublicKey(mint[4:36]) != key {
		t.Errorf("mint is %x", mint)
	}
	token := solana.TokenAccount{Owner: key, Amount: 78}.Encode()
	if len(token) != 165 || u64(token, 64) != 78 || solana.PublicKey(token[32:64]) != key {
		t.Errorf("token account is %x", token)
	}
	stake := solana.StakeAccount{State: solana.StakeDelegated, RentExemptReserve: 1, Withdrawer: key, Stake: 2, ActivationEpoch: 3, DeactivationEpoch: 4}.Encode()
	if len(stake) != 200 || u64(stake, 4) != 1 || u64(stake, 156) != 2 || u64(stake, 164) != 3 || u64(stake, 172) != 4 || solana.PublicKey(stake[44:76]) != key {
		t.Errorf("stake account is %x", stake)
	}
	clock := solana.Clock{Slot: 1, EpochStart: 2, Epoch: 3, LeaderScheduleEpoch: 4, Time: 5}.Encode()
	for i := range 5 {
		if u64(clock, 8*i) != uint64(i+1) {
			t.Errorf("clock is %x", clock)
		}
	}
}

func TestSharedLayoutsReadWhatTheyWrote(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		option := func(label string) *solana.PublicKey {
			if !rapid.Bool().Draw(t, label+" set") {
				return nil
			}
			k := drawKey(t, label)
			return &k
		}
		mint := solana.Mint{Authority: option("a"), Supply: rapid.Uint64().Draw(t, "supply"), Decimals: rapid.Uint8().Draw(t, "dec"), Initialized: true, FreezeAuthority: option("f")}
		if got, err := solana.DecodeMint(mint.Encode()); err != nil || !cmp.Equal(mint, got) {
			t.Fatalf("mint: %v\n%s", err, cmp.Diff(mint, got))
		}
		token := solana.TokenAccount{Mint: drawKey(t, "m"), Owner: drawKey(t, "o"), Amount: rapid.Uint64().Draw(t, "amount")}
		if got, err := solana.DecodeTokenAccount(token.Encode()); err != nil || !cmp.Equal(token, got) {
			t.Fatalf("token account: %v\n%s", err, cmp.Diff(token, got))
		}
		stake := solana.StakeAccount{State: solana.StakeInitialized, RentExemptReserve: rapid.Uint64().Draw(t, "rent"), Staker: drawKey(t, "s"), Withdrawer: drawKey(t, "w"), LockupTime: rapid.Int64().Draw(t, "t")}
		if rapid.Bool().Draw(t, "delegated") {
			stake.State, stake.Voter, stake.Stake = solana.StakeDelegated, drawKey(t, "v"), rapid.Uint64().Draw(t, "stake")
			stake.DeactivationEpoch = rapid.Uint64().Draw(t, "end")
		}
		if got, err := solana.DecodeStakeAccount(stake.Encode()); err != nil || !cmp.Equal(stake, got) {
			t.Fatalf("stake account: %v\n%s", err, cmp.Diff(stake, got))
		}
	})
}

func TestRecordedMintsDecode(t *testing.T) {
	t.Parallel()
	for file, d := range dumps.Read(t, "spl_mint") {
		m, err := solana.DecodeMint(d.Account.Data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got := map[string]any{
			"kind": "spl_mint", "supply": strconv.FormatUint(m.Supply, 10), "decimals": strconv.Itoa(int(m.Decimals)),
			"init": "1", "mint_auth": text(m.Authority), "freeze": text(m.FreezeAuthority),
		}
		if diff := cmp.Diff(d.Decoded, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func TestRecordedTokenAccountsDecode(t *testing.T) {
	t.Parallel()
	for file, d := range dumps.Read(t, "spl_token_account") {
		a, err := solana.DecodeTokenAccount(d.Account.Data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got := map[string]any{"kind": "spl_token_account", "mint": a.Mint.String(), "owner": a.Owner.String(), "amount": strconv.FormatUint(a.Amount, 10)}
		if diff := cmp.Diff(d.Decoded, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func TestRecordedStakeAccountsDecode(t *testing.T) {
	t.Parallel()
	for file, d := range dumps.Read(t, "stake_account") {
		s, err := solana.DecodeStakeAccount(d.Account.Data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for field, got := range map[string]string{
			"state": strconv.Itoa(int(s.State)), "rent_exempt_reserve": strconv.FormatUint(s.RentExemptReserve, 10),
			"staker": s.Staker.String(), "withdrawer": s.Withdrawer.String(),
		} {
			if want := d.Text(field); got != want {
				t.Errorf("%s: %s is %s, want %s", file, field, got, want)
			}
		}
	}
}

func text(k *solana.PublicKey) any {
	if k == nil {
		return nil
	}
	return k.String()
}
