-- name: claims
-- question: What yield does each protocol claim, and what did its token really pay?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: apr_net_pct | percent | net APR over the window, what holders got
-- column: apr_gross_pct | percent | the same before the protocol's part, where fee shares are known
-- column: apr_claimed_pct | percent | the newest APR claimed in the window, as its source states it
-- column: apr_diff_pp | pp | claimed minus net APR
-- column: apy_net_pct | percent | net APY over the window: the same growth, compounded
-- column: apy_claimed_pct | percent | the newest APY claimed in the window, where the source states that instead
-- column: apy_diff_pp | pp | claimed minus net APY
-- column: claimed_at | time | when it was claimed
-- column: days_used | days | the time the net figures really cover
-- column: basis | text | mark of the claim: ◆ on-chain, ◇ derived, △ published or API, ✎ manual
-- param: window | 30 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: A claim stands beside the yield and is never used for one. Sources differ in window and what they count.
-- caveat: A claimed APR is compared with the net APR, a claimed APY with the net APY; neither is turned into the other.
-- caveat: The net figures of a stale, frozen or sunset token, or over other days than the window, is withheld here.
-- methodology: 1
WITH claim AS (
    SELECT token_id, arg_max(apr, ts) AS apr, arg_max(apy, ts) AS apy, max(ts) AS ts, basis_mark(arg_max(basis, ts)) AS mark
    FROM (
        SELECT token_id, ts, basis, value AS apr, NULL AS apy
        FROM series_between('apr_claimed', $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at)
        UNION ALL
        SELECT token_id, ts, basis, NULL, value
        FROM series_between('apy_claimed', $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at))
    GROUP BY 1),
steps AS MATERIALIZED (SELECT * FROM rate_step_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at)),
a AS MATERIALIZED (SELECT * FROM apr_windows_with('steps', [$window::DOUBLE], $as_of)),
l AS (
    SELECT f.chain_id, f.symbol, f.token_id, k.take_rate_eff, a.days_used,
           CASE WHEN f.state IN ('fresh', 'restated') AND a.covers_window THEN a.apr_net END AS net,
           CASE WHEN f.state IN ('fresh', 'restated') AND a.covers_window THEN a.apy_net END AS compound
    FROM freshness($as_of, kt := $known_at) f LEFT JOIN a USING (token_id)
    LEFT JOIN take_rate_with('a', 'steps', $window, $as_of, $known_at) k USING (token_id) WHERE f.accrual <> 'benchmark')
SELECT l.chain_id AS chain, l.symbol AS token, round(100 * l.net, 4) AS apr_net_pct,
       round(100 * l.net / nullif(1 - l.take_rate_eff, 0), 4) AS apr_gross_pct, round(100 * claim.apr, 4) AS apr_claimed_pct,
       round(100 * (claim.apr - l.net), 4) AS apr_diff_pp, round(100 * l.compound, 4) AS apy_net_pct,
       round(100 * claim.apy, 4) AS apy_claimed_pct, round(100 * (claim.apy - l.compound), 4) AS apy_diff_pp, claim.ts AS claimed_at,
       CASE WHEN l.net IS NOT NULL THEN round(l.days_used, 2) END AS days_used, claim.mark AS basis
FROM l LEFT JOIN claim USING (token_id)
WHERE l.net IS NOT NULL OR claim.ts IS NOT NULL
ORDER BY chain, token;
