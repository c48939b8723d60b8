package main

import (
	"encoding/hex"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// Every method the plugin calls, with the selector that the protocol's published
// interfaces have. A signature that drifts from the contract would only revert.
func TestSelectorsAreThePublishedOnes(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]evm.Method{
		"8aa10435": getContractVersion,
		"37cfdaca": getTotalPooledEther,
		"18160ddd": totalSupply,
		"d5002f2e": getTotalShares,
		"7a28fb88": getPooledEthByShares,
		"035faf82": stEthPerToken,
		"47b714e0": getBufferedEther,
		"ae2e3538": getBeaconStat,
		"38ac3c55": getBalanceStats,
		"e16a9065": getExternalEther,
		"63021d8b": getExternalShares,
		"f0bfd7e8": getDepositsReserve,
		"fa64ebac": getTotalELRewardsCollected,
		"ced72f87": getFee,
		"752f77f1": getFeeDistribution,
		"609c4c6c": getCurrentStakeLimit,
		"1ea7ca89": isStakingPaused,
		"3f683b6a": isStopped,
		"5a2031f9": accountingOracle,
		"ef6c064c": stakingRouter,
		"37d5fe99": withdrawalQueue,
		"3584d59c": getLastProcessingRefSlot,
		"89896aef": getLastCompletedEpochID,
		"fa5093eb": getStakingFeeAggregateDistribution,
		"6183214d": getStakingModules,
		"07e203ac": getStakingModuleSummary,
		"96b5d81c": getStakingModuleActiveValidatorsCount,
		"8469cbd3": getActiveNodeOperatorsCount,
		"d0fb84e8": unfinalizedStETH,
		"c2fc7aff": unfinalizedRequestNumber,
		"f6fa8a47": getLockedEtherAmount,
		"b187bd26": isPaused,
		"2b95b781": isBunkerModeActive,
		"5e0d443f": getDy,
		"e00222a0": getTotalPooledMatic,
		"d968447c": convertStMaticToMatic,
		"7e978af8": getTotalStakeAcrossAllValidator,
		"52349b17": totalBuffered,
		"b0e21e8a": protocolFee,
		"964a7596": entityFees,
		"5c975abb": paused,
		// Not in the notes the others were taken from; computed from the names of
		// WithdrawalQueue.sol's public constants.
		"0d25a957": minWithdrawal,
		"db2296cd": maxWithdrawal,
	} {
		if s := m.Selector(); hex.EncodeToString(s[:]) != want {
			t.Errorf("%s has selector %x, want %s", m, s, want)
		}
	}
	const topic = "0xff08c3ef606d198e316ef5b822193c489965899eb4e3c248cea1a4626c3eda50"
	if tokenRebased.Topic().Hex() != topic {
		t.Errorf("TokenRebased has topic %s, want %s", tokenRebased.Topic(), topic)
	}
}
