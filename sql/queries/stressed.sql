-- name: stressed
-- question: Which token still pays after a bad exit?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: net_apr_pct | percent | net APR over the window
-- column: p05_bps | bps | 5th percentile of the premium
-- column: worst_bps | bps | lowest premium
-- column: rate_drawdown_bps | bps | worst fall of the redemption rate
-- column: stressed_apr_pct | percent | net APR + min(p05, 0) − drawdown: held one year, sold in bad times
-- param: window | 365 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Without market prices the result is unknown, and ranks last: no price is not a good price.
-- caveat: Only tokens whose yield over the window is fit to be published.
-- methodology: 1
WITH p AS (
    SELECT token_id, quantile_cont(premium, 0.05) AS p05, min(premium) AS worst 
    FROM premium_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at) GROUP BY 1),
r AS (
    SELECT token_id, max(1 - rate / peak) AS mdd
    FROM (SELECT token_id, rate, max(rate) OVER (PARTITION BY token_id ORDER BY ts) AS peak 
          FROM rate_step_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at) WHERE ts > $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400)) GROUP BY 1)
SELECT t.chain_id AS chain, t.symbol AS token, round(100 * a.apr_net, 4) AS net_apr_pct, round(1e4 * p05, 1) AS p05_bps,
       round(1e4 * worst, 1) AS worst_bps, round(1e4 * mdd, 3) AS rate_drawdown_bps,
       round(100 * (a.apr_net + CASE WHEN p05 IS NOT NULL THEN least(p05, 0) END - mdd), 4) AS stressed_apr_pct
FROM apr($window, $as_of, kt := $known_at) a JOIN token t USING (token_id)
LEFT JOIN p USING (token_id) LEFT JOIN r USING (token_id)
WHERE t.accrual <> 'benchmark' AND a.is_published
ORDER BY stressed_apr_pct DESC NULLS LAST, chain, token;
