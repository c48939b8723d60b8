package solana

import (
	"fmt"

	gosolana "github.com/gagliardetto/solana-go"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Chain is the id of Solana mainnet in the contract.
const Chain sdk.ChainID = "solana"

// LamportDecimals is the decimal exponent of lamports, and of every liquid
// staking token this package has met.
const LamportDecimals = 9

// PublicKey is an address: 32 bytes, written in base58.
type PublicKey = gosolana.PublicKey

// Programs and sysvars every cluster has.
var (
	SystemProgram    = gosolana.SystemProgramID
	StakeProgram     = gosolana.StakeProgramID
	TokenProgram     = gosolana.TokenProgramID
	Token2022Program = gosolana.Token2022ProgramID
	SysvarProgram    = gosolana.SysVarPubkey
	FeatureProgram   = gosolana.FeatureProgramID
	ClockKey         = gosolana.SysVarClockPubkey
	EpochScheduleKey = gosolana.SysVarEpochSchedulePubkey
)

// ParseKey reads a base58 address. The error is of kind config.
func ParseKey(s string) (PublicKey, error) {
	k, err := gosolana.PublicKeyFromBase58(s)
	if err != nil {
		return PublicKey{}, sdk.Errorf(sdk.KindConfig, "address %q: %w", s, err)
	}
	return k, nil
}

// MustKey is ParseKey for constants; it panics on a mistake.
func MustKey(s string) PublicKey {
	k, err := ParseKey(s)
	if err != nil {
		panic(err)
	}
	return k
}

// Derive returns the program derived address of (base, seed): the first bump from
// 255 down whose hash is off the curve.
func Derive(program, base PublicKey, seed string) (PublicKey, uint8, error) {
	k, bump, err := gosolana.FindProgramAddress([][]byte{base[:], []byte(seed)}, program)
	if err != nil {
		return PublicKey{}, 0, fmt.Errorf("no derived address for %q under program %s: %w", seed, program, err)
	}
	return k, bump, nil
}

// MustDerive is Derive for constants; it panics when there is no address.
func MustDerive(program, base PublicKey, seed string) PublicKey {
	k, _, err := Derive(program, base, seed)
	if err != nil {
		panic(err)
	}
	return k
}
