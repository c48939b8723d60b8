-- Flows and the attribution of growth, in shares, so that rewards, price and
-- shares minted as fees cannot leak into deposits.

-- Changes of supply: one row per interval between two readings of the supply.
--   fee_shares   shares minted as fees in the interval; NULL where the token reports
--                none in the whole time: then they are among the deposits
--   flow_native  deposits minus withdrawals, native, at the rate at the end
CREATE OR REPLACE MACRO flow_between(lo, hi, kt) AS TABLE
    WITH s AS (
        SELECT s.token_id, s.ts, s.supply, lag(s.ts) OVER w AS prev_ts, lag(s.supply) OVER w AS prev_supply
        FROM supply_between(lo, hi, kt) s WINDOW w AS (PARTITION BY s.token_id ORDER BY s.ts)),
    minted AS MATERIALIZED (SELECT token_id, ts, value FROM series_between('fee_shares', lo, hi, kt)),
    fee AS (
        SELECT f.token_id, s.ts, sum(f.value) AS fee_shares
        FROM minted f ASOF JOIN s ON f.token_id = s.token_id AND f.ts <= s.ts
        GROUP BY 1, 2),
    g AS (
        SELECT s.*, CASE WHEN s.token_id IN (SELECT token_id FROM minted) THEN coalesce(fee.fee_shares, 0) END AS fee_shares
        FROM s LEFT JOIN fee ON fee.token_id = s.token_id AND fee.ts = s.ts
        WHERE s.prev_ts IS NOT NULL)
    SELECT g.token_id, g.prev_ts, g.ts, g.prev_supply, g.supply, g.fee_shares,
           CASE WHEN seconds_between(r.ts, g.ts) <= t.stale_after_s THEN r.rate END AS rate,
           CASE WHEN seconds_between(r.ts, g.ts) <= t.stale_after_s
                THEN flow_of(g.prev_supply, g.supply, coalesce(g.fee_shares, 0), r.rate) END AS flow_native
    FROM g JOIN token t USING (token_id)
    ASOF LEFT JOIN rate_between(lo::TIMESTAMP - max_carry(), hi, kt) r ON g.token_id = r.token_id AND g.ts >= r.ts
    WHERE t.is_counted;

CREATE OR REPLACE VIEW flow AS SELECT * FROM flow_between('-infinity', 'infinity', 'infinity');

-- Net flow over the days before a moment, from the levels then and now (see tvl).
--   flow_pct    percent of the supply at the start
--   fee_shares  NULL where none were reported: then they are among the flow
CREATE OR REPLACE MACRO net_flow_with(levels_then, levels_now, win_days, as_of, kt) AS TABLE
    WITH d AS (
        SELECT a.token_id, a.supply AS s0, b.supply AS s1, b.rate AS r1, a.d AS t0, b.d AS t1
        FROM query_table(levels_then) a JOIN query_table(levels_now) b USING (token_id)),
    fee AS (
        SELECT token_id, sum(value) AS fee_shares
        FROM series_between('fee_shares', as_of::TIMESTAMP - to_days(win_days::INTEGER), as_of, kt) GROUP BY 1)
    SELECT d.token_id, t0, t1, s0, s1, fee_shares,
           s1 - s0 - coalesce(fee_shares, 0) AS flow_shares,
           flow_of(s0, s1, coalesce(fee_shares, 0), r1) AS flow_native,
           100 * (s1 - s0 - coalesce(fee_shares, 0)) / nullif(s0, 0) AS flow_pct
    FROM d LEFT JOIN fee USING (token_id);

CREATE OR REPLACE MACRO net_flow(win_days, as_of, kt := 'infinity') AS TABLE
    WITH levels_then AS (SELECT * FROM tvl(as_of::TIMESTAMP - to_days(win_days::INTEGER), kt := kt)),
    levels_now AS (SELECT * FROM tvl(as_of, kt := kt))
    SELECT * FROM net_flow_with('levels_then', 'levels_now', win_days, as_of, kt);

-- Where the change of TVL came from, day by day, in USD or (unit 'native') in the
-- native asset, where price is 1 and its leg 0. The four legs sum to the change
-- exactly. A day without a level is skipped, the next day's legs then cover the gap.
-- fees is NULL where a token reports no fee shares in the whole time: then they are
-- among its deposits.
CREATE OR REPLACE MACRO attribution_daily(d0, d1, unit, kt := 'infinity') AS TABLE
    WITH x AS (
        SELECT token_id, underlying, d, supply, rate, CASE WHEN unit = 'usd' THEN usd ELSE 1.0 END AS price
        FROM daily(d0, d1, kt := kt)),
    l AS (
        SELECT *, lag(d) OVER w AS prev_d, lag(supply) OVER w AS s0, lag(rate) OVER w AS r0, lag(price) OVER w AS p0
        FROM x WHERE supply IS NOT NULL AND rate IS NOT NULL AND price IS NOT NULL
        WINDOW w AS (PARTITION BY token_id ORDER BY d)),
    minted AS MATERIALIZED (SELECT token_id, ts, value FROM series_between('fee_shares', d0, d1, kt)),
    fee AS (
        SELECT f.token_id, l.d, sum(f.value) AS fee_shares
        FROM minted f ASOF JOIN l ON f.token_id = l.token_id AND f.ts <= l.d
        WHERE l.prev_d IS NOT NULL AND f.ts > l.prev_d GROUP BY 1, 2),
    g AS (
        SELECT l.*, CASE WHEN l.token_id IN (SELECT token_id FROM minted) THEN coalesce(fee.fee_shares, 0) END AS fee_shares
        FROM l LEFT JOIN fee ON fee.token_id = l.token_id AND fee.d = l.d WHERE l.prev_d IS NOT NULL)
    SELECT token_id, underlying, prev_d, d, s0 * r0 * p0 AS level_before, supply * rate * price AS level, level - level_before AS change,
           leg_deposits(s0, supply, coalesce(fee_shares, 0), rate, price) AS deposits,
           leg_fees(fee_shares, rate, price) AS fees,
           leg_rewards(s0, r0, rate, price) AS rewards,
           leg_price(s0, r0, p0, price) AS price_effect
    FROM g;

-- The same over the whole time. residual shows what the rounding of doubles leaves.
-- Supply only tells deposits minus withdrawals, so each day counts as one or the other:
--   net_in, net_out   sum of the days that grew, and of those that shrank
CREATE OR REPLACE MACRO attribution_in(d0, d1, unit, kt := 'infinity') AS TABLE
    SELECT token_id, underlying, min(prev_d) AS from_d, max(d) AS to_d, count(*) AS ndays,
           sum(change) AS change, sum(deposits) AS deposits, sum(fees) AS fees, sum(rewards) AS rewards,
           sum(price_effect) AS price_effect,
           sum(change) - sum(deposits) - coalesce(sum(fees), 0) - sum(rewards) - sum(price_effect) AS residual,
           arg_min(level_before, d) AS level_from, arg_max(level, d) AS level_to,
           sum(greatest(deposits, 0)) AS net_in, sum(least(deposits, 0)) AS net_out
    FROM attribution_daily(d0, d1, unit, kt := kt) GROUP BY 1, 2;

CREATE OR REPLACE MACRO attribution(d0, d1, kt := 'infinity') AS TABLE
    SELECT n.token_id, n.underlying, n.from_d, n.to_d, n.ndays, u.from_d AS usd_from_d, u.to_d AS usd_to_d,
           u.change AS change_usd, u.deposits AS deposits_usd, u.fees AS fee_shares_usd, u.rewards AS rewards_usd,
           u.price_effect AS price_usd, u.residual AS residual_usd,
           n.change AS change_native, n.deposits AS deposits_native, n.fees AS fee_shares_native, n.rewards AS rewards_native,
           n.residual AS residual_native,
           u.level_from AS start_usd, u.net_in AS net_in_usd, u.net_out AS net_out_usd, u.level_to AS end_usd,
           n.level_from AS start_native, n.net_in AS net_in_native, n.net_out AS net_out_native, n.level_to AS end_native
    FROM attribution_in(d0, d1, 'native', kt := kt) n
    LEFT JOIN attribution_in(d0, d1, 'usd', kt := kt) u USING (token_id);
