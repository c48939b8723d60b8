-- name: flows
-- question: How much was deposited net, free of rewards and price?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: flow_native | native | net deposits, at the rate now
-- column: flow_pct | percent | of the supply at the start
-- column: flow_shares | shares | change of supply without fee shares
-- column: fee_shares | shares | minted as fees in the window
-- column: supply_start | shares | at the start
-- column: supply_end | shares | at the end
-- param: window | 7 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Fee shares are taken out only where the protocol reports them; where none were read they are unknown and among the deposits.
-- caveat: Wrapping and bridging move no supply and do not appear.
-- methodology: 1
SELECT t.chain_id AS chain, t.symbol AS token, round(f.flow_native, 9) + 0 AS flow_native, round(f.flow_pct, 4) + 0 AS flow_pct,
       round(f.flow_shares, 9) + 0 AS flow_shares, f.fee_shares,
       f.s0 AS supply_start, f.s1 AS supply_end
FROM net_flow($window, $as_of, kt := $known_at) f JOIN token t USING (token_id)
WHERE f.flow_shares IS NOT NULL ORDER BY flow_pct DESC, chain, token;
