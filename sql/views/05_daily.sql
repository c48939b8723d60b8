-- Levels on one UTC calendar: every counted token at 00:00 of each day from d0
-- to d1. A level is carried at most the token's stale_after_s, then it is NULL.
-- Wrappers and bridged tokens are left out, their stake is already counted.
--   rate        native per share        supply      shares
--   tvl_native  supply × rate           tvl_usd     tvl_native × USD price
-- Where no supply was read but the backing was, supply is backing ÷ rate and
-- supply_from says 'backing'.
-- rates names a relation of rates that reaches max_carry() before d0.
CREATE OR REPLACE MACRO daily_with(rates, d0, d1, kt) AS TABLE
    WITH cal AS (
        SELECT token_id, chain_id, underlying, stale_after_s,
               unnest(generate_series(d0::TIMESTAMP, d1::TIMESTAMP, INTERVAL 1 DAY)) AS d
        FROM token WHERE is_counted),
    g AS (
        SELECT c.token_id, c.chain_id, c.underlying, c.d,
               CASE WHEN seconds_between(r.ts, c.d) <= c.stale_after_s THEN r.rate END AS rate,
               CASE WHEN seconds_between(s.ts, c.d) <= c.stale_after_s THEN s.supply END AS supply_read,
               CASE WHEN seconds_between(b.ts, c.d) <= c.stale_after_s THEN b.value END AS backing_native,
               CASE WHEN seconds_between(x.ts, c.d) <= price_stale_s() THEN x.price END AS usd,
               r.ts AS rate_ts, coalesce(s.ts, b.ts) AS supply_ts, x.ts AS usd_ts,
               worse_basis(r.basis, coalesce(s.basis, b.basis)) AS basis
        FROM cal c
        ASOF LEFT JOIN query_table(rates) r ON c.token_id = r.token_id AND c.d >= r.ts
        ASOF LEFT JOIN supply_between(d0::TIMESTAMP - max_carry(), d1, kt) s ON c.token_id = s.token_id AND c.d >= s.ts
        ASOF LEFT JOIN series_between('backing_native', d0::TIMESTAMP - max_carry(), d1, kt) b ON c.token_id = b.token_id AND c.d >= b.ts
        ASOF LEFT JOIN usd_between(d0::TIMESTAMP - max_carry(), d1, kt) x ON c.underlying = x.base_id AND c.d >= x.ts)
    SELECT token_id, chain_id, underlying, d, rate,
           coalesce(supply_read, backing_native / rate) AS supply,
           CASE WHEN supply_read IS NOT NULL THEN 'supply' WHEN backing_native / rate IS NOT NULL THEN 'backing' END AS supply_from,
           coalesce(supply_read * rate, backing_native) AS tvl_native, usd,
           coalesce(supply_read * rate, backing_native) * usd AS tvl_usd,
           backing_native, rate_ts, supply_ts, usd_ts, basis
    FROM g;

CREATE OR REPLACE MACRO daily(d0, d1, kt := 'infinity') AS TABLE
    WITH rates AS (SELECT * FROM rate_between(d0::TIMESTAMP - max_carry(), d1, kt))
    SELECT * FROM daily_with('rates', d0, d1, kt);

-- The same levels at one moment.
CREATE OR REPLACE MACRO tvl(as_of, kt := 'infinity') AS TABLE
    SELECT * FROM daily(as_of, as_of, kt := kt);
