// Package evm reads contracts of an EVM chain for plugins, many calls and many
// blocks at a time.
//
// A plugin declares methods by signature, asks for calls at anchors, and gets one
// Snapshot an anchor. All calls of a snapshot travel as one Multicall3 call where
// Multicall3 exists and as a JSON-RPC batch of eth_call before, and the snapshots
// of up to 50 anchors travel in one HTTP request. Every call is pinned to its
// anchor: by block hash (EIP-1898) when the anchor has one, by number otherwise.
//
//	var getFee = evm.MustMethod("getFee() returns (uint16)")
//
//	snaps := client.Read(ctx, req.Anchors, func(sdk.Anchor) []evm.Call {
//		return []evm.Call{getFee.At(lido)}
//	})
//	for _, s := range snaps {
//		rows := s.Rows("steth")
//		rows.Add(sdk.FeeRewardBPS, s.Get(getFee.At(lido)).Number(0, 0))
//		err := rows.Emit(sink)
//	}
//
// A Number is a value with its evidence, or the reason why there is none: a
// reverted call and an address without code give an observation without value
// and with a reason, never a zero; an answer of another shape than the signature
// says is an error of kind layout.
//
// Event.Newest asks, in the same HTTP request, for the newest event of a contract in
// a bounded range of blocks before the anchor. Its number is dated by the event's
// own block, so that every anchor that sees the event says the same of it. Only
// where the node's logs lack the time of their block does one request more ask for it.
//
// The package does not retry, limit rates or hold keys (the host's gateway does),
// does not sign or send transactions, and does not follow logs. Errors never
// show the endpoint, which holds the task's token.
package evm
