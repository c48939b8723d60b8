-- name: share-history
-- question: How did the division of the market and its concentration move over time?
-- column: day | time | 00:00 UTC
-- column: underlying | text | native asset
-- column: token | text | symbol
-- column: tvl_native | native | supply × rate
-- column: share_pct | percent | of the denominator that day
-- column: hhi | index | of all tokens of the denominator, 0 to 10,000
-- column: population | count | tokens with a known level that day
-- column: left_out | count | tokens without one
-- column: denominator | text | what the share is of
-- param: days | 7 | days from one row to the next
-- param: from | now-365d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: The denominator holds only tokens this warehouse reads, not all stake of the chain.
-- caveat: Where population changes, shares jump without anyone moving; left_out tokens make shares and index too high.
-- methodology: 1
SELECT s.d AS day, s.underlying, t.symbol AS token, s.tvl_native, round(100 * s.share_of, 3) AS share_pct,
       round(sum(hhi_part(s.share_of)) OVER (PARTITION BY s.underlying, s.d), 1) AS hhi, s.population, s.left_out, s.denominator
FROM market_share(date_trunc('day', $from::TIMESTAMP), $to, kt := $known_at) s JOIN token t USING (token_id)
WHERE s.tvl_native IS NOT NULL AND date_diff('day', s.d, date_trunc('day', $to::TIMESTAMP)) % $days::BIGINT = 0
ORDER BY s.underlying, day, s.tvl_native DESC, token;
