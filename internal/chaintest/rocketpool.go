package chaintest

import (
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// RETH is the rETH contract.
const RETH = "0xae78736Cd615f374D3085123A210448E74Fc6393"

var (
	rETH     = evm.MustAddress(RETH)
	storage  = evm.MustAddress("0x1d8f8f00cfa6758d7bE78336684788Fb0ee0Fa46")
	vault    = evm.MustAddress("0x3bDC69C4E5e13E52A65f5583c23EFB9636b469d6")
	wethPool = evm.MustAddress("0xa4e0faA58465A2D369aa21B3e42d43374c6F9613")
	deposits = evm.MustAddress("0xCE15294273CFb9D9b628F4D61636623decDF4fdC")
	fees     = evm.MustAddress("0xf824e2d69dc7e7c073162C2bdE87dA4746d27a0f")
	revenues = evm.MustAddress("0x9D9708dA8E0200Dd8Dd9ad09e0AAf184Ad260842")
)

// PoolBalance is the call that gives the ether of the deposit pool, and
// PoolNodeBalance the one that gives how much of it belongs to node operators.
var (
	PoolBalance     = method("balanceOf(string) returns (uint256)").At(vault, "rocketDepositPool")
	PoolNodeBalance = stored("deposit.pool.node.balance")
)

func keyOf(name string) [32]byte { return crypto.Keccak256Hash([]byte(name)) }

func stored(name string) evm.Call { return storedAt(keyOf(name)) }

func storedAt(k [32]byte) evm.Call {
	return method("getUint(bytes32) returns (uint256)").At(storage, k)
}

func hashOf(name, more string) [32]byte {
	k := keyOf(name)
	return crypto.Keccak256Hash(k[:], []byte(more))
}

// TeachRocketPool teaches rETH of version 1.4: a report at the start of each day,
// which adds 40 ETH.
func (e *Ethereum) TeachRocketPool() {
	supply := ether(350_000)
	for call, v := range map[string]any{
		"network.balance.staking": ether(340_000), "network.balance.reth.supply": supply,
		"minipools.staking.count": 20_000, "minipools.finalised.count": 19_000, "megapool.validator.set.count": 1_500,
	} {
		e.Answer(stored(call), v)
	}
	e.reportRocketPool(supply, pooled)
	e.At(stored("network.balances.updated.block"), func(b Block) []any { return []any{new(big.Int).SetUint64(BlockAt(b.Day()).Number)} })
	e.At(stored("network.balances.updated.timestamp"), func(b Block) []any { return []any{b.Day().Unix()} })
	e.Answer(storedAt(hashOf("nodes.index", ".count")), 4_000)
	e.Answer(storedAt(hashOf("minipools.index", ".count")), 41_000)
	e.Answer(PoolNodeBalance, ether(20))
	deposit := "dao.protocol.setting.deposit"
	e.Answer(storedAt(hashOf(deposit, "deposit.minimum")), pow10(16))
	e.Answer(storedAt(hashOf(deposit, "deposit.pool.maximum")), ether(18_000))
	e.Answer(storedAt(hashOf(deposit, "deposit.fee")), pow10(14, 5))
	e.Answer(method("getBool(bytes32) returns (bool)").At(storage, hashOf(deposit, "deposit.enabled")), true)
	address := method("getAddress(bytes32) returns (address)")
	e.Answer(address.At(storage, keyOf("contract.addressrocketDepositPool")), deposits)
	e.Answer(address.At(storage, keyOf("contract.addressrocketNetworkFees")), fees)
	e.Answer(address.At(storage, keyOf("contract.addressrocketNetworkRevenues")), revenues)

	e.Answer(method("getCurrentNodeShare() returns (uint256)").At(revenues), pow10(16, 5))
	e.Answer(method("getCurrentVoterShare() returns (uint256)").At(revenues), pow10(16, 9))
	e.Answer(method("getCurrentProtocolDAOShare() returns (uint256)").At(revenues), 0)
	e.Answer(method("getMaximumDepositAmount() returns (uint256)").At(deposits), ether(9_000))
	e.Answer(PoolBalance, ether(25))
	e.Answer(method("totalSupply() returns (uint256)").At(rETH), supply)
	e.Answer(method("getTotalCollateral() returns (uint256)").At(rETH), ether(2_224))
	e.Answer(method("token0() returns (address)").At(wethPool), rETH)
	e.Answer(method("slot0() returns (uint160,int24,uint16,uint16,uint16,uint8,bool)").At(wethPool),
		new(big.Int).Lsh(big.NewInt(17), 92), 1_200, 1, 1, 1, 0, true) // 17/16 × 2^96
}

func pooled(b Block) *big.Int { return ether(390_000 + 40*b.Days()) }

// reportRocketPool teaches the ether that a block's last report counted, and the
// rate that follows.
func (e *Ethereum) reportRocketPool(supply *big.Int, total func(Block) *big.Int) {
	e.At(stored("network.balance.total"), func(b Block) []any { return []any{total(b)} })
	e.At(method("getExchangeRate() returns (uint256)").At(rETH), func(b Block) []any { return []any{quo(pow10(18), total(b), supply)} })
}

// SlashRocketPool takes bps of the ether away from the reports from a day on.
func (e *Ethereum) SlashRocketPool(day time.Time, bps int64) {
	e.reportRocketPool(ether(350_000), func(b Block) *big.Int {
		total := pooled(b)
		if !b.Day().Before(day) {
			total.Sub(total, quo(big.NewInt(bps), total, big.NewInt(10_000)))
		}
		return total
	})
}
