-- Realised yield: growth between real updates over the time between them.

-- One row per token and window (days), every token included; figures are NULL
-- where nothing is known. The window runs from the last update at or before its
-- start to the last update at or before its end; where the history begins inside
-- the window it runs from the first update, and covers_window tells.
--   apr_net, apy_net, apr_log  fraction per year: simple, compound, continuous
--   period_return              fraction over days_used
--   updates                    changes after from_ts up to to_ts
--   is_frozen                  no change for longer than the token's stale_after_s
--   covers_window              days_used is near the window asked for
--   is_published               fit for a headline: covers, not frozen, enough updates
-- steps names a relation of steps that is complete for the longest window.
CREATE OR REPLACE MACRO apr_windows_with(steps, windows, as_of) AS TABLE
    WITH st AS MATERIALIZED (
        SELECT *, row_number() OVER (PARTITION BY token_id ORDER BY ts) AS n FROM query_table(steps)),
    q AS (
        SELECT t.token_id, t.expected_update_s, t.stale_after_s, x.window_days,
               as_of::TIMESTAMP AS t1,
               as_of::TIMESTAMP - to_seconds((x.window_days * 86400)::DOUBLE) AS t0
        FROM token t, (SELECT unnest(list_distinct(windows))::DOUBLE AS window_days) x WHERE t.accrual <> 'bridged'),
    f AS (SELECT token_id, min(ts) AS first_ts FROM st GROUP BY 1),
    w AS (SELECT q.*, greatest(q.t0, f.first_ts) AS s0 FROM q LEFT JOIN f USING (token_id)),
    g AS (
        SELECT w.*, s.ts AS from_ts, e.ts AS to_ts, e.n - s.n AS updates,
               e.rate / s.rate AS growth, seconds_between(s.ts, e.ts) AS secs,
               worse_basis(s.basis, e.basis) AS basis
        FROM w
        ASOF LEFT JOIN st e ON w.token_id = e.token_id AND w.t1 >= e.ts
        ASOF LEFT JOIN st s ON w.token_id = s.token_id AND w.s0 >= s.ts)
    SELECT token_id, window_days, from_ts, to_ts, secs / 86400 AS days_used, updates,
           growth - 1 AS period_return,
           annualise(growth, secs, 'apr') AS apr_net,
           annualise(growth, secs, 'apy') AS apy_net,
           annualise(growth, secs, 'log') AS apr_log,
           seconds_between(to_ts, t1) AS since_change_s,
           seconds_between(to_ts, t1) > stale_after_s AS is_frozen,
           covers(secs, window_days * 86400, expected_update_s) AS covers_window,
           coalesce(seconds_between(to_ts, t1) <= stale_after_s AND covers(secs, window_days * 86400, expected_update_s)
               AND long_enough(updates, secs, expected_update_s), false) AS is_published,
           basis, basis_mark(basis) AS mark
    FROM g;

CREATE OR REPLACE MACRO apr_windows(windows, as_of, kt := 'infinity') AS TABLE
    WITH steps AS (SELECT * FROM rate_step_between(as_of::TIMESTAMP - to_seconds(list_max(windows)::DOUBLE * 86400), as_of, kt))
    SELECT * FROM apr_windows_with('steps', windows, as_of);

CREATE OR REPLACE MACRO apr(win_days, as_of, kt := 'infinity') AS TABLE
    SELECT * EXCLUDE (window_days) FROM apr_windows([win_days], as_of, kt := kt);

-- The same as it was known at a time.
CREATE OR REPLACE MACRO apr_known(win_days, as_of, kt) AS TABLE
    SELECT * EXCLUDE (window_days) FROM apr_windows([win_days], as_of, kt := kt);

-- One window through time, at 00:00 UTC of each day. A frozen token shows NULL, and
-- so does a window of too few updates.
CREATE OR REPLACE MACRO apr_series(win_days, d0, d1, kt := 'infinity') AS TABLE
    WITH st AS MATERIALIZED (
        SELECT *, row_number() OVER (PARTITION BY token_id ORDER BY ts) AS n FROM rate_step_between(d0::TIMESTAMP - to_seconds(win_days::DOUBLE * 86400), d1, kt)),
    cal AS (
        SELECT token_id, stale_after_s, expected_update_s, d,
               d - to_seconds((win_days::DOUBLE * 86400)::DOUBLE) AS t0
        FROM (SELECT token_id, stale_after_s, expected_update_s,
                     unnest(generate_series(d0::TIMESTAMP, d1::TIMESTAMP, INTERVAL 1 DAY)) AS d
              FROM token WHERE accrual <> 'bridged')),
    g AS (
        SELECT c.*, e.rate / s.rate AS growth, seconds_between(s.ts, e.ts) AS secs, e.n - s.n AS updates,
               seconds_between(e.ts, c.d) > c.stale_after_s AS frozen
        FROM cal c
        ASOF JOIN st e ON c.token_id = e.token_id AND c.d >= e.ts
        ASOF JOIN st s ON c.token_id = s.token_id AND c.t0 >= s.ts)
    SELECT token_id, d,
           CASE WHEN NOT frozen AND long_enough(updates, secs, expected_update_s) THEN annualise(growth, secs, 'apr') END AS apr_net,
           secs / 86400 AS days_used,
           covers(secs, win_days::DOUBLE * 86400, expected_update_s) AS covers_window
    FROM g;

-- The chain's own staking rate beside each token: the growth of its index over
-- exactly the token's from_ts to to_ts, so that both annual figures describe the
-- same time. NULL rows are left out: no benchmark knew both ends, or the token has no
-- span. Where a chain has several benchmarks the first by name counts.
-- aprs names a relation of yields of one window, steps the steps they came from.
CREATE OR REPLACE MACRO bench_with(aprs, steps) AS TABLE
    WITH b AS MATERIALIZED (
        SELECT t.chain_id, t.token_id AS bench_id, s.ts, s.rate, s.in_force, s.basis,
               coalesce(lead(s.ts) OVER (PARTITION BY s.token_id ORDER BY s.ts), s.ts + to_seconds(t.stale_after_s::DOUBLE)) AS known_until
        FROM query_table(steps) s JOIN token t USING (token_id) WHERE t.accrual = 'benchmark'),
    x AS (
        SELECT a.token_id, c.bench_id, a.from_ts, a.to_ts
        FROM query_table(aprs) a JOIN token t USING (token_id) JOIN (SELECT DISTINCT chain_id, bench_id FROM b) c USING (chain_id)
        WHERE a.to_ts > a.from_ts),
    g AS (
        SELECT x.*, worse_basis(s.basis, e.basis) AS basis,
               e.rate * accrued(e.in_force, seconds_between(e.ts, x.to_ts))
                   / (s.rate * accrued(s.in_force, seconds_between(s.ts, x.from_ts))) AS growth
        FROM x
        ASOF JOIN b s ON x.bench_id = s.bench_id AND x.from_ts >= s.ts
        ASOF JOIN b e ON x.bench_id = e.bench_id AND x.to_ts >= e.ts
        WHERE x.to_ts <= e.known_until)
    SELECT token_id, bench_id, annualise(growth, seconds_between(from_ts, to_ts), 'apr') AS bench_apr, basis
    FROM g QUALIFY row_number() OVER (PARTITION BY token_id ORDER BY bench_id) = 1;
