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

-- All stake of the chain an underlying asset is native to, day by day: what its
-- benchmark token says is staked, carried at most that token's stale_after_s. Tokens
-- count by their underlying, wherever they are issued. An asset without a row has no
-- benchmark. Where it has several, one that knows the stake counts, then the first
-- by name.
CREATE OR REPLACE MACRO chain_stake(d0, d1, kt := 'infinity') AS TABLE
    WITH cal AS (
        SELECT token_id, chain_id, underlying, stale_after_s,
               unnest(generate_series(d0::TIMESTAMP, d1::TIMESTAMP, INTERVAL 1 DAY)) AS d
        FROM token WHERE accrual = 'benchmark'),
    g AS (
        SELECT c.underlying, c.d, c.token_id AS bench_id, c.chain_id,
               CASE WHEN seconds_between(s.ts, c.d) <= c.stale_after_s THEN s.value END AS stake_native
        FROM cal c
        ASOF LEFT JOIN series_between('gross_stake_native', d0::TIMESTAMP - max_carry(), d1, kt) s ON c.token_id = s.token_id AND c.d >= s.ts)
    SELECT * FROM g QUALIFY row_number() OVER (PARTITION BY underlying, d ORDER BY stake_native IS NULL, bench_id) = 1;

-- Share of each token in all of its underlying asset, and the Herfindahl-Hirschman
-- index, 0 to 10,000, day by day. of is the denominator_id:
--   warehouse  TVL of the tokens of the asset that this warehouse reads
--   chain      all stake of the asset's chain; unknown leaves every share unknown
-- denominator says it in words; population is how many tokens have a known level,
-- left_out how many have none.
--   hhi       of the known tokens, as if they were all; NULL of a chain, where they are not
--   hhi_low   the rest of the denominator spread over singletons, which adds nothing
--   hhi_high  the rest as one entity
-- The rest of a warehouse is the tokens left out: nobody knows how much they hold, so
-- while there are any it has no bounds. Neither has a chain of which the tokens hold
-- more than all: something in it is counted twice.
CREATE OR REPLACE MACRO market_share(d0, d1, of := 'warehouse', kt := 'infinity') AS TABLE
    WITH l AS (
        SELECT v.underlying, v.d, v.token_id, v.tvl_native, of AS denominator_id,
               CASE of WHEN 'warehouse' THEN 'TVL of the ' || v.underlying || ' tokens in this warehouse'
                       WHEN 'chain' THEN 'all ' || v.underlying || ' staked on ' || coalesce(c.chain_id, 'its chain')
                           || CASE WHEN c.stake_native IS NULL THEN ': unknown, not read or too long ago' ELSE '' END
                       ELSE error('a share is of ''warehouse'' or ''chain'', not of ''' || of || '''') END AS denominator,
               CASE of WHEN 'warehouse' THEN sum(v.tvl_native) OVER w ELSE c.stake_native END AS denominator_native,
               count(v.tvl_native) OVER w AS population, count(*) OVER w - count(v.tvl_native) OVER w AS left_out
        FROM daily(d0, d1, kt := kt) v LEFT JOIN chain_stake(d0, d1, kt := kt) c ON of = 'chain' AND c.underlying = v.underlying AND c.d = v.d
        WINDOW w AS (PARTITION BY v.underlying, v.d)),
    s AS (SELECT *, tvl_native / nullif(denominator_native, 0) AS share_of FROM l),
    h AS (
        SELECT *, sum(hhi_part(share_of)) OVER w AS known_hhi,
               CASE of WHEN 'warehouse' THEN CASE WHEN left_out = 0 THEN 0 END ELSE 1 - sum(share_of) OVER w END AS rest
        FROM s WINDOW w AS (PARTITION BY underlying, d))
    SELECT underlying, d, token_id, tvl_native, denominator_id, denominator, denominator_native, share_of, population, left_out,
           CASE of WHEN 'warehouse' THEN known_hhi END AS hhi,
           CASE WHEN rest >= 0 THEN known_hhi END AS hhi_low,
           CASE WHEN rest >= 0 THEN known_hhi + hhi_part(rest) END AS hhi_high
    FROM h;

-- Is an operator named by a key (a public key in base58, or an address or public key
-- in hexadecimal), and not by the name of an entity?
CREATE OR REPLACE MACRO is_key(operator_id) AS
    regexp_full_match(operator_id, '0x[0-9a-fA-F]{40,}|[1-9A-HJ-NP-Za-km-z]{32,44}');

-- Operators of a protocol in its newest snapshot at a time.
--   nakamoto_33  smallest number of operators that run more than a third
--   counted_by   what an operator is: 'entity' by name, 'key', or 'mixed' where the
--                source names only some
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
           sum(hhi_part(share_of)) AS op_hhi, min(n) FILTER (cum > 1.0 / 3) AS nakamoto_33,
           CASE WHEN bool_and(is_key(operator_id)) THEN 'key' WHEN bool_or(is_key(operator_id)) THEN 'mixed' ELSE 'entity' END AS counted_by
    FROM c GROUP BY 1;
