package chaintest

import (
	"encoding/json"
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// LogServing is how a node serves eth_getLogs; nodes and providers differ.
type LogServing struct {
	// Undated leaves the time of the block out of a log.
	Undated bool
	// Refusal, if not empty, is the error every search is answered with.
	Refusal string
}

// source is an event a contract logs.
type source struct {
	target common.Address
	topic  common.Hash
	at     Answer
}

// Logs teaches that a contract logs an event in every block for which at returns the
// event's arguments, the first of them indexed, and none where it returns nil.
func (e *Ethereum) Logs(target common.Address, event evm.Event, at Answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.logs = append(e.logs, source{target, event.Topic(), at})
}

// ServeLogs changes how searches are answered.
func (e *Ethereum) ServeLogs(how LogServing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.serving = how
}

func (e *Ethereum) search(raw json.RawMessage) (any, error) {
	var filter struct {
		Address            common.Address
		Topics             []common.Hash
		FromBlock, ToBlock string
	}
	if err := json.Unmarshal(raw, &filter); err != nil {
		return nil, err
	}
	e.mu.Lock()
	logs, how := e.logs, e.serving
	e.mu.Unlock()
	from, ok := e.byTag(filter.FromBlock)
	to, ok2 := e.byTag(filter.ToBlock)
	switch {
	case how.Refusal != "":
		return nil, &rpcError{-32000, how.Refusal}
	case !ok || !ok2 || len(filter.Topics) != 1:
		return nil, errors.New("invalid block range params")
	}
	out := []any{}
	for n := from.Number; n <= to.Number; n++ {
		for _, s := range logs {
			if s.target != filter.Address || s.topic != filter.Topics[0] {
				continue
			}
			values := s.at(block(n))
			if values == nil {
				continue
			}
			log := map[string]any{
				"address": s.target, "topics": []common.Hash{s.topic, common.BytesToHash(words(values[:1]))}, "data": hexutil.Bytes(words(values[1:])),
				"blockNumber": hexutil.Uint64(n), "blockHash": block(n).Hash(), "logIndex": hexutil.Uint64(len(out)), "removed": false,
			}
			if !how.Undated {
				log["blockTimestamp"] = hexutil.Uint64(block(n).Time.Unix())
			}
			out = append(out, log)
		}
	}
	return out, nil
}
