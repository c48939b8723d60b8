-- The coverage ledger: what was due and what came of it.

-- One row per job, plugin and chain, over the ticks of the last win_days.
--   grid  the last 14 ticks, newest right: # have, l have, but stored after the tick
--         that follows was due, r have, and corrected since, ~ partial, x failed,
--         q quarantined, u unrecoverable, . due, > running, - superseded
--   last_error  the newest of those 14 ticks that still stands
--   states  the ticks by state, as JSON
--   stuck  failed ticks that are tried again only when a person asks for it
--   newest_hole, hole_reason  of all ticks that are not complete and that nothing is
--         under way for
CREATE OR REPLACE MACRO ledger(win_days, as_of) AS TABLE
    WITH k AS (
        SELECT *, row_number() OVER w AS n, ended_at > lag(tick) OVER w AS late
        FROM ingest_task
        WHERE tick <= as_of::TIMESTAMP AND tick > as_of::TIMESTAMP - to_seconds(win_days::DOUBLE * 86400)
        WINDOW w AS (PARTITION BY job, plugin, chain_id ORDER BY tick DESC)),
    corrected AS MATERIALIZED (
        SELECT DISTINCT d.plugin, f.ts FROM fact_metric f JOIN dim_token d USING (token_id)
        WHERE (f.reason LIKE 'restated: %' AND f.reason <> 'restated: was provisional')
            AND f.ts >= (SELECT min(anchor_ts) FROM k WHERE n <= 14)),
    t AS (
        SELECT k.*, CASE WHEN state = 'have' AND c.ts IS NOT NULL THEN 'r' WHEN state = 'have' AND late THEN 'l' WHEN state = 'have' THEN '#'
                    WHEN state = 'partial' THEN '~' WHEN state = 'failed' THEN 'x' WHEN state = 'quarantined' THEN 'q'
                    WHEN state = 'unrecoverable' THEN 'u' WHEN state = 'due' THEN '.' WHEN state = 'running' THEN '>'
                    WHEN state = 'superseded' THEN '-' ELSE '?' END AS cell
        FROM k LEFT JOIN corrected c ON c.plugin = k.plugin AND c.ts = k.anchor_ts)
    SELECT job, plugin, chain_id, count(*) AS ticks, count(*) FILTER (state = 'have') AS have,
           count(*) FILTER (state = 'partial') AS partial, count(*) FILTER (state IN ('failed', 'quarantined')) AS failed,
           count(*) FILTER (state IN ('due', 'running')) AS open_ticks,
           count(*) FILTER (state IN ('unrecoverable', 'superseded')) AS given_up, to_json(histogram(state))::VARCHAR AS states,
           count(*) FILTER (state = 'failed' AND next_try IS NULL AND error_class IS DISTINCT FROM 'transient') AS stuck,
           max(tick) FILTER (state NOT IN ('have', 'due', 'running')) AS newest_hole,
           arg_max(concat_ws(': ', state, error), tick) FILTER (state NOT IN ('have', 'due', 'running')) AS hole_reason,
           max(tick) FILTER (state = 'have') AS newest_have, max(tick) AS newest_tick, arg_max(state, tick) AS newest_state,
           max(ended_at) FILTER (state = 'have') AS stored_at,
           string_agg(cell, '' ORDER BY tick) FILTER (n <= 14) AS grid,
           arg_max(error_class, tick) FILTER (error IS NOT NULL AND state <> 'have' AND n <= 14) AS last_error_class,
           arg_max(error, tick) FILTER (error IS NOT NULL AND state <> 'have' AND n <= 14) AS last_error
    FROM t GROUP BY 1, 2, 3;
