-- name: share
-- question: How is the market divided, and how concentrated is it?
-- column: underlying | text | native asset
-- column: day | time | 00:00 UTC
-- column: token | text | symbol
-- column: tvl_native | native | supply × rate
-- column: share_pct | percent | of the denominator
-- column: hhi | index | of all tokens of the denominator, 0 to 10,000
-- column: population | count | tokens with a known level
-- column: left_out | count | tokens without one
-- column: denominator | text | what the share is of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: The denominator holds only tokens this warehouse reads, not all stake of the chain.
-- caveat: left_out tokens make shares and index too high.
-- methodology: 1
SELECT s.underlying, s.d AS day, t.symbol AS token, round(s.tvl_native, 9) AS tvl_native, round(100 * s.share_of, 3) AS share_pct,
       round(c.hhi, 1) AS hhi, s.population, s.left_out, s.denominator
FROM market_share(date_trunc('day', $as_of::TIMESTAMP), $as_of, kt := $known_at) s
JOIN concentration(date_trunc('day', $as_of::TIMESTAMP), $as_of, kt := $known_at) c ON c.underlying = s.underlying AND c.d = s.d
JOIN token t ON t.token_id = s.token_id
WHERE s.tvl_native IS NOT NULL ORDER BY s.underlying, s.tvl_native DESC, token;
