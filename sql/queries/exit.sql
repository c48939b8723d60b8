-- name: exit
-- question: What is the cheapest way out now, at once or by queue, for each size?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: size_native | native | redemption value of what is sold
-- column: route | text | instant, queue, stake, delayed or dex
-- column: haircut_bps | bps | loss against redemption value
-- column: wait_days | days | expected wait
-- column: forgone_bps | bps | yield not earned while waiting
-- column: all_in_bps | bps | both together
-- column: is_cheapest | flag | the best route for the size
-- column: quoted_at | time | when it was quoted
-- column: note | text | why a figure is unknown
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Waits are estimates.
-- caveat: A route that cannot take the size shows no figure.
-- methodology: 1
SELECT t.chain_id AS chain, t.symbol AS token, x.size_native, x.route, round(x.haircut_bps, 2) AS haircut_bps,
       round(x.wait_days, 3) AS wait_days, round(x.forgone_bps, 2) AS forgone_bps, round(x.all_in_bps, 2) AS all_in_bps,
       x.is_cheapest, x.ts AS quoted_at, x.reason AS note
FROM exit_cost($as_of, kt := $known_at) x JOIN token t USING (token_id)
ORDER BY chain, token, size_native, all_in_bps NULLS LAST, route;
