-- Four clocks and one word per token.
--   fetched_at     when the newest rate was learned; fetch_age_s since then
--   observed_ts    its time on the chain;            chain_age_s since then
--   changed_ts     when the rate last changed;       value_age_s since then
--   expected_next  when the next change is due;      overdue_s after it, 0 before
--   state          the first that holds; what the chain shows stands before what is said
--                  frozen:   observed, but unchanged for longer than stale_after_s
--                  sunset:   the protocol has ended
--                  stale:    nothing observed for longer than stale_after_s, or never
--                  bench:    a chain's own rate
--                  restated: a rate of the last 30 days was corrected after it was first stored
--                  fresh:    none of these
-- rates names a relation with the newest rate of every token, steps one with its
-- newest step.
CREATE OR REPLACE MACRO freshness_with(rates, steps, as_of, kt) AS TABLE
    WITH o AS (
        SELECT token_id, max(ts) AS observed_ts, arg_max(known_at, ts) AS fetched_at, arg_max(basis, ts) AS basis
        FROM query_table(rates) GROUP BY 1),
    c AS (SELECT token_id, max(ts) AS changed_ts FROM query_table(steps) GROUP BY 1),
    v AS (
        SELECT token_id, count(*) AS restated FROM (
            SELECT token_id, ts, basis FROM fact_metric
            WHERE metric_id = 'exchange_rate' AND known_at <= kt::TIMESTAMP
                AND ts <= as_of::TIMESTAMP AND ts > as_of::TIMESTAMP - INTERVAL 30 DAY
            GROUP BY 1, 2, 3 HAVING count(DISTINCT value) > 1 OR bool_or(quality = 'retracted'))
        GROUP BY 1),
    g AS (
        SELECT t.token_id, t.protocol_id, t.chain_id, t.symbol, t.accrual, t.status, t.stale_after_s,
               o.fetched_at, seconds_between(o.fetched_at, as_of::TIMESTAMP) AS fetch_age_s,
               o.observed_ts, seconds_between(o.observed_ts, as_of::TIMESTAMP) AS chain_age_s,
               c.changed_ts, seconds_between(c.changed_ts, as_of::TIMESTAMP) AS value_age_s,
               c.changed_ts + to_seconds(t.expected_update_s::DOUBLE) AS expected_next,
               t.sunset <= as_of::TIMESTAMP OR (t.sunset IS NULL AND t.status IN ('sunset', 'dead')) AS has_ended,
               coalesce(v.restated, 0) AS restated, o.basis
        FROM token t LEFT JOIN o USING (token_id) LEFT JOIN c USING (token_id) LEFT JOIN v USING (token_id)
        WHERE t.accrual <> 'bridged')
    SELECT token_id, protocol_id, chain_id, symbol, accrual, fetched_at, fetch_age_s, observed_ts, chain_age_s,
           changed_ts, value_age_s, expected_next,
           greatest(0, seconds_between(expected_next, as_of::TIMESTAMP)) AS overdue_s, restated,
           CASE WHEN chain_age_s <= stale_after_s AND value_age_s > stale_after_s THEN 'frozen'
                WHEN has_ended THEN 'sunset'
                WHEN observed_ts IS NULL OR chain_age_s > stale_after_s THEN 'stale'
                WHEN accrual = 'benchmark' THEN 'bench'
                WHEN restated > 0 THEN 'restated'
                ELSE 'fresh' END AS state,
           basis, basis_mark(basis) AS mark
    FROM g;

CREATE OR REPLACE MACRO freshness(as_of, kt := 'infinity') AS TABLE
    WITH near AS MATERIALIZED (SELECT * FROM rate_between(as_of::TIMESTAMP - max_carry(), as_of, kt)),
    near_steps AS MATERIALIZED (SELECT token_id, ts, is_firm FROM steps_of('near')),
    quiet AS MATERIALIZED ( -- unchanged for longer than that: read from the beginning
        SELECT token_id FROM token WHERE home_id NOT IN (SELECT t.home_id FROM near_steps s JOIN token t USING (token_id) WHERE s.is_firm)),
    far AS MATERIALIZED (SELECT * FROM rate_between('-infinity', as_of, kt, among := 'quiet')),
    rates AS (SELECT * FROM near UNION ALL SELECT * FROM far),
    steps AS (
        SELECT token_id, ts FROM steps_of('far')
        UNION ALL SELECT token_id, ts FROM near_steps WHERE token_id NOT IN (SELECT token_id FROM quiet))
    SELECT * FROM freshness_with('rates', 'steps', as_of, kt);

-- How many readings a metric got in a window, how many were expected, and how
-- many say why they are missing. expected counts the token's expected updates.
CREATE OR REPLACE MACRO metric_coverage(win_days, as_of, kt := 'infinity') AS TABLE
    SELECT m.token_id, m.metric_id, count(*) AS readings, count(m.value) AS known_values,
           count(*) - count(m.value) AS unknown_values, count(*) FILTER (m.quality = 'suspect') AS suspect_values,
           max(m.ts) AS newest_ts, any_value(floor(win_days::DOUBLE * 86400 / t.expected_update_s)) AS expected
    FROM metric_known(kt) m JOIN token t USING (token_id)
    WHERE m.ts <= as_of::TIMESTAMP AND m.ts > as_of::TIMESTAMP - to_seconds(win_days::DOUBLE * 86400)
    GROUP BY 1, 2;
