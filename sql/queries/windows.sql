-- name: windows
-- question: How does one token's yield look over different windows?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: apr_1d_pct | percent | net APR over 1 day
-- column: apr_7d_pct | percent | over 7 days
-- column: apr_30d_pct | percent | over 30 days
-- column: apr_90d_pct | percent | over 90 days
-- column: apy_365d_pct | percent | net APY over 365 days; from a year on only the compound figure means anything
-- column: updates_7d | count | changes of the rate in 7 days
-- column: basis | text | ◆ on-chain, ◇ derived, △ published or API, ✎ manual
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- param: token | all | one token id, or all
-- caveat: A window the history does not cover is unknown, and every window of a frozen token.
-- caveat: So is one of fewer than three updates and less than their time: an annual figure would be noise.
-- methodology: 1
SELECT t.chain_id AS chain, t.symbol AS token,
       round(100 * max(a.apr_net) FILTER (window_days = 1 AND is_published), 4) AS apr_1d_pct,
       round(100 * max(a.apr_net) FILTER (window_days = 7 AND is_published), 4) AS apr_7d_pct,
       round(100 * max(a.apr_net) FILTER (window_days = 30 AND is_published), 4) AS apr_30d_pct,
       round(100 * max(a.apr_net) FILTER (window_days = 90 AND is_published), 4) AS apr_90d_pct,
       round(100 * max(a.apy_net) FILTER (window_days = 365 AND is_published), 4) AS apy_365d_pct,
       max(a.updates) FILTER (window_days = 7) AS updates_7d, any_value(a.mark) AS basis
FROM apr_windows([1, 7, 30, 90, 365], $as_of, kt := $known_at) a JOIN token t USING (token_id)
WHERE a.to_ts IS NOT NULL AND ($token = 'all' OR t.token_id = $token)
GROUP BY t.chain_id, t.symbol, t.token_id ORDER BY chain, token;
