package chaintest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lst-pipeline/lst-pipeline/plugins/marinade/state"
	"github.com/lst-pipeline/lst-pipeline/plugins/stakepool/pool"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

// MarinadeState is Marinade's state account, JitoPool the stake pool of JitoSOL.
const (
	MarinadeState = "8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC"
	JitoPool      = "Jito4APyf642JPZPx3hGc6WWJ8zPKtRbRs4P815Awbb"
)

const (
	tokenRent = 2_039_280
	stakeRent = 2_282_880
	epoch     = 900
)

// SolanaState is the middle of epoch 900, put at the given time, with Marinade and
// every stake pool of the plugin's list.
func SolanaState(t testing.TB, now time.Time) solanatest.State {
	t.Helper()
	schedule := solanatest.MainnetSchedule
	s := solanatest.State{
		Slot:     epoch*432_000 + 216_000,
		Clock:    solana.Clock{Epoch: epoch, EpochStart: now.Add(-24 * time.Hour).Unix(), Time: now.Unix()},
		Schedule: &schedule,
		Accounts: map[solana.PublicKey]solanatest.Account{},
	}
	putMarinade(s.Accounts)
	for _, p := range stakePools(t) {
		p.put(t, s.Accounts)
	}
	return s
}

func putMarinade(accounts map[solana.PublicKey]solanatest.Account) {
	program, at := solana.MustKey("MarBmsSgKXdrN1egZf5sqe1TMai9K1rChYNDJgjq7aD"), solana.MustKey(MarinadeState)
	mint := solana.MustKey("mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So")
	s := state.State{
		MSOLMint: mint, LPMint: solana.MustKey("LPmSozJJ8Jh69ut2WP3XmVohTjL4ipR18yiCzxrUmVj"), RentExemptForTokenAcc: tokenRent, RewardFee: 600,
		TotalActiveBalance: 6_000_000_000_000_000, DelayedUnstakeCooling: 30_000_000_000_000, EmergencyCooling: 20_000_000_000_000,
		AvailableReserveBalance: 70_000_000_000_000, CirculatingTicketBalance: 60_000_000_000_000, CirculatingTicketCount: 1234,
		MSOLSupply: 5_050_000_000_000_000, MSOLPrice: 5_153_960_755, // 1.2
		ValidatorList:     state.List{Count: 1775},
		LPLiquidityTarget: 21_000_000_000_000, LPMaxFee: 900, LPMinFee: 1, MinDeposit: 1, MinWithdraw: 1,
		StakingSOLCap: state.Unlimited, DelayedUnstakeFee: 1000, LastStakeDeltaEpoch: epoch - 1,
	}
	accounts[at] = solanatest.Account{Owner: program, Lamports: 1, Data: s.Encode()}
	accounts[mint] = solanatest.Account{Owner: solana.TokenProgram, Lamports: 1, Data: solana.Mint{Supply: s.MSOLSupply, Decimals: 9, Initialized: true}.Encode()}
	accounts[solana.MustDerive(program, at, "reserve")] = solanatest.Account{Owner: solana.SystemProgram, Lamports: s.AvailableReserveBalance + tokenRent}
	accounts[solana.MustDerive(program, at, "liq_sol")] = solanatest.Account{Owner: solana.SystemProgram, Lamports: 20_000_000_000_000 + tokenRent}
}

// stakePool is an entry of the plugin's pools.yaml.
type stakePool struct {
	Token         string `yaml:"token"`
	Program       string `yaml:"program"`
	Pool          string `yaml:"pool"`
	Mint          string `yaml:"mint"`
	ValidatorList string `yaml:"validator_list"`
	Reserve       string `yaml:"reserve"`
}

var programs = map[string]solana.PublicKey{
	"spl":           solana.MustKey("SPoo1Ku8WFXoNDMHPsrGSTSG1Y47rzgn41SLUNakuHy"),
	"sanctum":       solana.MustKey("SP12tWFxD9oJsVWNavTTBZvMbA6gkAmxtVgxdqvyvhY"),
	"sanctum-multi": solana.MustKey("SPMBzsVUuoHA4Jm6KunbsotaahvVikZs1JyTW6iJvbn"),
}

func stakePools(t testing.TB) (list []stakePool) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	data, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "plugins", "stakepool", "pools.yaml"))
	if err == nil {
		err = yaml.Unmarshal(data, &list)
	}
	if err != nil {
		t.Fatalf("the list of stake pools: %v", err)
	}
	return list
}

// put serves the pool with its mint, reserve and validator list.
func (p stakePool) put(t testing.TB, accounts map[solana.PublicKey]solanatest.Account) {
	t.Helper()
	program, ok := programs[p.Program]
	if !ok {
		t.Fatalf("%s is a pool of an unknown program %q", p.Token, p.Program)
	}
	at, mint, list := solana.MustKey(p.Pool), solana.MustKey(p.Mint), solana.MustKey(p.ValidatorList)
	reserve := solana.PublicKey{0: byte(len(p.Token)), 1: p.Token[0], 31: 1}
	copy(reserve[2:], p.Token)
	if p.Reserve != "" {
		reserve = solana.MustKey(p.Reserve)
	}
	authority := solana.MustDerive(program, at, "withdraw")
	s := pool.Pool{
		StakeDepositAuthority: solana.MustDerive(program, at, "deposit"), ValidatorList: list, ReserveStake: reserve, PoolMint: mint,
		TokenProgram: solana.TokenProgram, TotalLamports: 12_000_000_000_000_000, PoolTokenSupply: 10_000_000_000_000_000,
		LastUpdateEpoch: epoch, EpochFee: pool.Fee{Denominator: 100, Numerator: 4},
		StakeWithdrawalFee: pool.Fee{Denominator: 1000, Numerator: 1}, SOLWithdrawalFee: pool.Fee{Denominator: 1000, Numerator: 3},
		LastEpochPoolTokens: 10_000_000_000_000_000, LastEpochTotalLamports: 11_990_000_000_000_000,
	}
	accounts[at] = solanatest.Account{Owner: program, Lamports: 5_143_440, Data: s.Encode()}
	accounts[mint] = solanatest.Account{Owner: solana.TokenProgram, Data: solana.Mint{Authority: &authority, Supply: s.PoolTokenSupply, Decimals: 9, Initialized: true}.Encode()}
	accounts[reserve] = solanatest.Account{
		Owner: solana.StakeProgram, Lamports: 5_000_000_000_000 + stakeRent,
		Data: solana.StakeAccount{State: solana.StakeInitialized, RentExemptReserve: stakeRent}.Encode(),
	}
	accounts[list] = solanatest.Account{Owner: program, Data: pool.List{MaxValidators: 9, Validators: []pool.Validator{
		{ActiveStake: 11_000_000_000_000_000, LastUpdateEpoch: epoch}, {ActiveStake: 995_000_000_000_000, LastUpdateEpoch: epoch},
	}}.Encode()}
}
