-- name: share-history
-- question: How did the division of the market and its concentration move over time?
-- column: day | time | 00:00 UTC
-- column: underlying | text | native asset
-- column: token | text | symbol
-- column: tvl_native | native | supply × rate
-- column: share_pct | percent | of the denominator that day; unknown where it is
-- column: hhi | index | of the tokens with a known level, 0 to 10,000; of a chain only its bounds are known
-- column: hhi_low | index | the rest of the denominator spread over singletons
-- column: hhi_high | index | the rest of the denominator as one entity
-- column: population | count | tokens with a known level that day
-- column: left_out | count | tokens without one
-- column: denominator_id | text | warehouse or chain
-- column: denominator | text | what the share is of, and why it is unknown
-- param: of | warehouse | warehouse: TVL of the tokens in this warehouse; chain: all stake of the asset's chain
-- param: days | 7 | days from one row to the next
-- param: from | now-365d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: The denominator warehouse holds only tokens this warehouse reads, not all stake of the chain; of=chain asks for that.
-- caveat: Where population changes, shares jump without anyone moving; left_out tokens make shares and index of the warehouse too high and leave no bounds.
-- methodology: 1
SELECT s.d AS day, s.underlying, t.symbol AS token, s.tvl_native, round(100 * s.share_of, 3) AS share_pct,
       round(s.hhi, 1) AS hhi, round(s.hhi_low, 1) AS hhi_low, round(s.hhi_high, 1) AS hhi_high, s.population, s.left_out,
       s.denominator_id, s.denominator
FROM market_share(date_trunc('day', $from::TIMESTAMP), $to, of := $of, kt := $known_at) s JOIN token t USING (token_id)
WHERE s.tvl_native IS NOT NULL AND date_diff('day', s.d, date_trunc('day', $to::TIMESTAMP)) % $days::BIGINT = 0
ORDER BY s.underlying, day, s.tvl_native DESC, token;
