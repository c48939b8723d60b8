-- name: rewards
-- question: How much do stakers and protocols earn per day, and per TVL and year?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: net_usd_day | usd | rewards of stakers per day
-- column: fee_usd_day | usd | what the protocol kept per day
-- column: net_native_day | native | rewards of stakers per day
-- column: net_bps_yr | bps | rewards of stakers per TVL and year
-- column: fee_bps_yr | bps | what was kept per TVL and year
-- column: days_covered | days | time the updates cover
-- column: fee_from | text | shares: exact; setting: estimated from the fee in force
-- param: window | 30 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Weighted by time, never averaged over the days that happened to hold an update.
-- caveat: USD figures need a price at each update; without it they are unknown.
-- methodology: 1
WITH r AS (
    SELECT r.*, CASE WHEN seconds_between(x.ts, r.ts) <= price_stale_s() THEN x.price END AS usd
    FROM reward_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at) r
    ASOF LEFT JOIN usd_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400) - max_carry(), $as_of, $known_at) x ON r.underlying = x.base_id AND r.ts >= x.ts
    WHERE r.supply IS NOT NULL)
SELECT t.chain_id AS chain, t.symbol AS token,
       round(CASE WHEN count(usd) = count(*) THEN sum(net_native * usd) END * 86400 / sum(secs), 2) AS net_usd_day,
       round(CASE WHEN count(usd * fee_native) = count(*) THEN sum(fee_native * usd) END * 86400 / sum(secs), 2) AS fee_usd_day,
       round(sum(net_native) * 86400 / sum(secs), 9) AS net_native_day,
       round(1e4 * sum(net_native) * year_s() / sum(supply * prev_rate * secs), 2) AS net_bps_yr,
       round(1e4 * CASE WHEN count(fee_native) = count(*) THEN sum(fee_native) END * year_s() / sum(supply * prev_rate * secs), 2) AS fee_bps_yr,
       round(sum(secs) / 86400, 2) AS days_covered, string_agg(DISTINCT fee_from, '+' ORDER BY fee_from) AS fee_from
FROM r JOIN token t USING (token_id) GROUP BY t.chain_id, t.symbol, t.token_id ORDER BY chain, token;
