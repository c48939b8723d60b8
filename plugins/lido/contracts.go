package main

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// Fixed for the whole life of the protocol.
var (
	stETH      = evm.MustAddress("0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84")
	wstETH     = evm.MustAddress("0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0")
	locator    = evm.MustAddress("0xC1d0b3DE6792Bf6b4b37EccdcC24e45978Cfd2Eb") // since V2
	lidoOracle = evm.MustAddress("0x442af784A788A5bd6F42A01Ebe9F287a871243fb") // reports of V1
	curated    = evm.MustAddress("0x55032650b14df07b85bF18A3a3eC8E0Af2e028d5") // operators of V1, module 1 since
	curvePool  = evm.MustAddress("0xDC24316b9AE028F1497c275EB9192a3Ea0f67022")
	stMATIC    = evm.MustAddress("0x9ee91F9f426fA633d227f7a9b000E28b9dfd8599")
)

// The parts of the protocol that may move. These addresses only save a round:
// what the locator says at the block decides.
var (
	usualOracle = evm.MustAddress("0x852deD011285fe67063a08005c71a85690503Cee")
	usualRouter = evm.MustAddress("0xFdDf38947aFB03C621C71b06C9C70bce73f12999")
	usualQueue  = evm.MustAddress("0x889edC2eDab5f40e902b864aD4d7AdE8E412F9B1")

	usualModules = []module{
		{1, curated},
		{2, evm.MustAddress("0xaE7B191A31f627b4eB1d4DaC64eaB9976995b433")}, // SimpleDVT
		{3, evm.MustAddress("0xdA7dE2ECdDfccC6c3AF10108Db212ACBBf9EA83F")}, // CSM
		{4, evm.MustAddress("0xDa5F930cE326EB5205085D66c72A4E79d60cB8C1")}, // curated v2, since SRv3
	}
)

// On the Lido contract.
var (
	getContractVersion         = evm.MustMethod("getContractVersion() returns (uint256)")
	getTotalPooledEther        = evm.MustMethod("getTotalPooledEther() returns (uint256)")
	totalSupply                = evm.MustMethod("totalSupply() returns (uint256)")
	getTotalShares             = evm.MustMethod("getTotalShares() returns (uint256)")
	getPooledEthByShares       = evm.MustMethod("getPooledEthByShares(uint256) returns (uint256)")
	getBufferedEther           = evm.MustMethod("getBufferedEther() returns (uint256)")
	getBeaconStat              = evm.MustMethod("getBeaconStat() returns (uint256,uint256,uint256)")
	getBalanceStats            = evm.MustMethod("getBalanceStats() returns (uint256,uint256,uint256,uint256)")
	getExternalEther           = evm.MustMethod("getExternalEther() returns (uint256)")
	getExternalShares          = evm.MustMethod("getExternalShares() returns (uint256)")
	getDepositsReserve         = evm.MustMethod("getDepositsReserve() returns (uint256)")
	getTotalELRewardsCollected = evm.MustMethod("getTotalELRewardsCollected() returns (uint256)")
	getFee                     = evm.MustMethod("getFee() returns (uint16)")
	getFeeDistribution         = evm.MustMethod("getFeeDistribution() returns (uint16,uint16,uint16)")
	getCurrentStakeLimit       = evm.MustMethod("getCurrentStakeLimit() returns (uint256)")
	isStakingPaused            = evm.MustMethod("isStakingPaused() returns (bool)")
	isStopped                  = evm.MustMethod("isStopped() returns (bool)")
	stEthPerToken              = evm.MustMethod("stEthPerToken() returns (uint256)") // wstETH
)

// tokenRebased is logged by stETH at each oracle report since V2: the time of its
// reference slot (indexed), the seconds since the report before, shares and ether
// before and after, and the shares minted as fees.
var tokenRebased = evm.MustEvent("TokenRebased(uint256,uint256,uint256,uint256,uint256,uint256,uint256)")

// reportBlocks is how far back a report is looked for: 28 h of slots, for one report
// a day that may be late, and below the 10,000 blocks that public endpoints search.
const reportBlocks = 28 * 3600 / secondsInSlot

// On the locator, the routers and the oracles.
var (
	accountingOracle = evm.MustMethod("accountingOracle() returns (address)")
	stakingRouter    = evm.MustMethod("stakingRouter() returns (address)")
	withdrawalQueue  = evm.MustMethod("withdrawalQueue() returns (address)")

	getLastProcessingRefSlot = evm.MustMethod("getLastProcessingRefSlot() returns (uint256)")
	getLastCompletedEpochID  = evm.MustMethod("getLastCompletedEpochId() returns (uint256)")

	getStakingFeeAggregateDistribution    = evm.MustMethod("getStakingFeeAggregateDistribution() returns (uint96,uint96,uint256)")
	getStakingModules                     = evm.MustMethod("getStakingModules() returns ((uint24,address,uint16,uint16,uint16,uint8,string,uint64,uint256,uint256)[])")
	getStakingModuleSummary               = evm.MustMethod("getStakingModuleSummary(uint256) returns (uint256,uint256,uint256)")
	getStakingModuleActiveValidatorsCount = evm.MustMethod("getStakingModuleActiveValidatorsCount(uint256) returns (uint256)")
	getActiveNodeOperatorsCount           = evm.MustMethod("getActiveNodeOperatorsCount() returns (uint256)")

	unfinalizedStETH         = evm.MustMethod("unfinalizedStETH() returns (uint256)")
	unfinalizedRequestNumber = evm.MustMethod("unfinalizedRequestNumber() returns (uint256)")
	getLockedEtherAmount     = evm.MustMethod("getLockedEtherAmount() returns (uint256)")
	isPaused                 = evm.MustMethod("isPaused() returns (bool)")
	isBunkerModeActive       = evm.MustMethod("isBunkerModeActive() returns (bool)")
	minWithdrawal            = evm.MustMethod("MIN_STETH_WITHDRAWAL_AMOUNT() returns (uint256)")
	maxWithdrawal            = evm.MustMethod("MAX_STETH_WITHDRAWAL_AMOUNT() returns (uint256)")
)

// On Curve's classic pool, where coin 0 is ETH and coin 1 is stETH.
var getDy = evm.MustMethod("get_dy(int128,int128,uint256) returns (uint256)")

// On stMATIC, beside totalSupply.
var (
	getTotalPooledMatic             = evm.MustMethod("getTotalPooledMatic() returns (uint256)")
	convertStMaticToMatic           = evm.MustMethod("convertStMaticToMatic(uint256) returns (uint256,uint256,uint256)")
	getTotalStakeAcrossAllValidator = evm.MustMethod("getTotalStakeAcrossAllValidators() returns (uint256)")
	totalBuffered                   = evm.MustMethod("totalBuffered() returns (uint256)")
	protocolFee                     = evm.MustMethod("protocolFee() returns (uint8)")
	entityFees                      = evm.MustMethod("entityFees() returns (uint8,uint8,uint8)")
	paused                          = evm.MustMethod("paused() returns (bool)")
)

// parts are the addresses that the locator and the router give at a block.
type parts struct {
	oracle, router, queue common.Address
	modules               []module
}

// module is a staking module: its id at the router, and its contract.
type module struct {
	id      int
	address common.Address
}
