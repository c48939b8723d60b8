-- Comparisons: against the chain, against each other, over time.

-- Log return against the chain's own staking rate, week by week, annualised.
--   tracking_diff_bps   mean weekly difference × 365/7
--   tracking_error_bps  its standard deviation × √(365/7)
-- A week without a fresh level on either side is left out.
CREATE OR REPLACE MACRO tracking(d0, d1, kt := 'infinity') AS TABLE
    WITH rates AS MATERIALIZED (SELECT * FROM rate_between(d0::TIMESTAMP - max_carry(), d1, kt)),
    bench AS (
        SELECT chain_id, min(token_id) AS bench_id FROM token
        WHERE accrual = 'benchmark' AND token_id IN (SELECT token_id FROM rates) GROUP BY 1),
    cal AS (
        SELECT t.token_id, bench.bench_id, t.stale_after_s,
               unnest(generate_series(d0::TIMESTAMP, d1::TIMESTAMP, INTERVAL 7 DAY)) AS d
        FROM token t JOIN bench USING (chain_id) WHERE t.is_counted),
    x AS (
        SELECT c.token_id, c.bench_id, c.d,
               CASE WHEN seconds_between(r.ts, c.d) <= c.stale_after_s THEN ln(r.rate) END
               - CASE WHEN seconds_between(b.ts, c.d) <= tb.stale_after_s THEN ln(b.rate) END AS rel
        FROM cal c JOIN token tb ON tb.token_id = c.bench_id
        ASOF LEFT JOIN rates r ON c.token_id = r.token_id AND c.d >= r.ts
        ASOF LEFT JOIN rates b ON c.bench_id = b.token_id AND c.d >= b.ts),
    z AS (SELECT token_id, bench_id, rel - lag(rel) OVER (PARTITION BY token_id ORDER BY d) AS td FROM x)
    SELECT token_id, bench_id, count(td) AS weeks,
           1e4 * avg(td) * 365 / 7 AS tracking_diff_bps,
           1e4 * stddev_samp(td) * sqrt(365 / 7.0) AS tracking_error_bps
    FROM z GROUP BY 1, 2;

-- Share of the tokens of one underlying asset, day by day. denominator names what
-- the share is of; population is how many tokens it holds, left_out how many had
-- no known level that day.
CREATE OR REPLACE MACRO market_share(d0, d1, kt := 'infinity') AS TABLE
    SELECT underlying, d, token_id, tvl_native,
           'TVL of the ' || underlying || ' tokens in this warehouse' AS denominator,
           sum(tvl_native) OVER w AS denominator_native,
           tvl_native / nullif(sum(tvl_native) OVER w, 0) AS share_of,
           count(tvl_native) OVER w AS population, count(*) OVER w - count(tvl_native) OVER w AS left_out
    FROM daily(d0, d1, kt := kt) WINDOW w AS (PARTITION BY underlying, d);

-- Herfindahl-Hirschman index of the same population, 0 to 10,000.
CREATE OR REPLACE MACRO concentration(d0, d1, kt := 'infinity') AS TABLE
    SELECT underlying, d, any_value(denominator) AS denominator, max(population) AS population, max(left_out) AS left_out,
           sum(hhi_part(share_of)) AS hhi, arg_max(token_id, share_of) AS top_token, 100 * max(share_of) AS top_pct
    FROM market_share(d0, d1, kt := kt) WHERE share_of IS NOT NULL GROUP BY 1, 2;

-- Operators of a protocol in its newest snapshot at a time.
--   nakamoto_33  smallest number of operators that run more than a third
CREATE OR REPLACE MACRO operator_concentration(as_of, kt := 'infinity') AS TABLE
    WITH o AS (
        SELECT protocol_id, operator_id, ts, stake_native FROM fact_operator_stake
        WHERE ts <= as_of::TIMESTAMP AND known_at <= kt::TIMESTAMP
        QUALIFY row_number() OVER (PARTITION BY protocol_id, operator_id, ts ORDER BY known_at DESC) = 1
            AND ts = max(ts) OVER (PARTITION BY protocol_id)),
    s AS (
        SELECT protocol_id, operator_id, ts, stake_native / nullif(sum(stake_native) OVER (PARTITION BY protocol_id), 0) AS share_of
        FROM o WHERE stake_native IS NOT NULL),
    c AS (
        SELECT *, row_number() OVER w AS n, sum(share_of) OVER w AS cum
        FROM s WINDOW w AS (PARTITION BY protocol_id ORDER BY share_of DESC, operator_id ROWS UNBOUNDED PRECEDING))
    SELECT protocol_id, max(ts) AS ts, count(*) AS operators, 100 * max(share_of) AS top1_pct,
           sum(hhi_part(share_of)) AS op_hhi, min(n) FILTER (cum > 1.0 / 3) AS nakamoto_33
    FROM c GROUP BY 1;
