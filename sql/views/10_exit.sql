-- The way out, all in: the loss on selling plus the yield not earned in the queue.

-- The newest quote per token, route and size at a time, none older than the
-- token allows. out_native NULL means the route cannot take the size, a wait of
-- NULL is unknown; neither is ever the cheapest. What waiting forgoes is unknown where
-- no yield is fit to be published. aprs names a relation of 30-day yields.
CREATE OR REPLACE MACRO exit_cost_with(aprs, as_of, kt) AS TABLE
    WITH q AS (
        SELECT q.* FROM quote_between(as_of::TIMESTAMP - max_carry(), as_of, kt) q JOIN token t USING (token_id)
        WHERE seconds_between(q.ts, as_of::TIMESTAMP) <= t.stale_after_s
        QUALIFY row_number() OVER (PARTITION BY q.token_id, q.route, q.size_native ORDER BY q.ts DESC, basis_rank(q.basis)) = 1),
    c AS (
        SELECT q.token_id, q.size_native, q.route, q.ts, q.out_native, q.wait_days, q.basis,
               coalesce(q.reason, CASE WHEN q.wait_days > 0 AND NOT coalesce(a.is_published, false) THEN 'no yield of 30 days to forgo is known' END) AS reason,
               haircut_bps_of(q.size_native, q.out_native) AS haircut_bps,
               forgone_bps_of(CASE WHEN a.is_published THEN a.apr_net END, q.wait_days) AS forgone_bps
        FROM q LEFT JOIN query_table(aprs) a USING (token_id))
    SELECT *, haircut_bps + forgone_bps AS all_in_bps,
           haircut_bps + forgone_bps IS NOT NULL AND row_number() OVER (
               PARTITION BY token_id, size_native ORDER BY haircut_bps + forgone_bps NULLS LAST, wait_days, route) = 1 AS is_cheapest
    FROM c;

CREATE OR REPLACE MACRO exit_cost(as_of, kt := 'infinity') AS TABLE
    WITH aprs AS (SELECT * FROM apr(30, as_of, kt := kt)) SELECT * FROM exit_cost_with('aprs', as_of, kt);
