-- name: fee-change
-- question: Did a change of the reward fee show up in what holders earned?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: changed_at | time | first reading of the new fee, or its date on the card
-- column: fee_was_bps | bps | before
-- column: fee_is_bps | bps | after
-- column: apr_before_pct | percent | net APR of the window before
-- column: apr_after_pct | percent | net APR of the window after
-- column: diff_pp | pp | after minus before
-- column: source | text | observed on the chain or card
-- param: window | 60 | days looked back from as_of
-- param: from | now-3650d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: The chain's own rate moves too; see capture before and after.
-- methodology: 1
WITH card AS (
    SELECT protocol_id, valid_from AS ts, lag(bps) OVER w AS was, bps AS is_now
    FROM (SELECT protocol_id, valid_from, sum(bps) AS bps FROM fee_card($known_at) WHERE fee_type = 'reward' AND valid_from IS NOT NULL GROUP BY 1, 2)
    WINDOW w AS (PARTITION BY protocol_id ORDER BY valid_from)),
c AS MATERIALIZED (
    SELECT token_id, ts, was, is_now, 'observed' AS source FROM setting_change_between($from, $to, $known_at) WHERE metric_id = 'fee_reward_bps'
    UNION ALL
    SELECT t.token_id, card.ts, card.was, card.is_now, 'card' FROM card JOIN token t USING (protocol_id)
    WHERE t.is_counted AND card.was <> card.is_now),
concerned AS MATERIALIZED (SELECT token_id FROM token WHERE home_id IN (SELECT t.home_id FROM c JOIN token t USING (token_id))),
s AS (
    SELECT c.*, r.ts AS rate_ts, r.rate, r.ts >= c.ts AS is_after FROM c JOIN rate_step_between($from::TIMESTAMP - to_seconds($window::DOUBLE * 86400),
        $to::TIMESTAMP + to_seconds($window::DOUBLE * 86400), $known_at, among := 'concerned') r USING (token_id)
    WHERE c.ts >= $from::TIMESTAMP AND c.ts <= $to::TIMESTAMP
        AND r.ts >= c.ts - to_seconds($window::DOUBLE * 86400) AND r.ts <= c.ts + to_seconds($window::DOUBLE * 86400)),
y AS (
    SELECT token_id, ts, was, is_now, source, is_after,
           annualise(arg_max(rate, rate_ts) / arg_min(rate, rate_ts), seconds_between(min(rate_ts), max(rate_ts)), 'apr') AS net_apr
    FROM s GROUP BY 1, 2, 3, 4, 5, 6)
SELECT t.chain_id AS chain, t.symbol AS token, y.ts AS changed_at, was AS fee_was_bps, is_now AS fee_is_bps,
       round(100 * max(net_apr) FILTER (NOT is_after), 4) AS apr_before_pct, round(100 * max(net_apr) FILTER (is_after), 4) AS apr_after_pct,
       round(100 * (max(net_apr) FILTER (is_after) - max(net_apr) FILTER (NOT is_after)), 4) AS diff_pp, source
FROM y JOIN token t USING (token_id) GROUP BY t.chain_id, t.symbol, t.token_id, y.ts, was, is_now, source
ORDER BY changed_at, chain, token, source;
