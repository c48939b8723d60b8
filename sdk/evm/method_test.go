package evm_test

import (
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

var target = evm.MustAddress("0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84")

// The selectors are written here as the protocols' sources and explorers print
// them, so a change of the signature parser shows.
func TestSelectorsAreThePublishedOnes(t *testing.T) {
	t.Parallel()
	for signature, want := range map[string]string{
		"getTotalPooledEther() returns (uint256)":                                                "37cfdaca",
		"getPooledEthByShares(uint256) returns (uint256)":                                        "7a28fb88",
		"latestRoundData() returns (uint80,int256,uint256,uint256,uint80)":                       "feaf968c",
		"getUint(bytes32) returns (uint256)":                                                     "bd02d0f5",
		"aggregate3((address,bool,bytes)[]) returns ((bool,bytes)[])":                            "82ad56cb",
		"get_dy(int128,int128,uint256) returns (uint256)":                                        "5e0d443f",
		"getStakingModules() returns ((uint24,address,uint16)[])":                                "6183214d",
		"slot0() returns (uint160,int24,uint16,uint16,uint16,uint8,bool)":                        "3850c7bd",
		"getStakingFeeAggregateDistribution() returns (uint96,uint96,uint256)":                   "fa5093eb",
		"balanceOf(string) returns (uint256)":                                                    "35ee5f87",
		"convertStMaticToMatic(uint256) returns (uint256, uint256, uint256)":                     "d968447c",
		"getWithdrawalStatus(uint256[]) returns ((uint256,uint256,address,uint256,bool,bool)[])": "b8c4b85a",
	} {
		m, err := evm.ParseMethod(signature)
		if err != nil {
			t.Errorf("%s: %v", signature, err)
			continue
		}
		if s := m.Selector(); hex.EncodeToString(s[:]) != want {
			t.Errorf("%s: selector %x, want %s", signature, s, want)
		}
		if got, _, _ := strings.Cut(signature, " "); m.String() != got {
			t.Errorf("signature is %q, want %q", m.String(), got)
		}
	}
}

func TestMalformedSignaturesAreErrors(t *testing.T) {
	t.Parallel()
	for _, signature := range []string{"", "getFee()", "getFee returns (uint16)", "getFee() returns uint16", "getFee() returns (fish)", "getFee( returns (uint256)"} {
		if _, err := evm.ParseMethod(signature); err == nil {
			t.Errorf("%q was accepted", signature)
		}
	}
}

func TestACallCarriesSelectorAndArguments(t *testing.T) {
	t.Parallel()
	m := evm.MustMethod("get_dy(int128,int128,uint256) returns (uint256)")
	got := hex.EncodeToString(m.At(target, 1, 0, new(big.Int).SetUint64(1e18)).Input())
	want := "5e0d443f" + strings.Repeat("0", 63) + "1" + strings.Repeat("0", 64) + strings.Repeat("0", 48) + "0de0b6b3a7640000"
	if got != want {
		t.Errorf("call data is\n%s, want\n%s", got, want)
	}
}

func TestAnAddressWithAWrongChecksumPanics(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "0xae7ab96520de3a18e5e111b5eaab095312d7fe84", "0xae7ab96520DE3A18E5e111B5EaAb095312D7fE8"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was accepted", bad)
				}
			}()
			evm.MustAddress(bad)
		}()
	}
}
