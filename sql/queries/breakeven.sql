-- name: breakeven
-- question: How long must one hold before entry and exit costs are earned back?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: size_native | native | amount
-- column: entry_bps | bps | deposit fee in force; unknown counts as none
-- column: exit_bps | bps | cheapest way out at once
-- column: net_apr_pct | percent | net APR over 30 days; unknown for a frozen token and for a history that does not cover them
-- column: breakeven_days | days | costs over daily yield
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Only routes without a wait count as exits here.
-- methodology: 1
WITH x AS (
    SELECT token_id, size_native, min(haircut_bps) AS exit_bps FROM exit_cost($as_of, kt := $known_at)
    WHERE wait_days = 0 AND haircut_bps IS NOT NULL GROUP BY 1, 2),
f AS (SELECT token_id, fee_bps FROM growth_of(1, $as_of, $as_of, kt := $known_at)),
a AS (SELECT token_id, apr_net FROM apr(30, $as_of, kt := $known_at) WHERE is_published)
SELECT t.chain_id AS chain, t.symbol AS token, x.size_native, f.fee_bps AS entry_bps, round(x.exit_bps, 2) AS exit_bps,
       round(100 * a.apr_net, 4) AS net_apr_pct,
       round((coalesce(f.fee_bps, 0) + x.exit_bps) / (1e4 * nullif(a.apr_net, 0) / 365), 2) AS breakeven_days
FROM x JOIN token t USING (token_id) LEFT JOIN f USING (token_id) LEFT JOIN a USING (token_id)
ORDER BY breakeven_days NULLS LAST, chain, token, size_native;
