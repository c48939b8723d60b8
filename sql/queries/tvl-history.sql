-- name: tvl-history
-- question: How did each token's supply, rate and TVL move over time?
-- column: day | time | 00:00 UTC
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: rate | native per share | redemption rate
-- column: supply | shares | outstanding
-- column: tvl_native | native | supply × rate
-- column: usd | usd | price of the native asset
-- column: tvl_usd | usd | tvl_native × usd
-- column: basis | text | ◆ on-chain, ◇ derived, △ published or API, ✎ manual
-- param: from | now-30d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- param: token | all | one token id, or all
-- caveat: A level older than the token allows is unknown, not carried on.
-- caveat: A token of which neither rate nor level was read by the end has no row here; freshness lists it.
-- methodology: 1
WITH near AS MATERIALIZED (SELECT * FROM rate_between(date_trunc('day', $from::TIMESTAMP) - max_carry(), $to, $known_at)),
rates AS MATERIALIZED (SELECT * FROM with_older_rates('near', $to, $known_at))
SELECT x.d AS day, x.chain_id AS chain, t.symbol AS token, x.rate, x.supply, round(x.tvl_native, 9) AS tvl_native, x.usd, round(x.tvl_usd, 2) AS tvl_usd, basis_mark(x.basis) AS basis
FROM daily_with('rates', date_trunc('day', $from::TIMESTAMP), $to, $known_at) x JOIN token t USING (token_id)
WHERE ($token = 'all' OR t.token_id = $token)
  AND (x.token_id IN (SELECT token_id FROM rates) OR x.supply IS NOT NULL OR x.tvl_native IS NOT NULL)
ORDER BY day, chain, token;
