-- Fee settings on rewards, one series per token and setting.
CREATE OR REPLACE MACRO fee_setting_between(lo, hi, kt) AS TABLE
    WITH newest AS (
        SELECT metric_id, token_id, ts, value, basis, quality FROM fact_metric
        WHERE metric_id IN ('fee_reward_bps', 'fee_reward_operators_bps', 'fee_reward_treasury_bps', 'fee_reward_holders_bps', 'fee_reward_insurance_bps')
            AND ts > lo::TIMESTAMP AND ts <= hi::TIMESTAMP AND known_at <= kt::TIMESTAMP
        QUALIFY row_number() OVER (PARTITION BY metric_id, token_id, ts, basis ORDER BY known_at DESC) = 1)
    SELECT metric_id, token_id, ts, value FROM newest
    WHERE value IS NOT NULL AND quality NOT IN ('retracted', 'suspect')
    QUALIFY row_number() OVER (PARTITION BY metric_id, token_id, ts ORDER BY basis_rank(basis)) = 1;

-- Rewards and who got them, per update of the rate in (lo, hi].
--   net_native    what stakers received: supply before × change of the rate; signed
--   fee_native    what the protocol kept. fee_from says how it is known:
--                 'shares'  exact: fee shares minted in the interval × the new rate,
--                           where the reports they come from make up the interval
--                           and it is no longer than max_carry()
--                 'setting' estimated from fee_reward_bps in force at the update
--                 NULL      unknown
--   to_operators, to_treasury, to_holders, to_insurance
--                 the fee by the settings of that moment; a leg nobody read is 0
--                 only if the legs that were read make up the whole fee
--   revenue_strict  treasury + holders; revenue_broad also operators. Of rewards
--                   only: of fees on principal no amounts are read
-- steps names a relation of steps that is complete for (lo, hi].
CREATE OR REPLACE MACRO reward_with(steps, lo, hi, kt) AS TABLE
    WITH s AS (
        SELECT s.token_id, s.prev_ts, s.ts, s.prev_rate, s.rate, s.basis, t.stale_after_s, t.expected_update_s, t.underlying, t.protocol_id
        FROM query_table(steps) s JOIN token t USING (token_id)
        WHERE t.is_counted AND s.prev_ts IS NOT NULL AND s.ts > lo::TIMESTAMP),
    setting AS MATERIALIZED (SELECT * FROM fee_setting_between(lo::TIMESTAMP - max_carry(), hi, kt)),
    supplies AS MATERIALIZED (SELECT * FROM supply_between(lo::TIMESTAMP - max_carry(), hi, kt)),
    fee AS (
        SELECT f.token_id, s.ts, sum(f.value) AS fee_shares
        FROM series_between('fee_shares', lo::TIMESTAMP - max_carry(), hi, kt) f ASOF JOIN s ON f.token_id = s.token_id AND f.ts <= s.ts
        WHERE f.ts > s.prev_ts AND s.prev_ts >= s.ts - max_carry() GROUP BY 1, 2
        -- Where rates are read more seldom than reports come, an interval holds reports
        -- nobody read. Those that say what time they are of must fill it.
        HAVING coalesce(abs(sum(seconds_between(f.period_start, f.ts)) - any_value(seconds_between(s.prev_ts, s.ts)))
                        <= any_value(s.expected_update_s) / 2, true)),
    x AS (
        SELECT s.*, fee.fee_shares,
               coalesce(CASE WHEN seconds_between(u.ts, s.prev_ts) <= s.stale_after_s THEN u.supply END,
                        CASE WHEN seconds_between(v.ts, s.ts) <= s.stale_after_s THEN v.supply END) AS supply,
               CASE WHEN b.ts >= s.ts - max_carry() THEN b.value END AS fee_bps,
               CASE WHEN o.ts >= s.ts - max_carry() THEN o.value END AS operators_bps,
               CASE WHEN y.ts >= s.ts - max_carry() THEN y.value END AS treasury_bps,
               CASE WHEN h.ts >= s.ts - max_carry() THEN h.value END AS holders_bps,
               CASE WHEN i.ts >= s.ts - max_carry() THEN i.value END AS insurance_bps
        FROM s
        LEFT JOIN fee ON fee.token_id = s.token_id AND fee.ts = s.ts
        ASOF LEFT JOIN supplies u ON s.token_id = u.token_id AND s.prev_ts >= u.ts
        ASOF LEFT JOIN supplies v ON s.token_id = v.token_id AND s.ts >= v.ts
        ASOF LEFT JOIN (SELECT * FROM setting WHERE metric_id = 'fee_reward_bps') b ON s.token_id = b.token_id AND s.ts >= b.ts
        ASOF LEFT JOIN (SELECT * FROM setting WHERE metric_id = 'fee_reward_operators_bps') o ON s.token_id = o.token_id AND s.ts >= o.ts
        ASOF LEFT JOIN (SELECT * FROM setting WHERE metric_id = 'fee_reward_treasury_bps') y ON s.token_id = y.token_id AND s.ts >= y.ts
        ASOF LEFT JOIN (SELECT * FROM setting WHERE metric_id = 'fee_reward_holders_bps') h ON s.token_id = h.token_id AND s.ts >= h.ts
        ASOF LEFT JOIN (SELECT * FROM setting WHERE metric_id = 'fee_reward_insurance_bps') i ON s.token_id = i.token_id AND s.ts >= i.ts),
    n AS (
        SELECT *, supply * (rate - prev_rate) AS net_native,
               CASE WHEN fee_shares IS NOT NULL THEN fee_shares * rate
                    WHEN fee_bps < 10000 AND rate > prev_rate
                        THEN supply * (rate - prev_rate) * fee_bps / (10000 - fee_bps)
                    WHEN fee_bps IS NOT NULL AND rate <= prev_rate THEN 0.0 END AS fee_native,
               CASE WHEN fee_shares IS NOT NULL THEN 'shares' WHEN fee_bps < 10000 THEN 'setting' END AS fee_from,
               coalesce(operators_bps, 0) + coalesce(treasury_bps, 0) + coalesce(holders_bps, 0)
                   + coalesce(insurance_bps, 0) >= fee_bps - 0.005 AS legs_complete
        FROM x),
    l AS (
        SELECT *, CASE WHEN fee_bps > 0 THEN fee_native / fee_bps WHEN fee_bps = 0 THEN 0.0 END AS per_bps FROM n)
    SELECT token_id, protocol_id, underlying, prev_ts, ts, seconds_between(prev_ts, ts) AS secs,
           prev_rate, rate, supply, net_native, fee_native, fee_from, net_native + fee_native AS gross_native,
           per_bps * coalesce(operators_bps, CASE WHEN legs_complete THEN 0 END) AS to_operators,
           per_bps * coalesce(treasury_bps, CASE WHEN legs_complete THEN 0 END) AS to_treasury,
           per_bps * coalesce(holders_bps, CASE WHEN legs_complete THEN 0 END) AS to_holders,
           per_bps * coalesce(insurance_bps, CASE WHEN legs_complete THEN 0 END) AS to_insurance,
           per_bps * (coalesce(treasury_bps, CASE WHEN legs_complete THEN 0 END)
                      + coalesce(holders_bps, CASE WHEN legs_complete THEN 0 END)) AS revenue_strict,
           per_bps * (coalesce(treasury_bps, CASE WHEN legs_complete THEN 0 END)
                      + coalesce(holders_bps, CASE WHEN legs_complete THEN 0 END)
                      + coalesce(operators_bps, CASE WHEN legs_complete THEN 0 END)) AS revenue_broad,
           basis
    FROM l;

CREATE OR REPLACE MACRO reward_between(lo, hi, kt) AS TABLE
    WITH steps AS (SELECT * FROM rate_step_between(lo, hi, kt)) SELECT * FROM reward_with('steps', lo, hi, kt);

CREATE OR REPLACE VIEW reward AS SELECT * FROM reward_between('-infinity', 'infinity', 'infinity');

-- Rewards spread over the days they were earned on, by overlap: a day inside a
-- long interval gets its part, so no average runs over update days only.
CREATE OR REPLACE MACRO reward_daily(d0, d1, kt := 'infinity') AS TABLE
    WITH r AS (
        SELECT *, unnest(generate_series(date_trunc('day', prev_ts), ts, INTERVAL 1 DAY)) AS d
        FROM reward_between(d0, d1::TIMESTAMP + max_carry(), kt) WHERE prev_ts < d1::TIMESTAMP + INTERVAL 1 DAY),
    p AS (
        SELECT *, greatest(0, seconds_between(greatest(d, prev_ts), least(d + INTERVAL 1 DAY, ts))) / secs AS part FROM r)
    SELECT token_id, underlying, d, sum(net_native * part) AS net_native, sum(fee_native * part) AS fee_native,
           sum(gross_native * part) AS gross_native
    FROM p WHERE d >= d0::TIMESTAMP AND d <= d1::TIMESTAMP AND part > 0 GROUP BY 1, 2, 3;

-- What the protocols said they charge, as known at a time.
CREATE OR REPLACE MACRO fee_card(kt) AS TABLE
    SELECT * FROM dim_fee
    WHERE (known_at IS NULL OR known_at <= kt::TIMESTAMP) AND (dropped_at IS NULL OR dropped_at > kt::TIMESTAMP);

-- What a protocol says it takes of rewards at a time, in bps: its card, else the
-- setting read from the chain.
CREATE OR REPLACE MACRO advertised_fee(as_of, kt := 'infinity') AS TABLE
    WITH card AS (
        SELECT protocol_id, sum(bps) AS bps FROM fee_card(kt)
        WHERE fee_type = 'reward' AND (valid_from IS NULL OR valid_from <= as_of::TIMESTAMP)
            AND (valid_to IS NULL OR valid_to > as_of::TIMESTAMP)
        GROUP BY 1),
    chain AS (
        SELECT token_id, arg_max(value, ts) AS bps FROM series_between('fee_reward_bps', as_of::TIMESTAMP - max_carry(), as_of, kt) GROUP BY 1)
    SELECT t.token_id, coalesce(card.bps, chain.bps) AS adv_bps, card.bps AS card_bps, chain.bps AS setting_bps
    FROM token t LEFT JOIN card USING (protocol_id) LEFT JOIN chain ON chain.token_id = t.token_id
    WHERE t.accrual NOT IN ('benchmark', 'bridged');

-- Take rates over a window: effective where rewards and fee shares are known, against what is
-- advertised and against the chain's own rate (fee drag + idle drag + performance).
-- aprs names a relation of yields of the same window, steps one of steps that is
-- complete for it.
CREATE OR REPLACE MACRO take_rate_with(aprs, steps, win_days, as_of, kt) AS TABLE
    WITH r AS (
        SELECT token_id, sum(net_native) AS net_native, sum(fee_native) AS fee_native, count(*) AS updates
        FROM reward_with(steps, as_of::TIMESTAMP - to_seconds(win_days::DOUBLE * 86400), as_of, kt)
        WHERE fee_from = 'shares' AND net_native IS NOT NULL -- a fee without its reward would look like a high rate
        GROUP BY 1)
    SELECT t.token_id, r.updates, r.net_native, r.fee_native,
           take_rate_of(r.net_native, r.fee_native) AS take_rate_eff, f.adv_bps / 1e4 AS take_rate_adv,
           CASE WHEN b.bench_apr > 0 AND a.is_published THEN 1 - a.apr_net / b.bench_apr END AS take_rate_vs_bench
    FROM token t LEFT JOIN r USING (token_id)
    LEFT JOIN advertised_fee(as_of, kt := kt) f USING (token_id)
    LEFT JOIN query_table(aprs) a ON a.token_id = t.token_id
    LEFT JOIN bench_with(aprs, steps) b ON b.token_id = t.token_id
    WHERE t.accrual NOT IN ('benchmark', 'bridged');

CREATE OR REPLACE MACRO take_rate(win_days, as_of, kt := 'infinity') AS TABLE
    WITH steps AS MATERIALIZED (SELECT * FROM rate_step_between(as_of::TIMESTAMP - to_seconds(win_days::DOUBLE * 86400), as_of, kt)),
    aprs AS MATERIALIZED (SELECT * FROM apr_windows_with('steps', [win_days::DOUBLE], as_of))
    SELECT * FROM take_rate_with('aprs', 'steps', win_days, as_of, kt);
