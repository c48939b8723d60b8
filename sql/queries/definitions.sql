-- name: definitions
-- question: Which definitions have changed, and from when on?
-- column: kind | text | query: what a named query computes; fact: the transform that makes a metric's facts
-- column: what | text | the query, or the metric
-- column: version | text | the methodology of the query, or the transform with its version
-- column: since | time | query: first used here; fact: the first moment described by it
-- column: until | time | the last moment before the next version; unknown for the present one
-- column: facts | count | facts of that version; unknown for queries
-- param: from | now-3650d | facts of this time and later
-- param: to | now | facts up to this time
-- caveat: `pipeline query NAME --methodology N` answers under an earlier version, with the views and macros of its time.
-- caveat: Facts keep the version that made them; where it changes, a series has a break.
-- methodology: 1
WITH f AS (
    SELECT metric_id, transform, min(ts) AS since, count(*) AS facts FROM fact_metric
    WHERE ts >= $from::TIMESTAMP AND ts <= $to::TIMESTAMP GROUP BY 1, 2)
FROM (SELECT 'query' AS kind, query AS what, version::VARCHAR AS version, since,
       lead(since) OVER (PARTITION BY query ORDER BY version) AS until, NULL::BIGINT AS facts
FROM methodology
UNION ALL
SELECT 'fact', metric_id, transform, since, lead(since) OVER (PARTITION BY metric_id, split_part(transform, '@', 1) ORDER BY since), facts FROM f)
ORDER BY until IS NULL, kind DESC, what, since;
