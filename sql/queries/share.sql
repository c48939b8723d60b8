-- name: share
-- question: How is the market divided, and how concentrated is it?
-- column: underlying | text | native asset
-- column: day | time | 00:00 UTC
-- column: token | text | symbol
-- column: tvl_native | native | supply × rate
-- column: share_pct | percent | of the denominator; unknown where it is
-- column: hhi | index | of the tokens with a known level, 0 to 10,000; of a chain only its bounds are known
-- column: hhi_low | index | the rest of the denominator spread over singletons
-- column: hhi_high | index | the rest of the denominator as one entity
-- column: population | count | tokens with a known level
-- column: left_out | count | tokens without one
-- column: denominator_id | text | warehouse or chain
-- column: denominator | text | what the share is of, and why it is unknown
-- column: denominator_native | native | how much that is
-- param: of | warehouse | warehouse: TVL of the tokens in this warehouse; chain: all stake of the asset's chain
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: The denominator warehouse holds only tokens this warehouse reads, not all stake of the chain; of=chain asks for that.
-- caveat: left_out tokens make shares and index of the warehouse too high, by nobody knows how much: there are no bounds then.
-- caveat: TVL holds idle and activating amounts that are not in the chain's stake, so shares of a chain are slightly high.
-- methodology: 1
SELECT s.underlying, s.d AS day, t.symbol AS token, round(s.tvl_native, 9) AS tvl_native, round(100 * s.share_of, 3) AS share_pct,
       round(s.hhi, 1) AS hhi, round(s.hhi_low, 1) AS hhi_low, round(s.hhi_high, 1) AS hhi_high, s.population, s.left_out,
       s.denominator_id, s.denominator, round(s.denominator_native, 9) AS denominator_native
FROM market_share(date_trunc('day', $as_of::TIMESTAMP), $as_of, of := $of, kt := $known_at) s JOIN token t USING (token_id)
WHERE s.tvl_native IS NOT NULL ORDER BY s.underlying, s.tvl_native DESC, token;
