-- name: league
-- question: Which token pays its holders most, after all fees, against its own chain's staking rate?
-- column: position | count | rank by capture; none without one
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: apr_pct | percent | net APR over the window, simple, between real updates
-- column: apr_7d_pct | percent | the same over 7 days
-- column: apr_30d_pct | percent | over 30 days
-- column: apr_365d_pct | percent | over 365 days
-- column: chain_apr_pct | percent | the chain's own staking rate over the same days_used
-- column: spread_bps | bps | apr_pct minus chain_apr_pct
-- column: capture | ratio | apr_pct over chain_apr_pct
-- column: take_eff_pct | percent | share of gross rewards really kept, where fee shares are known
-- column: take_adv_pct | percent | what the protocol says it keeps
-- column: premium_bps | bps | market price over fair value, negative is a discount
-- column: exit100_bps | bps | cheapest way out for 100 native units, waiting included
-- column: exit100_route | text | that way out
-- column: tvl_native | native | supply × rate
-- column: tvl_usd | usd | the same × USD price of the native asset
-- column: flow30_pct | percent | net deposits of 30 days over the supply then
-- column: state | text | fresh, restated, bench, stale, frozen or sunset
-- column: age_h | hours | since the rate last changed
-- column: as_of | time | the moment looked at
-- column: window_days | days | the window asked for
-- column: days_used | days | the time really covered
-- column: updates | count | changes of the rate inside it
-- column: basis | text | ◆ on-chain, ◇ derived, △ published or API, ✎ manual
-- param: window | 30 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: The yield of a stale, frozen or sunset token is withheld. One that does not cover its window is shown with its days_used, last and without a rank.
-- caveat: A rank needs the chain's own rate, because only capture compares across chains.
-- caveat: Compare capture across chains, not APR: the assets and their issuance differ.
-- caveat: A token of which nothing was read by then has no row here; freshness lists it.
-- caveat: Realised past figures, not a forecast.
-- methodology: 1
SELECT position, chain_id AS chain, symbol AS token,
       round(100 * apr_net, 4) AS apr_pct, round(100 * apr_7d, 4) AS apr_7d_pct,
       round(100 * apr_30d, 4) AS apr_30d_pct, round(100 * apr_365d, 4) AS apr_365d_pct,
       round(100 * bench_apr, 4) AS chain_apr_pct, round(1e4 * spread, 2) AS spread_bps, round(capture, 4) AS capture,
       round(100 * take_rate_eff, 2) AS take_eff_pct, round(100 * take_rate_adv, 2) AS take_adv_pct,
       round(1e4 * premium, 2) AS premium_bps, round(exit100_bps, 2) AS exit100_bps, exit100_route,
       round(tvl_native, 9) AS tvl_native, round(tvl_usd, 2) AS tvl_usd, round(flow_pct, 3) + 0 AS flow30_pct, state,
       round(value_age_s / 3600, 1) AS age_h, $as_of::TIMESTAMP AS as_of, $window::DOUBLE AS window_days,
       round(days_used, 2) AS days_used, updates, mark AS basis
FROM league($window, $as_of, kt := $known_at)
WHERE to_ts IS NOT NULL OR tvl_native IS NOT NULL OR premium IS NOT NULL
ORDER BY position NULLS LAST, accrual = 'benchmark', is_ranked DESC, chain, apr_pct DESC NULLS LAST, token;
