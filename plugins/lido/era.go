package main

import (
	"fmt"
	"math/big"
	"reflect"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// era is the version of the Lido contract.
type era uint64

const (
	v1   era = 1 // no withdrawals; the contract has no version
	v2   era = 2 // staking router, withdrawal queue
	v3   era = 3 // stVaults: external ether
	srv3 era = 4 // balances instead of validator counts
)

// eraOf reads the version at the block. getContractVersion reverts in V1; an
// unknown version is an error, because its numbers may mean something else.
func eraOf(s *evm.Snapshot) (era, error) {
	r := s.Get(getContractVersion.At(stETH))
	if r.Absent() {
		if pooled := s.Get(getTotalPooledEther.At(stETH)); pooled.Err != nil {
			return 0, pooled.Err // Lido is not there yet
		}
		return v1, nil
	}
	n, err := r.Uint64(0)
	if err != nil {
		return 0, err
	}
	if e := era(n); e == v2 || e == v3 || e == srv3 {
		return e, nil
	}
	return 0, sdk.Errorf(sdk.KindLayout, "block %d: version %d of the Lido contract is not known to this plugin: a newer one is needed", s.Anchor.Height, n)
}

// Where the name stands in a StakingModule tells how many fields it has: new ones
// were appended before the name's text (10 in V2.0, 13 since v2.2, 15 in SRv3).
var moduleFields = map[int64]bool{10: true, 13: true, 15: true}

// modulesOf reads the staking modules registered at the router. The first ten
// fields are the same in every era.
func modulesOf(s *evm.Snapshot, router common.Address) ([]module, error) {
	r := s.Get(getStakingModules.At(router))
	v, err := r.Value(0)
	if err != nil {
		return nil, err
	}
	if err := checkModuleLayout(r.Data); err != nil {
		return nil, sdk.Errorf(sdk.KindLayout, "block %d: getStakingModules(): %w", s.Anchor.Height, err)
	}
	list := reflect.ValueOf(v)
	modules := make([]module, list.Len())
	for i := range modules {
		// abi decodes a tuple into a struct with the fields in order.
		id, okID := list.Index(i).Field(0).Interface().(*big.Int)
		at, okAt := list.Index(i).Field(1).Interface().(common.Address)
		if !okID || !okAt {
			return nil, sdk.Errorf(sdk.KindInternal, "module %d was decoded into %s", i, list.Index(i).Type())
		}
		modules[i] = module{int(id.Int64()), at} // a uint24 fits
	}
	return modules, nil
}

// checkModuleLayout looks at the offset of the name (field 6) in every module.
// data has been decoded already, so its offsets lie inside.
func checkModuleLayout(data []byte) error {
	word := func(at int64) int64 {
		if at < 0 || at > int64(len(data))-32 {
			return -1
		}
		return new(big.Int).SetBytes(data[at : at+32]).Int64()
	}
	list := word(0) + 32
	for i := range word(word(0)) {
		start := list + word(list+32*i)
		if name := word(start + 6*32); name%32 != 0 || !moduleFields[name/32] {
			return fmt.Errorf("module %d has its name at %d, so its fields are not those of a known version", i, name)
		}
	}
	return nil
}
