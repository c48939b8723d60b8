-- name: warnings
-- question: What must a reader know before using the figures?
-- column: kind | text | stale, frozen, sunset, premium, restated, suspect, definition or quarantined
-- column: subject | text | symbol, or plugin and chain
-- column: rows_affected | count | facts or readings concerned; unknown where the whole token is
-- column: since | time | last change, the price's time, first correction, first fact of a new definition or first refusal
-- column: detail | text | metrics or checks concerned, or what to look at
-- column: plugin | text | who reads it
-- param: window | 30 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: A token whose protocol has ended is sunset when it is not read any more, not stale; while it is read and its rate stands still, it is frozen.
-- caveat: A token that was never read is not warned about; freshness lists it.
-- methodology: 1
WITH f AS (
         SELECT f.*, d.plugin FROM freshness($as_of, kt := $known_at) f JOIN dim_token d USING (token_id)
         WHERE f.observed_ts IS NOT NULL),
     v AS (
         SELECT token_id, min(known_at) AS since, count(*) AS n, string_agg(DISTINCT metric_id, ', ' ORDER BY metric_id) AS metrics
         FROM (SELECT token_id, metric_id, ts, basis, max(known_at) AS known_at FROM fact_metric
               WHERE known_at <= $known_at::TIMESTAMP AND ts <= $as_of::TIMESTAMP
                   AND ts > $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400)
               GROUP BY 1, 2, 3, 4 HAVING count(DISTINCT value) > 1 OR bool_or(quality = 'retracted'))
         GROUP BY 1),
     b AS ( -- where another version of a transform begins, a series has a break
         SELECT token_id, metric_id, transform, min(ts) AS since, count(*) AS n FROM fact_metric
         WHERE known_at <= $known_at::TIMESTAMP AND ts <= $as_of::TIMESTAMP AND ts > $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400)
         GROUP BY 1, 2, 3 WINDOW w AS (PARTITION BY token_id, metric_id, split_part(transform, '@', 1))
         QUALIFY count(*) OVER w > 1 AND since = max(since) OVER w)
SELECT state AS kind, symbol AS subject, NULL::BIGINT AS rows_affected,
       CASE WHEN state = 'stale' THEN observed_ts ELSE changed_ts END AS since, NULL AS detail, plugin
FROM f WHERE state IN ('stale', 'frozen', 'sunset')
UNION ALL -- a wrapper held against 1, or one token's price stored as another's
SELECT 'premium', t.symbol, NULL, p.ts,
       'priced ' || round(100 * p.premium, 1) || ' % off a redemption value of ' || round(p.fair, 4) || ': is it held against its own rate?', d.plugin
FROM premium_at($as_of, kt := $known_at) p JOIN token t USING (token_id) JOIN dim_token d USING (token_id)
WHERE abs(p.premium) > 0.1 AND p.rate > 1.05
UNION ALL
SELECT 'restated', t.symbol, v.n, v.since, v.metrics, t.plugin FROM v JOIN dim_token t USING (token_id)
UNION ALL
SELECT 'definition', t.symbol, sum(b.n)::BIGINT, min(b.since), string_agg(b.metric_id || ' by ' || b.transform, ', ' ORDER BY b.metric_id), t.plugin
FROM b JOIN dim_token t USING (token_id) GROUP BY t.symbol, t.plugin
UNION ALL
SELECT 'suspect', t.symbol, sum(c.suspect_values)::BIGINT, max(c.newest_ts), string_agg(c.metric_id, ', ' ORDER BY c.metric_id), t.plugin
FROM metric_coverage($window, $as_of, kt := $known_at) c JOIN dim_token t USING (token_id)
WHERE c.suspect_values > 0 GROUP BY t.symbol, t.plugin
UNION ALL
SELECT 'quarantined', plugin || ' on ' || chain_id, count(*), min(created_at), string_agg(DISTINCT check_name, ', ' ORDER BY check_name), plugin
FROM quarantine
WHERE state = 'held' AND created_at <= $known_at::TIMESTAMP AND tick <= $as_of::TIMESTAMP
    AND tick > $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400)
GROUP BY plugin, chain_id
ORDER BY kind, subject;
