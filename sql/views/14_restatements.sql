-- Facts that were known at known_from and say something else at known_to.
-- A retraction shows as is_now NULL with quality_now 'retracted'.
CREATE OR REPLACE MACRO restatements(known_from, known_to) AS TABLE
    WITH v AS NOT MATERIALIZED (
        SELECT 'metric' AS fact, metric_id AS what, token_id, ts, basis, value, quality, reason, known_at FROM fact_metric
        UNION ALL
        SELECT 'price', quote || ' at ' || venue || coalesce(' for ' || size_base, ''), base_id, ts, basis, price, quality, reason, known_at
        FROM fact_price),
    n AS MATERIALIZED (
        SELECT * FROM v WHERE known_at <= known_to::TIMESTAMP AND known_at > known_from::TIMESTAMP
            AND ts <= known_from::TIMESTAMP + INTERVAL 1 DAY -- what came later was not known then, however wrong a clock
        QUALIFY row_number() OVER (PARTITION BY fact, what, token_id, ts, basis ORDER BY known_at DESC) = 1),
    o AS ( -- only of what is known anew: the rest need not be put in order
        SELECT * FROM v SEMI JOIN n USING (fact, what, token_id, ts, basis) WHERE known_at <= known_from::TIMESTAMP
        QUALIFY row_number() OVER (PARTITION BY fact, what, token_id, ts, basis ORDER BY known_at DESC) = 1)
    SELECT n.fact, n.what, n.token_id, n.ts, n.basis, o.value AS was,
           CASE WHEN n.quality <> 'retracted' THEN n.value END AS is_now,
           CASE WHEN n.quality <> 'retracted' AND o.value <> 0 THEN 1e4 * (n.value / o.value - 1) END AS change_bps,
           o.quality AS quality_was, n.quality AS quality_now, n.reason, n.known_at
    FROM n JOIN o USING (fact, what, token_id, ts, basis)
    WHERE n.value IS DISTINCT FROM o.value OR n.quality <> o.quality;
