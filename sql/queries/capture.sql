-- name: capture
-- question: How much of its chain's own staking rate does each token pass on?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: net_apr_pct | percent | net APR over the window
-- column: chain_apr_pct | percent | the chain's own rate over exactly that time
-- column: spread_bps | bps | the difference
-- column: capture | ratio | the quotient
-- column: days_used | days | time really covered
-- column: updates | count | changes of the rate inside it
-- column: is_frozen | flag | no change for longer than the token allows
-- column: covers_window | flag | days_used is near the window
-- param: window | 30 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Frozen and short rows are shown here with their figures; the league withholds them.
-- methodology: 1
WITH s AS MATERIALIZED (SELECT * FROM rate_step_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at)),
a AS MATERIALIZED (SELECT * FROM apr_windows_with('s', [$window::DOUBLE], $as_of))
SELECT t.chain_id AS chain, t.symbol AS token, round(100 * a.apr_net, 4) AS net_apr_pct,
       round(100 * b.bench_apr, 4) AS chain_apr_pct, round(1e4 * (a.apr_net - b.bench_apr), 2) AS spread_bps,
       round(capture_of(a.apr_net, b.bench_apr), 4) AS capture, round(a.days_used, 2) AS days_used, a.updates,
       a.is_frozen, a.covers_window
FROM a JOIN token t USING (token_id) LEFT JOIN bench_with('a', 's') b USING (token_id)
WHERE t.accrual <> 'benchmark' AND a.to_ts IS NOT NULL
ORDER BY coalesce(a.is_frozen OR NOT a.covers_window, true), capture DESC NULLS LAST, chain, token;
