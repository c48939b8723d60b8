-- name: depeg
-- question: Which discounts were worst: how deep, how long, how fast did they heal?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: venue | text | where the price was seen
-- column: began | time | first price below −theta
-- column: trough_at | time | the deepest price
-- column: ended | time | first price above −theta/2; none while open
-- column: trough_bps | bps | premium at the trough
-- column: duration_days | days | from began to ended
-- column: recovery_days | days | from trough to ended
-- column: area_bps_days | bps·days | discount summed over time
-- column: prices | count | prices inside
-- column: is_open | flag | not ended yet
-- column: size_native | shares | size the price is good for; unknown: not bound to a size
-- param: theta_bps | 50 | discount at which an episode starts, bps
-- param: from | now-3650d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: A price of one venue at a small size says nothing about large ones.
-- caveat: Episodes are cut at the first and last price known.
-- methodology: 1
SELECT t.chain_id AS chain, t.symbol AS token, venue, began, trough_at, ended, round(trough_bps, 1) AS trough_bps,
       round(duration_days, 2) AS duration_days, round(recovery_days, 2) AS recovery_days,
       round(area_bps_days, 1) AS area_bps_days, prices, is_open, size_base AS size_native
FROM depeg_episodes($theta_bps::DOUBLE / 1e4, lo := $from, hi := $to, kt := $known_at) JOIN token t USING (token_id)
ORDER BY trough_bps, chain, token, venue, size_native, began;
