package main

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// Fixed for the whole life of the protocol.
var (
	storage  = evm.MustAddress("0x1d8f8f00cfa6758d7bE78336684788Fb0ee0Fa46")
	rETH     = evm.MustAddress("0xae78736Cd615f374D3085123A210448E74Fc6393")
	vault    = evm.MustAddress("0x3bDC69C4E5e13E52A65f5583c23EFB9636b469d6")
	wethPool = evm.MustAddress("0xa4e0faA58465A2D369aa21B3e42d43374c6F9613") // Uniswap V3 rETH/WETH 0.05 %
)

var (
	getUint    = evm.MustMethod("getUint(bytes32) returns (uint256)")
	getBool    = evm.MustMethod("getBool(bytes32) returns (bool)")
	getAddress = evm.MustMethod("getAddress(bytes32) returns (address)")

	balanceOf          = evm.MustMethod("balanceOf(string) returns (uint256)") // RocketVault
	totalSupply        = evm.MustMethod("totalSupply() returns (uint256)")
	getExchangeRate    = evm.MustMethod("getExchangeRate() returns (uint256)")
	getTotalCollateral = evm.MustMethod("getTotalCollateral() returns (uint256)")

	getMaximumDepositAmount    = evm.MustMethod("getMaximumDepositAmount() returns (uint256)") // RocketDepositPool since v1.2
	getNodeFee                 = evm.MustMethod("getNodeFee() returns (uint256)")              // RocketNetworkFees
	getCurrentNodeShare        = evm.MustMethod("getCurrentNodeShare() returns (uint256)")     // RocketNetworkRevenues, v1.4
	getCurrentVoterShare       = evm.MustMethod("getCurrentVoterShare() returns (uint256)")
	getCurrentProtocolDAOShare = evm.MustMethod("getCurrentProtocolDAOShare() returns (uint256)")

	slot0  = evm.MustMethod("slot0() returns (uint160,int24,uint16,uint16,uint16,uint8,bool)")
	token0 = evm.MustMethod("token0() returns (address)")
)

// Keys of RocketStorage that mean the same in every version from v1.0 to v1.4.
var (
	keyTotalETH    = key("network.balance.total")
	keyStakingETH  = key("network.balance.staking")
	keyRETHSupply  = key("network.balance.reth.supply")
	keyReportBlock = key("network.balances.updated.block")
	keyReportTime  = key("network.balances.updated.timestamp") // v1.4
	keyNodes       = setCount("nodes.index")
	keyMinipools   = setCount("minipools.index")
	keyStaking     = key("minipools.staking.count")
	keyFinalised   = key("minipools.finalised.count")
	keyMegapool    = key("megapool.validator.set.count") // v1.4
	keyNodeBalance = key("deposit.pool.node.balance")    // v1.2
	keyEnabled     = setting("deposit", "deposit.enabled")
	keyMinimum     = setting("deposit", "deposit.minimum")
	keyPoolMaximum = setting("deposit", "deposit.pool.maximum")
	keyDepositFee  = setting("deposit", "deposit.fee") // v1.1
	keyDepositPool = contractKey("rocketDepositPool")
	keyNetworkFees = contractKey("rocketNetworkFees")
	keyRevenues    = contractKey("rocketNetworkRevenues") // v1.4
)

// Where the contracts that change with the version are now. They only save a
// round: what RocketStorage says at the block decides.
var usual = places{
	depositPool: evm.MustAddress("0xCE15294273CFb9D9b628F4D61636623decDF4fdC"),
	fees:        evm.MustAddress("0xf824e2d69dc7e7c073162C2bdE87dA4746d27a0f"),
	revenues:    evm.MustAddress("0x9D9708dA8E0200Dd8Dd9ad09e0AAf184Ad260842"),
}

// places are the addresses of the contracts in force at a block; zero where
// there is none.
type places struct{ depositPool, fees, revenues common.Address }

// key is the place of a value that is named by plain text.
func key(name string) [32]byte { return crypto.Keccak256Hash([]byte(name)) }

// contractKey is the place of a contract's address.
func contractKey(name string) [32]byte { return key("contract.address" + name) }

// setCount is the place of the size of an address set.
func setCount(name string) [32]byte {
	set := key(name)
	return crypto.Keccak256Hash(set[:], []byte(".count"))
}

// setting is the place of a setting of the protocol DAO.
func setting(group, path string) [32]byte {
	space := key("dao.protocol.setting." + group)
	return crypto.Keccak256Hash(space[:], []byte(path))
}

var (
	e18 = new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil)
	q96 = new(big.Int).Lsh(big.NewInt(1), 96)
)
