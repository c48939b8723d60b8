-- The comparison: one row per token and chain benchmark. Nothing missing loses a
-- row, it shows NULL. A stale, frozen or sunset token's yield is withheld. One whose
-- history does not cover the window shows what there is with its days_used, without
-- spread, capture or rank. position ranks by capture; without the chain's own rate
-- over the same time there is none.
CREATE OR REPLACE MACRO league(win_days, as_of, kt := 'infinity') AS TABLE
    WITH steps AS MATERIALIZED (
        SELECT * FROM rate_step_between(as_of::TIMESTAMP - to_seconds(greatest(365, win_days::DOUBLE) * 86400), as_of, kt)),
    a AS MATERIALIZED (SELECT * FROM apr_windows_with('steps', [7, 30, 365, win_days::DOUBLE], as_of)),
    y AS (
        SELECT token_id,
               any_value(CASE WHEN is_published THEN apr_net END) FILTER (window_days = 7) AS apr_7d,
               any_value(CASE WHEN is_published THEN apr_net END) FILTER (window_days = 30) AS apr_30d,
               any_value(CASE WHEN is_published THEN apr_net END) FILTER (window_days = 365) AS apr_365d
        FROM a GROUP BY 1),
    w AS MATERIALIZED (SELECT * FROM a WHERE window_days = win_days::DOUBLE),
    month AS MATERIALIZED (SELECT * FROM a WHERE window_days = 30),
    rates AS MATERIALIZED (SELECT * FROM rate_between(as_of::TIMESTAMP - max_carry() - max_carry(), as_of, kt)),
    newest AS (SELECT * FROM with_older_rates('rates', as_of, kt)),
    f AS (SELECT * FROM freshness_with('newest', 'steps', as_of, kt)),
    v AS MATERIALIZED (SELECT * FROM daily_with('rates', as_of, as_of, kt)),
    v30 AS (SELECT * FROM daily_with('rates', as_of::TIMESTAMP - INTERVAL 30 DAY, as_of::TIMESTAMP - INTERVAL 30 DAY, kt)),
    x AS (SELECT * FROM exit_cost_with('month', as_of, kt) WHERE size_native = 100 AND is_cheapest),
    r AS (
        SELECT t.chain_id, t.token_id, t.symbol, t.accrual, t.underlying, f.state, f.value_age_s, w.days_used, w.updates,
               w.from_ts, w.to_ts, w.is_frozen, w.covers_window,
               f.state IN ('fresh', 'restated') AND w.is_published AS is_ranked,
               CASE WHEN f.state IN ('fresh', 'restated', 'bench') THEN w.apr_net END AS apr_net,
               CASE WHEN f.state IN ('fresh', 'restated', 'bench') THEN y.apr_7d END AS apr_7d,
               CASE WHEN f.state IN ('fresh', 'restated', 'bench') THEN y.apr_30d END AS apr_30d,
               CASE WHEN f.state IN ('fresh', 'restated', 'bench') THEN y.apr_365d END AS apr_365d,
               b.bench_apr, k.take_rate_eff, k.take_rate_adv, k.take_rate_vs_bench, p.premium, p.venue AS premium_venue,
               x.all_in_bps AS exit100_bps, x.route AS exit100_route, v.tvl_native, v.tvl_usd, n.flow_pct,
               worse_basis(w.basis, v.basis) AS basis
        FROM token t
        JOIN f ON f.token_id = t.token_id
        LEFT JOIN w ON w.token_id = t.token_id
        LEFT JOIN y ON y.token_id = t.token_id
        LEFT JOIN bench_with('w', 'steps') b ON b.token_id = t.token_id
        LEFT JOIN take_rate_with('w', 'steps', win_days, as_of, kt) k ON k.token_id = t.token_id
        LEFT JOIN premium_at_with('rates', as_of, kt) p ON p.token_id = t.token_id
        LEFT JOIN x ON x.token_id = t.token_id
        LEFT JOIN v ON v.token_id = t.token_id
        LEFT JOIN net_flow_with('v30', 'v', 30, as_of, kt) n ON n.token_id = t.token_id
        WHERE t.accrual <> 'bridged'),
    c AS (
        SELECT *, CASE WHEN is_ranked THEN apr_net - bench_apr END AS spread,
               CASE WHEN is_ranked THEN capture_of(apr_net, bench_apr) END AS capture
        FROM r)
    SELECT CASE WHEN capture IS NOT NULL THEN row_number() OVER (ORDER BY capture DESC NULLS LAST, token_id) END AS position,
           *, basis_mark(basis) AS mark
    FROM c;
