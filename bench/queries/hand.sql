-- Tables as somebody would build them who asks these questions and no others:
-- narrow, doubles instead of decimals, one row per valid reading, sorted by token and
-- time. What they hold follows the same rules (newest version, better basis), which
-- was paid for when they were built; a correction, another as_of or known_at they
-- cannot answer.
CREATE SCHEMA hand;
CREATE TABLE hand.token AS SELECT *, $as_of AS now FROM token WHERE accrual <> 'bridged';
CREATE TABLE hand.rate AS SELECT token_id, ts, rate, basis, known_at FROM rate_known('infinity') ORDER BY token_id, ts;
CREATE TABLE hand.step AS
    WITH rates AS MATERIALIZED (SELECT * FROM rate_known('infinity'))
    SELECT token_id, ts, rate, basis, prev_ts, prev_rate, row_number() OVER (PARTITION BY token_id ORDER BY ts) AS n FROM steps_of('rates') ORDER BY token_id, ts;
CREATE TABLE hand.supply AS SELECT token_id, ts, supply, basis FROM supply_known('infinity') ORDER BY token_id, ts;
CREATE TABLE hand.series AS
    SELECT 'backing' AS metric, token_id, ts, value FROM series_known('backing_native', 'infinity')
    UNION ALL SELECT 'gross', token_id, ts, value FROM series_known('gross_stake_native', 'infinity')
    UNION ALL SELECT 'fee_shares', token_id, ts, value FROM series_known('fee_shares', 'infinity')
    UNION ALL SELECT 'reported', token_id, ts, value FROM series_known('tvl_reported_native', 'infinity') ORDER BY metric, token_id, ts;
CREATE TABLE hand.setting AS -- only where a setting changes
    SELECT metric_id, token_id, ts, value, was, seen_since FROM (
        SELECT *, lag(value) OVER w AS was, lag(ts) OVER w AS seen_since FROM (
            SELECT metric_id, token_id, ts, value FROM metric_now
            WHERE value IS NOT NULL AND quality <> 'suspect' AND (metric_id LIKE 'fee\_%bps' ESCAPE '\' OR metric_id LIKE '%paused'))
        WINDOW w AS (PARTITION BY metric_id, token_id ORDER BY ts))
    WHERE was IS NULL OR was <> value ORDER BY ALL;
CREATE TABLE hand.daily AS SELECT token_id, underlying, d, rate, supply, usd, basis FROM daily($origin, $as_of) ORDER BY token_id, d;
CREATE TABLE hand.premium AS
    SELECT token_id, venue, size_base, ts, price, fair, premium, rate_ts, venue_updated, basis FROM premium_known('infinity') ORDER BY token_id, ts;
CREATE TABLE hand.usd AS SELECT base_id, ts, price FROM usd_known('infinity') ORDER BY base_id, ts;
CREATE TABLE hand.quote AS SELECT token_id, ts, route, size_native, out_native, wait_days, reason FROM quote_between('-infinity', 'infinity', 'infinity') ORDER BY token_id, ts;
CREATE TABLE hand.reward AS SELECT * FROM reward ORDER BY token_id, ts;
CREATE TABLE hand.corrected AS
    SELECT metric_id, token_id, ts, max(known_at) AS known_at, min(value) AS lo, max(value) AS hi, bool_or(quality = 'retracted') AS retracted
    FROM fact_metric GROUP BY metric_id, token_id, ts, basis HAVING count(DISTINCT value) > 1 OR bool_or(quality = 'retracted') ORDER BY ts;
CREATE TABLE hand.suspect AS SELECT metric_id, token_id, ts FROM metric_now WHERE quality = 'suspect' ORDER BY ts;
CREATE TABLE hand.source AS
    SELECT plugin, plugin_version, plugin_sha256, chain_id, endpoint, basis, target, date_trunc('day', block_ts) AS d, count(*) AS n, min(block_ts) AS oldest, max(block_ts) AS newest
    FROM raw_observation GROUP BY ALL ORDER BY plugin, d;
CREATE TABLE hand.latest AS
    SELECT r.token_id, r.rate, r.observed_ts, r.fetched_at, s.changed_ts, p.supply FROM
        (SELECT token_id, arg_max(rate, ts) AS rate, max(ts) AS observed_ts, arg_max(known_at, ts) AS fetched_at FROM hand.rate GROUP BY 1) r
    JOIN (SELECT token_id, max(ts) AS changed_ts FROM hand.step GROUP BY 1) s USING (token_id)
    LEFT JOIN (SELECT token_id, arg_max(supply, ts) AS supply FROM hand.supply GROUP BY 1) p USING (token_id) ORDER BY token_id;
CHECKPOINT;
