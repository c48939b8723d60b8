-- name: drops
-- question: When did a redemption rate fall, and which slashing went before?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: ts | time | first reading of the lower rate
-- column: change_bps | bps | fall of the rate
-- column: slashing_ts | time | newest slashing of the protocol in the 45 days before
-- column: slashed_native | native | what it cost
-- param: from | now-3650d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: A slashing shortly before a fall is a hint, not a proof.
-- caveat: Rates are never clipped: a fall shows as it is.
-- methodology: 1
WITH fall AS MATERIALIZED (
    SELECT t.chain_id, t.symbol, t.protocol_id, s.ts, 1e4 * (s.rate / s.prev_rate - 1) AS change_bps
    FROM rate_step_between($from, $to, $known_at) s JOIN token t USING (token_id)
    WHERE s.rate < s.prev_rate AND s.ts > $from::TIMESTAMP),
slashing AS MATERIALIZED (
    SELECT protocol_id, ts, amount_native FROM event_between($from::TIMESTAMP - INTERVAL 45 DAY, $to, $known_at) WHERE event_type = 'slashing')
SELECT f.chain_id AS chain, f.symbol AS token, f.ts, round(f.change_bps, 4) AS change_bps,
       if(f.ts - e.ts <= INTERVAL 45 DAY, e.ts, NULL) AS slashing_ts,
       if(f.ts - e.ts <= INTERVAL 45 DAY, e.amount_native, NULL) AS slashed_native
FROM fall f ASOF LEFT JOIN slashing e ON f.protocol_id = e.protocol_id AND f.ts >= e.ts
ORDER BY change_bps, chain, token, f.ts;
