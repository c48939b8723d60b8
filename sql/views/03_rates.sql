-- The redemption rate: one series per token, native asset per share.

-- A chain's own staking rate as an index that starts at 1. benchmark_apr is a
-- fraction per year, in force from its ts until the next one; a row with
-- period_start describes the time that ends at its ts. Growth compounds at each
-- row. Only ratios of the index mean anything: its level depends on lo.
--   in_force  the rate from ts until the next row; after the last one its own
CREATE OR REPLACE MACRO bench_index_between(lo, hi, kt, among := 'dim_token') AS TABLE
    WITH r AS (
        SELECT token_id, ts, basis, quality, known_at, lag(ts) OVER w AS prev_ts,
               coalesce(CASE WHEN lead(period_start) OVER w IS NOT NULL THEN lead(value) OVER w END, value) AS in_force
        FROM series_between('benchmark_apr', lo, hi, kt, among := among)
        WINDOW w AS (PARTITION BY token_id ORDER BY ts)),
    g AS (
        SELECT *, accrued(lag(in_force) OVER (PARTITION BY token_id ORDER BY ts), seconds_between(prev_ts, ts)) AS growth FROM r)
    SELECT token_id, ts, basis, quality, known_at, in_force,
           product(coalesce(growth, 1)) OVER (PARTITION BY token_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS rate
    FROM g;

-- Every observation of a rate. A wrapper and its token share one rate, whichever
-- of the two was read. Unknown, zero and suspect values are no rates. Where two
-- bases speak within an hour of each other the better one stands. in_force is that
-- of a benchmark's index, NULL for a token.
CREATE OR REPLACE MACRO rate_between(lo, hi, kt, among := 'dim_token') AS TABLE
    WITH seen AS MATERIALIZED (
        SELECT t.home_id, m.ts, m.value AS rate, m.uncertainty, m.basis, m.quality, m.known_at, m.token_id AS read_from,
               NULL::DOUBLE AS in_force
        FROM series_between('exchange_rate', lo, hi, kt, among := among) m JOIN token t USING (token_id)
        WHERE m.value > 0 AND t.accrual <> 'bridged'
        UNION ALL
        SELECT token_id, ts, rate, 0.0, basis, quality, known_at, token_id, in_force
        FROM bench_index_between(lo, hi, kt, among := among)),
    shared AS (SELECT home_id FROM seen GROUP BY 1 HAVING min(read_from) <> max(read_from)),
    best AS (
        SELECT * FROM seen WHERE home_id NOT IN (SELECT home_id FROM shared)
        UNION ALL
        SELECT * FROM seen WHERE home_id IN (SELECT home_id FROM shared)
        QUALIFY row_number() OVER (PARTITION BY home_id, ts ORDER BY basis_rank(basis), uncertainty, read_from) = 1
            AND basis_rank(basis) = min(basis_rank(basis)) OVER (
                PARTITION BY home_id ORDER BY ts
                RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND INTERVAL 1 HOUR FOLLOWING))
    SELECT t.token_id, b.ts, b.rate, b.uncertainty, b.basis, b.quality, b.known_at, b.in_force
    FROM best b JOIN token t USING (home_id)
    WHERE t.accrual <> 'bridged';

CREATE OR REPLACE MACRO rate_known(kt) AS TABLE SELECT * FROM rate_between('-infinity', 'infinity', kt);
CREATE OR REPLACE VIEW rate_now AS SELECT * FROM rate_known('infinity');

-- A relation of rates, and of the tokens it has none of all that was read before:
-- who is in it was read by then, however long ago, and who is not never was.
CREATE OR REPLACE MACRO with_older_rates(rates, as_of, kt) AS TABLE
    WITH unseen AS MATERIALIZED (
        SELECT token_id FROM token
        WHERE home_id NOT IN (SELECT t.home_id FROM query_table(rates) r JOIN token t USING (token_id)))
    SELECT * FROM query_table(rates)
    UNION ALL
    SELECT * FROM rate_between('-infinity', as_of, kt, among := 'unseen');

-- The moments a rate really changed, out of a relation of rates. A row counts when
-- it moved from the row before it (is_firm), or, so that a coarse series cannot
-- creep unseen, from the last row that did. The first row of a token has no
-- predecessor and counts; so does every row of a benchmark, whose index is at work
-- even where it stands still.
CREATE OR REPLACE MACRO steps_of(rates) AS TABLE
    WITH a AS (
        SELECT *, lag(rate) OVER w AS r0, lag(uncertainty) OVER w AS u0
        FROM query_table(rates) WINDOW w AS (PARTITION BY token_id ORDER BY ts)),
    b AS (
        SELECT *, r0 IS NULL OR in_force IS NOT NULL OR rate_moved(r0, u0, rate, uncertainty) AS moved FROM a
        WHERE r0 IS NULL OR in_force IS NOT NULL OR rate <> r0),
    c AS (
        SELECT *, last_value(CASE WHEN moved THEN rate END IGNORE NULLS) OVER w AS rm,
                  last_value(CASE WHEN moved THEN uncertainty END IGNORE NULLS) OVER w AS um
        FROM b WINDOW w AS (PARTITION BY token_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
    SELECT token_id, ts, rate, uncertainty, basis, quality, known_at, in_force,
           lag(ts) OVER w AS prev_ts, lag(rate) OVER w AS prev_rate, moved AND r0 IS NOT NULL AS is_firm
    FROM c WHERE moved OR rate_moved(rm, um, rate, uncertainty)
    WINDOW w AS (PARTITION BY token_id ORDER BY ts);

-- The steps up to hi, complete from the last one at or before lo. Most tokens
-- changed in the 45 days before lo, so that is how far the reading goes; the quiet
-- ones, whose last change before lo is older, are read from their beginning, and
-- with them the benchmark of their chain, which is asked about the same time.
-- among names a relation of token_id that the reading is limited to.
CREATE OR REPLACE MACRO rate_step_between(lo, hi, kt, among := 'dim_token') AS TABLE
    WITH near AS MATERIALIZED (SELECT * FROM rate_between(lo::TIMESTAMP - max_carry(), hi, kt, among := among)),
    near_steps AS MATERIALIZED (SELECT * FROM steps_of('near')),
    older AS (
        SELECT token_id FROM fact_metric WHERE metric_id = 'exchange_rate' AND ts <= lo::TIMESTAMP - max_carry()
        UNION
        SELECT token_id FROM fact_metric WHERE metric_id = 'benchmark_apr' AND ts <= lo::TIMESTAMP - max_carry()),
    still AS MATERIALIZED (
        SELECT token_id, chain_id FROM token
        WHERE home_id IN (SELECT t.home_id FROM older JOIN token t USING (token_id) JOIN query_table(among) USING (token_id))
            AND home_id NOT IN (
                SELECT t.home_id FROM near_steps s JOIN token t USING (token_id) WHERE s.is_firm AND s.ts <= lo::TIMESTAMP)),
    quiet AS MATERIALIZED (
        SELECT token_id FROM still
        UNION SELECT token_id FROM token WHERE accrual = 'benchmark' AND chain_id IN (SELECT chain_id FROM still)
            AND token_id IN (SELECT token_id FROM query_table(among))),
    far AS MATERIALIZED (SELECT * FROM rate_between('-infinity', hi, kt, among := 'quiet'))
    SELECT * FROM near_steps WHERE token_id NOT IN (SELECT token_id FROM quiet)
    UNION ALL
    SELECT * FROM steps_of('far');

CREATE OR REPLACE MACRO rate_step_known(kt) AS TABLE
    WITH rates AS (SELECT * FROM rate_known(kt)) SELECT * FROM steps_of('rates');

CREATE OR REPLACE VIEW rate_step AS SELECT * FROM rate_step_known('infinity');
