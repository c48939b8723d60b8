// Package evmtest runs a real EVM (anvil) for tests, with contracts that answer
// what the test says.
//
// A contract is an address whose code looks its answer up by the hash of the
// call data: whatever was not taught reverts, as an unknown function would.
// Multicall3 runs at its real address, so a reader works unchanged, batched or
// not, and failures of inner calls are real failures.
//
//	c := evmtest.Start(t, evmtest.Options{Before: 15_000_000, Time: start})
//	a := c.Mine(start.Add(12 * time.Second))
//	c.Answer(steth, totalShares.At(steth), big.NewInt(5))
//
// Order matters: mine a block first, then teach its answers. What is taught after
// block N belongs to N, and stays until it is taught anew in a later block.
// Blocks of the past stay readable.
//
// Multicall3.hex is the runtime code of Multicall3.sol, compiled with solc 0.8.30
// (npm package solc), optimizer on with 200 runs, EVM version london, without
// metadata.
//
// Tests are skipped when anvil is not installed. The package makes no promise
// about gas, transactions or consensus.
package evmtest
