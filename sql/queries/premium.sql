-- name: premium
-- question: How does each market price stand against redemption value, now and in its own history?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: venue | text | where the price was seen
-- column: now_bps | bps | newest premium
-- column: avg_bps | bps | mean over the window
-- column: min_bps | bps | lowest in the window
-- column: below_50bps_pct | percent | prices of the window below −50 bps
-- column: price_ts | time | when the price was read
-- column: venue_updated | time | when the venue last changed it
-- column: rate_ts | time | the redemption rate it is held against
-- column: size_native | shares | size the price is good for; unknown: not bound to a size
-- param: window | 30 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: below_50bps_pct counts prices, so it needs evenly spaced ones.
-- methodology: 1
SELECT t.chain_id AS chain, t.symbol AS token, p.venue, round(1e4 * arg_max(p.premium, p.ts), 2) AS now_bps,
       round(1e4 * avg(p.premium), 2) AS avg_bps, round(1e4 * min(p.premium), 2) AS min_bps,
       round(100 * avg((p.premium < -0.005)::INTEGER), 1) AS below_50bps_pct, max(p.ts) AS price_ts,
       arg_max(p.venue_updated, p.ts) AS venue_updated, arg_max(p.rate_ts, p.ts) AS rate_ts, p.size_base AS size_native
FROM premium_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at) p JOIN token t USING (token_id)
GROUP BY t.chain_id, t.symbol, t.token_id, p.venue, p.size_base ORDER BY now_bps, chain, token, venue;
