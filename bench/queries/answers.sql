-- name: apr-history
SELECT c.d AS day, t.chain_id AS chain, t.symbol AS token, round(100 * (e.rate / s.rate - 1) * 31536000 / (epoch(e.ts) - epoch(s.ts)), 4) AS apr_pct
FROM (SELECT token_id, unnest(generate_series($as_of - INTERVAL 365 DAY, $as_of, INTERVAL 1 DAY)) AS d FROM hand.token) c JOIN hand.token t USING (token_id)
ASOF JOIN (FROM hand.step WHERE ts > $as_of - INTERVAL 500 DAY) e ON c.token_id = e.token_id AND c.d >= e.ts
ASOF JOIN (FROM hand.step WHERE ts > $as_of - INTERVAL 500 DAY) s ON c.token_id = s.token_id AND c.d - INTERVAL 30 DAY >= s.ts
WHERE epoch(c.d) - epoch(e.ts) <= t.stale_after_s AND epoch(e.ts) > epoch(s.ts) AND s.ts > c.d - INTERVAL 37 DAY ORDER BY day, chain, token;
-- name: arbitrage
SELECT t.chain_id AS chain, t.symbol AS token, q.route, q.size_native, round(1e4 * p.premium, 2) AS premium_bps, round(q.wait_days, 3) AS wait_days,
       round(100 * (p.fair / p.price * q.out_native / q.size_native - 1) * 365 / q.wait_days, 4) AS implied_apr_pct
FROM (SELECT token_id, route, size_native, arg_max(out_native, ts) AS out_native, arg_max(wait_days, ts) AS wait_days FROM hand.quote
      WHERE ts > $as_of - INTERVAL 2 DAY AND ts <= $as_of GROUP BY ALL) q
JOIN (SELECT token_id, arg_max(premium, ts) AS premium, arg_max(fair, ts) AS fair, arg_max(price, ts) AS price FROM hand.premium WHERE ts > $as_of - INTERVAL 3 DAY AND ts <= $as_of GROUP BY 1) p USING (token_id)
JOIN hand.token t USING (token_id) WHERE q.wait_days > 0 AND q.out_native IS NOT NULL ORDER BY implied_apr_pct DESC, chain, token;
-- name: attribution
SELECT t.underlying, t.symbol AS token, round(sum(s1 * r1 - s0 * r0), 6) AS change_native, round(sum(s0 * (r1 - r0)), 6) AS rewards_native
FROM (SELECT token_id, d, supply AS s1, rate AS r1, usd AS p1, lag(supply) OVER w AS s0, lag(rate) OVER w AS r0, lag(usd) OVER w AS p0
      FROM hand.daily WHERE d >= $as_of - INTERVAL 30 DAY AND supply IS NOT NULL AND rate IS NOT NULL WINDOW w AS (PARTITION BY token_id ORDER BY d))
JOIN hand.token t USING (token_id) WHERE s0 IS NOT NULL GROUP BY t.underlying, t.symbol ORDER BY ALL;
-- name: capture
WITH a AS (
    SELECT t.token_id, t.chain_id, t.symbol, s.ts AS s, e.ts AS e, (e.rate / s.rate - 1) * 31536000 / (epoch(e.ts) - epoch(s.ts)) AS apr, e.n - s.n AS updates
    FROM hand.token t
    ASOF JOIN (FROM hand.step WHERE ts > $as_of - INTERVAL 200 DAY) e ON t.token_id = e.token_id AND now >= e.ts
    ASOF JOIN (FROM hand.step WHERE ts > $as_of - INTERVAL 200 DAY) s ON t.token_id = s.token_id AND now - INTERVAL 30 DAY >= s.ts
    WHERE t.accrual <> 'benchmark' AND e.ts > s.ts),
b AS ( -- the chain's index, on a straight line between two readings
    SELECT t.chain_id, ts, rate, coalesce((lead(rate) OVER w - rate) / (epoch(lead(ts) OVER w) - epoch(ts)), 0) AS slope
    FROM hand.rate JOIN hand.token t USING (token_id) WHERE t.accrual = 'benchmark' AND ts > $as_of - INTERVAL 200 DAY WINDOW w AS (PARTITION BY token_id ORDER BY ts)),
c AS (
    SELECT a.*, ((y.rate + y.slope * (epoch(a.e) - epoch(y.ts))) / (x.rate + x.slope * (epoch(a.s) - epoch(x.ts))) - 1) * 31536000 / (epoch(a.e) - epoch(a.s)) AS bench
    FROM a ASOF JOIN b x ON a.chain_id = x.chain_id AND a.s >= x.ts ASOF JOIN b y ON a.chain_id = y.chain_id AND a.e >= y.ts)
SELECT chain_id AS chain, symbol AS token, round(100 * apr, 4) AS net_apr_pct, round(100 * bench, 4) AS chain_apr_pct, round(apr / bench, 4) AS capture, updates
FROM c ORDER BY ALL;
-- name: coverage
SELECT job, plugin, chain_id AS chain, count(*) AS ticks, count(*) FILTER (state = 'have') AS have, count(*) FILTER (state = 'partial') AS partial
FROM ingest_task WHERE tick > $as_of - INTERVAL 30 DAY AND tick <= $as_of GROUP BY ALL ORDER BY ALL;
-- name: depeg
WITH x AS (
    SELECT token_id, venue, ts, premium, CASE WHEN premium < -0.005 THEN 1 WHEN premium > -0.0025 THEN 0 END AS turn FROM hand.premium WHERE ts <= $as_of),
y AS (SELECT *, coalesce(last_value(turn IGNORE NULLS) OVER (PARTITION BY token_id, venue ORDER BY ts), 0) AS below FROM x),
z AS (SELECT *, below = 1 AND lag(below, 1, 0) OVER w = 0 AS begins FROM y WINDOW w AS (PARTITION BY token_id, venue ORDER BY ts)),
e AS (SELECT *, sum(begins::INT) OVER (PARTITION BY token_id, venue ORDER BY ts) AS k FROM z WHERE below = 1)
SELECT t.chain_id AS chain, t.symbol AS token, venue, min(ts) AS began, round(1e4 * min(premium), 1) AS trough_bps, count(*) AS prices
FROM e JOIN hand.token t USING (token_id) GROUP BY t.chain_id, t.symbol, venue, k ORDER BY trough_bps, chain, token;
-- name: drops
SELECT t.chain_id AS chain, t.symbol AS token, s.ts, round(1e4 * (s.rate / s.prev_rate - 1), 4) AS change_bps
FROM hand.step s JOIN hand.token t USING (token_id) WHERE s.rate < s.prev_rate AND ts <= $as_of ORDER BY change_bps, chain, token;
-- name: events
SELECT ts, protocol_id AS protocol, event_type AS event FROM fact_event WHERE ts > $as_of - INTERVAL 365 DAY AND ts <= $as_of
UNION ALL SELECT s.ts, t.protocol_id, CASE WHEN metric_id LIKE 'fee%' THEN 'fee_change' WHEN value = 1 THEN 'pause' ELSE 'unpause' END
FROM hand.setting s JOIN hand.token t USING (token_id) WHERE s.ts > $as_of - INTERVAL 365 DAY AND s.ts <= $as_of AND was IS NOT NULL ORDER BY 1 DESC, 2, 3;
-- name: exit
WITH q AS (
    SELECT token_id, route, size_native, arg_max(CASE WHEN out_native IS NULL THEN -1 ELSE out_native END, ts) AS got, arg_max(wait_days, ts) AS wait, max(ts) AS quoted_at
    FROM hand.quote WHERE ts > $as_of - INTERVAL 2 DAY AND ts <= $as_of GROUP BY ALL)
SELECT t.chain_id AS chain, t.symbol AS token, size_native, route, round(CASE WHEN got >= 0 THEN 1e4 * (1 - got / size_native) END, 2) AS haircut_bps, round(wait, 3) AS wait_days, quoted_at
FROM q JOIN hand.token t USING (token_id) ORDER BY ALL;
-- name: flows
SELECT t.chain_id AS chain, t.symbol AS token, a.supply AS supply_start, b.supply AS supply_end
FROM hand.token t
ASOF JOIN (FROM hand.supply WHERE ts > $as_of - INTERVAL 14 DAY) b ON t.token_id = b.token_id AND now >= b.ts
ASOF JOIN (FROM hand.supply WHERE ts > $as_of - INTERVAL 14 DAY) a ON t.token_id = a.token_id AND now - INTERVAL 7 DAY >= a.ts
WHERE t.is_counted ORDER BY ALL;
-- name: freshness
SELECT t.chain_id AS chain, t.symbol AS token, fetched_at, observed_ts, changed_ts, round((epoch($as_of) - epoch(changed_ts)) / 3600, 1) AS value_age_h
FROM hand.latest JOIN hand.token t USING (token_id) ORDER BY ALL;
-- name: growth
SELECT t.underlying, t.symbol AS token, s.ts AS from_ts, e.ts AS to_ts, round(100 * (e.rate / s.rate - 1), 4) AS native_return_pct
FROM hand.token t
ASOF JOIN (FROM hand.rate WHERE ts > $as_of - INTERVAL 45 DAY) e ON t.token_id = e.token_id AND now >= e.ts
ASOF JOIN (FROM hand.rate WHERE ts > $as_of - INTERVAL 410 DAY AND ts <= $as_of - INTERVAL 365 DAY) s ON t.token_id = s.token_id AND now - INTERVAL 365 DAY >= s.ts ORDER BY ALL;
-- name: growth-history
SELECT c.d AS day, t.underlying, t.symbol AS token, round(100 * r.rate / first_value(r.rate) OVER (PARTITION BY c.token_id ORDER BY c.d), 6) AS value
FROM (SELECT token_id, unnest(generate_series($as_of - INTERVAL 365 DAY, $as_of, INTERVAL 1 DAY)) AS d FROM hand.token WHERE is_counted OR accrual = 'benchmark') c
JOIN hand.token t USING (token_id) ASOF JOIN (FROM hand.rate WHERE ts > $as_of - INTERVAL 410 DAY) r ON c.token_id = r.token_id AND c.d >= r.ts ORDER BY 2, 3, 1;
-- name: integrity
SELECT t.chain_id AS chain, t.symbol AS token, l.rate, l.supply, b.v AS backing
FROM hand.latest l JOIN hand.token t USING (token_id)
JOIN (SELECT token_id, arg_max(value, ts) AS v FROM hand.series WHERE metric = 'backing' AND ts > $as_of - INTERVAL 45 DAY AND ts <= $as_of GROUP BY 1) b USING (token_id)
JOIN (SELECT token_id, arg_max(value, ts) AS v FROM hand.series WHERE metric = 'gross' AND ts > $as_of - INTERVAL 45 DAY AND ts <= $as_of GROUP BY 1) g USING (token_id)
WHERE t.is_counted ORDER BY ALL;
-- name: league
WITH st AS (FROM hand.step WHERE ts > $as_of - INTERVAL 800 DAY AND ts <= $as_of),
q AS (SELECT token_id, chain_id, symbol, accrual, now, stale_after_s, expected_update_s, days, $as_of - to_days(days) AS t0 FROM hand.token, (VALUES (7), (30), (365)) w(days)),
a AS (
    SELECT q.*, (e.rate / s.rate - 1) * 31536000 / (epoch(e.ts) - epoch(s.ts)) AS apr, e.n - s.n AS updates, epoch(e.ts) - epoch(s.ts) AS secs, epoch($as_of) - epoch(e.ts) AS age
    FROM q ASOF LEFT JOIN st e ON q.token_id = e.token_id AND now >= e.ts ASOF LEFT JOIN st s ON q.token_id = s.token_id AND t0 >= s.ts),
y AS (
    SELECT token_id, any_value(chain_id) AS chain_id, any_value(symbol) AS symbol, any_value(accrual) AS accrual, any_value(age <= stale_after_s) AS fresh,
           max(apr) FILTER (days = 30) AS apr30, max(apr) FILTER (days = 365) AS apr365,
           max(apr) FILTER (days = 7 AND (updates >= 3 OR secs >= 3 * expected_update_s) AND abs(secs - 604800) <= greatest(2 * expected_update_s, 151200)) AS apr7,
           max(updates) FILTER (days = 30) AS updates
    FROM a GROUP BY 1),
lvl AS (SELECT token_id, arg_max(supply, d) AS s1, arg_max(supply, d) FILTER (d <= $as_of - INTERVAL 30 DAY) AS s0 FROM hand.daily WHERE d > $as_of - INTERVAL 40 DAY GROUP BY 1),
prem AS (SELECT token_id, arg_max(premium, ts) AS premium FROM hand.premium WHERE ts > $as_of - INTERVAL 3 DAY AND ts <= $as_of GROUP BY 1),
usd AS (SELECT base_id, arg_max(price, ts) AS price FROM hand.usd WHERE ts > $as_of - INTERVAL 2 DAY AND ts <= $as_of GROUP BY 1),
ex AS (SELECT token_id, min(1e4 * (1 - out_native / size_native)) AS bps FROM hand.quote WHERE ts > $as_of - INTERVAL 2 DAY AND ts <= $as_of AND size_native = 100 GROUP BY 1),
fee AS (SELECT token_id, sum(fee_native) / sum(gross_native) AS take FROM hand.reward WHERE ts > $as_of - INTERVAL 30 DAY AND ts <= $as_of AND fee_from = 'shares' GROUP BY 1)
SELECT y.chain_id AS chain, y.symbol AS token, CASE WHEN fresh THEN round(100 * apr30, 4) END AS apr_pct, CASE WHEN fresh THEN round(100 * apr7, 4) END AS apr_7d_pct,
       CASE WHEN fresh THEN round(100 * apr365, 4) END AS apr_365d_pct, round(100 * take, 2) AS take_eff_pct, round(1e4 * premium, 2) AS premium_bps,
       round(l.supply * l.rate, 6) AS tvl_native, y.updates, bps AS bps, lvl.s1 / lvl.s0 AS flow, usd.price * l.supply * l.rate AS usd
FROM y JOIN hand.latest l USING (token_id) JOIN hand.token t USING (token_id) LEFT JOIN lvl USING (token_id) LEFT JOIN prem USING (token_id) LEFT JOIN ex USING (token_id) LEFT JOIN fee USING (token_id) LEFT JOIN usd ON usd.base_id = t.underlying
ORDER BY apr_pct DESC NULLS LAST;
-- name: noise
SELECT t.chain_id AS chain, t.symbol AS token, count(*) AS updates, round(median((epoch(ts) - epoch(prev_ts))) / 3600, 2) AS median_gap_h, round(max(epoch(ts) - epoch(prev_ts)) / 3600, 2) AS max_gap_h
FROM hand.step JOIN hand.token t USING (token_id) WHERE prev_ts > $as_of - INTERVAL 365 DAY AND ts <= $as_of GROUP BY t.chain_id, t.symbol ORDER BY ALL;
-- name: operators
WITH o AS (SELECT protocol_id, operator_id, stake_native FROM fact_operator_stake QUALIFY ts = max(ts) OVER (PARTITION BY protocol_id))
SELECT protocol_id AS protocol, count(*) AS operators, round(100 * max(stake_native) / sum(stake_native), 2) AS top1_pct FROM o GROUP BY 1 ORDER BY 1;
-- name: premium
SELECT t.chain_id AS chain, t.symbol AS token, venue, round(1e4 * arg_max(premium, ts), 2) AS now_bps, round(1e4 * avg(premium), 2) AS avg_bps, round(1e4 * min(premium), 2) AS min_bps, max(ts) AS price_ts
FROM hand.premium JOIN hand.token t USING (token_id) WHERE ts > $as_of - INTERVAL 30 DAY AND ts <= $as_of GROUP BY ALL ORDER BY now_bps;
-- name: premium-history
SELECT $as_of - to_days(7 * (1 + ((epoch_us($as_of) - epoch_us(ts)) // 604800000000))::INTEGER) AS began, t.chain_id AS chain, t.symbol AS token, venue, round(1e4 * avg(premium), 2) AS avg_bps, round(1e4 * min(premium), 2) AS min_bps, count(*) AS prices
FROM hand.premium JOIN hand.token t USING (token_id) WHERE ts > $as_of - INTERVAL 365 DAY AND ts <= $as_of GROUP BY ALL ORDER BY 2, 3, 4, 1;
-- name: reconcile
SELECT t.chain_id AS chain, t.symbol AS token, x.ts, round(s.supply * r.rate, 4) AS ours, x.value AS theirs
FROM (FROM hand.series WHERE metric = 'reported' AND ts > $as_of - INTERVAL 30 DAY AND ts <= $as_of) x JOIN hand.token t USING (token_id)
ASOF JOIN (FROM hand.supply WHERE ts > $as_of - INTERVAL 45 DAY) s ON x.token_id = s.token_id AND x.ts >= s.ts
ASOF JOIN (FROM hand.rate WHERE ts > $as_of - INTERVAL 45 DAY) r ON x.token_id = r.token_id AND x.ts >= r.ts;
-- name: restated
SELECT metric_id AS what, token_id AS token, ts FROM hand.corrected WHERE known_at > $as_of - INTERVAL 30 DAY AND ts < $as_of - INTERVAL 30 DAY;
-- name: revenue
SELECT t.chain_id AS chain, t.symbol AS token, round(sum(net_native), 6) AS to_stakers, round(sum(to_operators), 6) AS to_operators, count(*) AS updates
FROM hand.reward r JOIN hand.token t USING (token_id) WHERE ts > $as_of - INTERVAL 30 DAY AND ts <= $as_of GROUP BY t.chain_id, t.symbol ORDER BY ALL;
-- name: rewards
SELECT t.chain_id AS chain, t.symbol AS token, round(sum(net_native) * 86400 / sum(secs), 6) AS net_native_day, round(sum(secs) / 86400, 2) AS days_covered
FROM hand.reward r JOIN hand.token t USING (token_id) WHERE ts > $as_of - INTERVAL 30 DAY AND ts <= $as_of GROUP BY t.chain_id, t.symbol ORDER BY ALL;
-- name: share
SELECT t.underlying, t.symbol AS token, round(supply * rate, 6) AS tvl_native, round(100 * supply * rate / sum(supply * rate) OVER (PARTITION BY t.underlying), 3) AS share_pct
FROM hand.daily JOIN hand.token t USING (token_id) WHERE d = $as_of AND supply IS NOT NULL AND rate IS NOT NULL ORDER BY 1, 3 DESC;
-- name: share-history
SELECT d AS day, t.underlying, t.symbol AS token, round(100 * supply * rate / sum(supply * rate) OVER (PARTITION BY t.underlying, d), 3) AS share_pct
FROM hand.daily JOIN hand.token t USING (token_id) WHERE d >= $as_of - INTERVAL 365 DAY AND supply * rate IS NOT NULL AND date_diff('day', d, $as_of) % 7 = 0 ORDER BY 2, 1, 4 DESC;
-- name: sources
SELECT plugin, chain_id AS chain, sum(n)::BIGINT AS readings, count(DISTINCT target) AS targets, max(newest) AS newest
FROM hand.source WHERE d >= $as_of - INTERVAL 365 DAY GROUP BY ALL ORDER BY ALL;
-- name: stressed
SELECT t.chain_id AS chain, t.symbol AS token, round(1e4 * quantile_cont(premium, 0.05), 1) AS p05_bps, round(1e4 * min(premium), 1) AS worst_bps
FROM hand.premium JOIN hand.token t USING (token_id) WHERE ts > $as_of - INTERVAL 365 DAY AND ts <= $as_of GROUP BY t.chain_id, t.symbol ORDER BY ALL;
-- name: take-rate
SELECT t.chain_id AS chain, t.symbol AS token, round(100 * sum(fee_native) / sum(gross_native), 4) AS effective_pct, round(sum(net_native), 6) AS net_native, count(*) AS updates
FROM hand.reward r JOIN hand.token t USING (token_id) WHERE ts > $as_of - INTERVAL 30 DAY AND ts <= $as_of AND fee_from = 'shares' GROUP BY t.chain_id, t.symbol ORDER BY ALL;
-- name: total-return
SELECT t.underlying, t.symbol AS token, round(100 * (arg_max(rate * usd, d) / arg_min(rate * usd, d) - 1), 4) AS usd_return_pct, round(100 * (arg_max(rate, d) / arg_min(rate, d) - 1), 4) AS native_return_pct,
       round(100 * min(dd), 3) AS max_drawdown_usd_pct
FROM (SELECT *, rate * usd / max(rate * usd) OVER (PARTITION BY token_id ORDER BY d ROWS UNBOUNDED PRECEDING) - 1 AS dd FROM hand.daily WHERE d >= $as_of - INTERVAL 365 DAY AND rate IS NOT NULL)
JOIN hand.token t USING (token_id) GROUP BY t.underlying, t.symbol ORDER BY ALL;
-- name: tracking
WITH l AS (
    SELECT t.token_id, t.chain_id, t.symbol, t.accrual, c.d, ln(r.rate) AS v
    FROM (SELECT token_id, unnest(generate_series($as_of - INTERVAL 182 DAY, $as_of, INTERVAL 7 DAY)) AS d FROM hand.token) c JOIN hand.token t USING (token_id)
    ASOF JOIN (FROM hand.rate WHERE ts > $as_of - INTERVAL 230 DAY) r ON c.token_id = r.token_id AND c.d >= r.ts WHERE epoch(c.d) - epoch(r.ts) <= t.stale_after_s),
z AS (SELECT a.*, a.v - b.v - lag(a.v - b.v) OVER (PARTITION BY a.token_id ORDER BY a.d) AS td FROM l a JOIN l b ON a.chain_id = b.chain_id AND a.d = b.d AND b.accrual = 'benchmark')
SELECT chain_id AS chain, symbol AS token, count(td) AS weeks, round(1e4 * avg(td) * 365 / 7, 1) AS tracking_diff_bps FROM z
WHERE token_id IN (SELECT token_id FROM hand.token WHERE is_counted) GROUP BY 1, 2 ORDER BY ALL;
-- name: tvl-history
SELECT d AS day, t.chain_id AS chain, t.symbol AS token, h.rate, h.supply, h.usd FROM hand.daily h JOIN hand.token t USING (token_id) WHERE d >= $as_of - INTERVAL 30 DAY ORDER BY day, chain, token;
-- name: warnings
SELECT 'restated' AS kind, t.symbol AS subject, count(*) AS rows_affected FROM hand.corrected c JOIN hand.token t USING (token_id) WHERE ts > $as_of - INTERVAL 30 DAY AND ts <= $as_of GROUP BY t.symbol
UNION ALL SELECT 'suspect', t.symbol, count(*) FROM hand.suspect s JOIN hand.token t USING (token_id) WHERE ts > $as_of - INTERVAL 30 DAY AND ts <= $as_of GROUP BY t.symbol
UNION ALL SELECT 'frozen', t.symbol, NULL FROM hand.latest l JOIN hand.token t USING (token_id) WHERE epoch($as_of) - epoch(changed_ts) > stale_after_s ORDER BY ALL;
-- name: windows
WITH st AS (FROM hand.step WHERE ts > $as_of - INTERVAL 800 DAY AND ts <= $as_of),
q AS (SELECT token_id, chain_id, symbol, now, expected_update_s, days, $as_of - to_days(days) AS t0 FROM hand.token, (VALUES (1), (7), (30), (90), (365)) w(days)),
a AS (
    SELECT q.*, (e.rate / s.rate - 1) * 31536000 / (epoch(e.ts) - epoch(s.ts)) AS apr, e.n - s.n AS updates,
           abs(epoch(e.ts) - epoch(s.ts) - days * 86400) <= greatest(2 * expected_update_s, 0.25 * days * 86400) AS covers
    FROM q ASOF LEFT JOIN st e ON q.token_id = e.token_id AND now >= e.ts ASOF LEFT JOIN st s ON q.token_id = s.token_id AND t0 >= s.ts)
SELECT chain_id AS chain, symbol AS token, round(100 * max(apr) FILTER (days = 7 AND covers), 4) AS apr_7d_pct, round(100 * max(apr) FILTER (days = 30 AND covers), 4) AS apr_30d_pct,
       round(100 * max(apr) FILTER (days = 90 AND covers), 4) AS apr_90d_pct, max(updates) FILTER (days = 7) AS updates_7d
FROM a GROUP BY 1, 2 ORDER BY 1, 2;
