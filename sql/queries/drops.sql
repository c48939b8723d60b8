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
SELECT t.chain_id AS chain, t.symbol AS token, s.ts, round(1e4 * (s.rate / s.prev_rate - 1), 4) AS change_bps,
       if(s.ts - e.ts <= INTERVAL 45 DAY, e.ts, NULL) AS slashing_ts,
       if(s.ts - e.ts <= INTERVAL 45 DAY, e.amount_native, NULL) AS slashed_native
FROM rate_step_between($from, $to, $known_at) s JOIN token t USING (token_id)
ASOF LEFT JOIN (SELECT * FROM event_between($from::TIMESTAMP - INTERVAL 45 DAY, $to, $known_at) WHERE event_type = 'slashing') e ON t.protocol_id = e.protocol_id AND s.ts >= e.ts
WHERE s.rate < s.prev_rate AND s.ts > $from::TIMESTAMP
ORDER BY change_bps, chain, token, ts;
