package main

import (
	"encoding/hex"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

func TestSelectorsAreThePublishedOnes(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]evm.Method{
		"bd02d0f5": getUint,
		"7ae1cfca": getBool,
		"21f8a721": getAddress,
		"35ee5f87": balanceOf,
		"18160ddd": totalSupply,
		"e6aa216c": getExchangeRate,
		"d6eb5910": getTotalCollateral,
		"1eddb626": getMaximumDepositAmount,
		"e7150134": getNodeFee,
		"761e2f93": getCurrentNodeShare,
		"aea63ecd": getCurrentVoterShare,
		"79ad3b9b": getCurrentProtocolDAOShare,
		"3850c7bd": slot0,
		"0dfe1681": token0,
	} {
		if s := m.Selector(); hex.EncodeToString(s[:]) != want {
			t.Errorf("%s has selector %x, want %s", m, s, want)
		}
	}
}

func TestStorageKeysAreTheKnownOnes(t *testing.T) {
	t.Parallel()
	for want, k := range map[string][32]byte{
		"0x9dc185b46ed0f11d151f055e45fde635375a9680c34e501b43a82eb6c09c0951": keyTotalETH,
		"0x60ada356ca70f00927cab348673259fa737f98b9c6c4cb8433c182af17149aef": keyStakingETH,
		"0x5b3a7b8bdde2122fad4dc45e51ae0c5cedc887473a999474f2ead5a8faadfe3c": keyRETHSupply,
		"0x8e228cc95820b1264270ce3b51a2a54e17242e0b792a7f57c45f45e402f44c74": keyReportBlock,
		"0x2bf046908521b100f0b60454d61b12d6184158cf04e6b59bcc5132a22c2b5e20": keyReportTime,
		"0x2e762d2f256c577dce20d4ce31dc2af8c8da2fa1b30f62e48051a488efa751f7": keyNodes,
		"0x67439c1660eab2503867388515211592f3be098094b6fb0899c0fe216020de1d": keyMinipools,
		"0x3441dc4461171402746c7de6880184ae1bfbc9def01a5bd7508263456c144419": keyStaking,
		"0x7600e27d933b4f22ce3529323416023ac97f47a7481431772c019790c3ca57d2": keyFinalised,
		"0x2faa2a11e158f68ff80ff398ae6374b885ee8bbb22c91b93891675d8591a7822": keyMegapool,
		"0xb632130fc67928037d448c810190dc9adcda8751acf1a29646b1fdd3000d111e": keyNodeBalance,
		"0x4f8d6202b5e247b85e44f30a9430b6e08b34fa8e958ffcf5f1e41956cc0d7e1f": keyEnabled,
		"0x6f05c274ec0cb997e9edf9aaaa45bfc6d473f896318de35adc4dadb0d137d240": keyMinimum,
		"0xd487f0c76dc5563eaba9729fb4385f066098a27197f8e13ca686d12e073885d2": keyPoolMaximum,
		"0xee1b2d062bc9318204362e343b5925eeff06035fe194c84ee300a29b5ac8cde3": keyDepositFee,
		"0x65dd923ddfc8d8ae6088f80077201d2403cbd565f0ba25e09841e2799ec90bb2": keyDepositPool,
		"0x034cd2ba322813e095f0f5279fe7959f6a89e44e2f0f497703d997c9bc1ba0e0": keyNetworkFees,
		"0x8f9e2ad2dfaf148af699eed576646085970cad645107033c3eed729180249a5f": keyRevenues,
	} {
		if got := common.Hash(k).Hex(); got != want {
			t.Errorf("key is %s, want %s", got, want)
		}
	}
}
