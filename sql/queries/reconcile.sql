-- name: reconcile
-- question: Do our figures agree with what third parties report?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: what | text | the figure
-- column: ts | time | of the third party's figure
-- column: ours | native | tvl at that time
-- column: theirs | native | as reported
-- column: diff_bps | bps | theirs over ours
-- column: flag | flag | more than 1 % apart
-- column: basis | text | how theirs came to be known
-- param: window | 30 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Third parties count different things: bonds, other chains, queues. A flag asks for a look, not for a correction.
-- methodology: 1
WITH x AS (
    SELECT token_id, ts, value AS theirs, basis FROM metric_known($known_at)
    WHERE metric_id = 'tvl_reported_native' AND value IS NOT NULL AND ts <= $as_of::TIMESTAMP
        AND ts > $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400)),
o AS (
    SELECT x.*, t.chain_id, t.symbol, t.stale_after_s,
           CASE WHEN seconds_between(s.ts, x.ts) <= t.stale_after_s AND seconds_between(r.ts, x.ts) <= t.stale_after_s THEN s.supply * r.rate END AS by_supply,
           CASE WHEN seconds_between(b.ts, x.ts) <= t.stale_after_s THEN b.value END AS by_backing
    FROM x JOIN token t USING (token_id)
    ASOF LEFT JOIN supply_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400) - max_carry(), $as_of, $known_at) s ON x.token_id = s.token_id AND x.ts >= s.ts
    ASOF LEFT JOIN rate_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400) - max_carry(), $as_of, $known_at) r ON x.token_id = r.token_id AND x.ts >= r.ts
    ASOF LEFT JOIN series_between('backing_native', $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400) - max_carry(), $as_of, $known_at) b ON x.token_id = b.token_id AND x.ts >= b.ts)
SELECT chain_id AS chain, symbol AS token, 'TVL' AS what, ts, round(coalesce(by_supply, by_backing), 9) AS ours, theirs,
       round(1e4 * (theirs / nullif(coalesce(by_supply, by_backing), 0) - 1), 1) AS diff_bps,
       abs(theirs / nullif(coalesce(by_supply, by_backing), 0) - 1) > 0.01 AS flag, basis_mark(basis) AS basis
FROM o ORDER BY abs(diff_bps) DESC NULLS LAST, chain, token, ts;
