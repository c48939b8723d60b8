-- name: arbitrage
-- question: What does buying at a discount and redeeming pay per year?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: route | text | way out with a wait
-- column: size_native | native | amount
-- column: premium_bps | bps | market against fair value
-- column: wait_days | days | expected wait
-- column: implied_apr_pct | percent | simple, if the wait comes true
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Before gas and price risk during the wait.
-- methodology: 1
SELECT t.chain_id AS chain, t.symbol AS token, x.route, x.size_native, round(1e4 * p.premium, 2) AS premium_bps, round(x.wait_days, 3) AS wait_days,
       round(100 * annualise(p.fair / p.price * x.out_native / x.size_native, x.wait_days * 86400, 'apr'), 4) AS implied_apr_pct
FROM premium_at($as_of, kt := $known_at) p JOIN exit_cost($as_of, kt := $known_at) x USING (token_id) JOIN token t USING (token_id)
WHERE x.wait_days > 0 AND x.out_native IS NOT NULL ORDER BY implied_apr_pct DESC, chain, token, route, size_native;
