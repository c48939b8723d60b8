-- The coverage ledger: what was due and what came of it.

-- One row per job, plugin and chain, over the ticks of the last win_days.
--   grid  the last 14 ticks, newest right: # have, ~ partial, x failed,
--         q quarantined, u unrecoverable, . due, > running, - superseded
CREATE OR REPLACE MACRO ledger(win_days, as_of) AS TABLE
    WITH t AS (
        SELECT *, row_number() OVER (PARTITION BY job, plugin, chain_id ORDER BY tick DESC) AS n,
               CASE state WHEN 'have' THEN '#' WHEN 'partial' THEN '~' WHEN 'failed' THEN 'x' WHEN 'quarantined' THEN 'q'
                    WHEN 'unrecoverable' THEN 'u' WHEN 'due' THEN '.' WHEN 'running' THEN '>' WHEN 'superseded' THEN '-' ELSE '?' END AS cell
        FROM ingest_task
        WHERE tick <= as_of::TIMESTAMP AND tick > as_of::TIMESTAMP - to_seconds(win_days::DOUBLE * 86400))
    SELECT job, plugin, chain_id, count(*) AS ticks, count(*) FILTER (state = 'have') AS have,
           count(*) FILTER (state = 'partial') AS partial, count(*) FILTER (state IN ('failed', 'quarantined')) AS failed,
           count(*) FILTER (state IN ('due', 'running')) AS open_ticks,
           count(*) FILTER (state IN ('unrecoverable', 'superseded')) AS given_up,
           max(tick) FILTER (state = 'have') AS newest_have, max(tick) AS newest_tick,
           string_agg(cell, '' ORDER BY tick) FILTER (n <= 14) AS grid,
           arg_max(error_class, tick) FILTER (error_class IS NOT NULL) AS last_error_class,
           arg_max(error, tick) FILTER (error IS NOT NULL) AS last_error
    FROM t GROUP BY 1, 2, 3;
