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
-- param: known_at | latest | use only what was known by then
-- caveat: `pipeline query NAME --methodology N` answers under an earlier version, with the views and macros of its time.
-- caveat: Facts keep the version that made them; where it changes, a series has a break.
-- methodology: 2
WITH f AS (
    SELECT metric_id, transform, min(ts) AS since, count(*) AS facts
    FROM (SELECT metric_id, transform, ts, known_at FROM fact_metric
          UNION ALL SELECT 'price', transform, ts, known_at FROM fact_price
          UNION ALL SELECT 'exit_quote', transform, ts, known_at FROM fact_exit_quote)
    WHERE ts >= $from::TIMESTAMP AND ts <= $to::TIMESTAMP AND known_at <= $known_at::TIMESTAMP GROUP BY 1, 2)
FROM (SELECT 'query' AS kind, query AS what, version::VARCHAR AS version, since,
       lead(since) OVER (PARTITION BY query ORDER BY version) AS until, NULL::BIGINT AS facts
FROM methodology WHERE since <= $known_at::TIMESTAMP
UNION ALL
SELECT 'fact', metric_id, transform, since, lead(since) OVER (PARTITION BY metric_id, split_part(transform, '@', 1) ORDER BY since), facts FROM f)
ORDER BY until IS NULL, kind DESC, what, since;
