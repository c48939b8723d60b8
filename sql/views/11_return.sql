-- What an amount became.

-- amount native units put into each token at d0 and looked at again at d1.
--   lst_bought     after the deposit fee in force then (chain setting, else card, else none known: 0);
--                  a benchmark has no shares
--   at_redemption  what it redeems for at d1, native, before any exit fee
--   at_market      the same at the market premium of d1; NULL without a price
--   from_ts, to_ts of the newest rates at d0 and d1; to_ts is NULL only where none was read by then
-- A token without a fresh rate at either end shows NULL.
CREATE OR REPLACE MACRO growth_of(amount, d0, d1, kt := 'infinity') AS TABLE
    WITH x AS (
        SELECT t.*, d0::TIMESTAMP AS t0, d1::TIMESTAMP AS t1 FROM token t WHERE t.accrual <> 'bridged'),
    card AS (
        SELECT protocol_id, max(bps) AS bps FROM fee_card(kt)
        WHERE fee_type = 'deposit' AND (valid_from IS NULL OR valid_from <= d0::TIMESTAMP)
            AND (valid_to IS NULL OR valid_to > d0::TIMESTAMP) GROUP BY 1),
    -- Both ends out of one reading: the level of a benchmark's index depends on where
    -- the reading begins, and only ratios inside one reading mean anything.
    near AS MATERIALIZED (SELECT * FROM rate_between(d0::TIMESTAMP - max_carry(), d1, kt)),
    rates AS MATERIALIZED (SELECT * FROM with_older_rates('near', d1, kt)),
    g AS (
        SELECT x.token_id, x.chain_id, x.symbol, x.underlying, x.accrual, x.t0, x.t1, s.ts AS from_ts, e.ts AS to_ts,
               CASE WHEN seconds_between(s.ts, x.t0) <= x.stale_after_s THEN s.rate END AS r0,
               CASE WHEN seconds_between(e.ts, x.t1) <= x.stale_after_s THEN e.rate END AS r1,
               CASE WHEN x.accrual = 'benchmark' THEN 0.0 ELSE coalesce(f.value, card.bps) END AS fee_bps,
               p.premium, worse_basis(s.basis, e.basis) AS basis
        FROM x
        ASOF LEFT JOIN rates s ON x.token_id = s.token_id AND x.t0 >= s.ts
        ASOF LEFT JOIN rates e ON x.token_id = e.token_id AND x.t1 >= e.ts
        ASOF LEFT JOIN series_between('fee_deposit_bps', d0::TIMESTAMP - max_carry(), d0, kt) f ON x.token_id = f.token_id AND x.t0 >= f.ts
        LEFT JOIN card ON card.protocol_id = x.protocol_id
        LEFT JOIN premium_at(d1, kt := kt) p ON p.token_id = x.token_id)
    SELECT token_id, chain_id, symbol, underlying, accrual, from_ts, to_ts, fee_bps,
           CASE WHEN accrual <> 'benchmark' THEN amount::DOUBLE * (1 - coalesce(fee_bps, 0) / 1e4) / r0 END AS lst_bought,
           amount::DOUBLE * (1 - coalesce(fee_bps, 0) / 1e4) / r0 * r1 AS at_redemption,
           amount::DOUBLE * (1 - coalesce(fee_bps, 0) / 1e4) / r0 * r1 * (1 + premium) AS at_market,
           r1 / r0 - 1 AS native_return, basis, basis_mark(basis) AS mark
    FROM g;

-- Return of holding one share from d0 to d1 on the daily calendar, as fractions.
--   max_drawdown_usd, max_drawdown_native  worst fall from a peak, ≤ 0
CREATE OR REPLACE MACRO total_return(d0, d1, kt := 'infinity') AS TABLE
    WITH x AS (
        SELECT token_id, d, rate, rate * usd AS usd,
               rate / max(rate) OVER w - 1 AS dd_native, rate * usd / max(rate * usd) OVER w - 1 AS dd_usd
        FROM daily(d0, d1, kt := kt) WHERE rate IS NOT NULL
        WINDOW w AS (PARTITION BY token_id ORDER BY d ROWS UNBOUNDED PRECEDING))
    SELECT token_id, min(d) AS from_d, max(d) AS to_d, count(*) AS ndays, count(usd) AS usd_days,
           arg_max(rate, d) / arg_min(rate, d) - 1 AS native_return, min(dd_native) AS max_drawdown_native,
           arg_max(usd, d) FILTER (usd IS NOT NULL) / arg_min(usd, d) FILTER (usd IS NOT NULL) - 1 AS usd_return,
           min(dd_usd) AS max_drawdown_usd
    FROM x GROUP BY 1;
