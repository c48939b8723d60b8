-- name: premium-history
-- question: How did each market price stand against redemption value, period by period?
-- column: began | time | start of the period, UTC
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: venue | text | where the price was seen
-- column: avg_bps | bps | mean premium of the period at this size, negative is a discount
-- column: min_bps | bps | its lowest
-- column: prices | count | prices in it
-- column: basis | text | ◆ on-chain, ◇ derived, △ published or API, ✎ manual
-- column: size_native | shares | size the prices are good for; unknown: not bound to a size
-- param: days | 7 | length of a period
-- param: from | now-365d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: A period without a price has no row; nothing is carried over.
-- caveat: A price of one venue at a small size says nothing about large ones, so each size has its own row.
-- caveat: Periods are counted back from to, so the last one is whole.
-- methodology: 2
WITH x AS (
    SELECT token_id, venue, size_base, premium, basis,
           ($to::TIMESTAMP - to_seconds($days::DOUBLE * 86400 * (1 + floor(seconds_between(ts, $to::TIMESTAMP) / ($days::DOUBLE * 86400)))))::TIMESTAMP AS began
    FROM premium_between($from, $to, $known_at))
SELECT x.began, t.chain_id AS chain, t.symbol AS token, x.venue, round(1e4 * avg(x.premium), 2) AS avg_bps,
       round(1e4 * min(x.premium), 2) AS min_bps, count(*) AS prices, basis_mark(arg_max(x.basis, basis_rank(x.basis))) AS basis,
       x.size_base AS size_native
FROM x JOIN token t USING (token_id)
GROUP BY x.began, t.chain_id, t.symbol, t.token_id, x.venue, x.size_base ORDER BY chain, token, venue, size_native, began;
