-- The newest version of every fact, and the version that was known at a time.
-- A fact's key is (metric, token, ts, basis). A retraction hides it; an unknown
-- value stays visible as NULL with its reason.
--
-- Macros named _between read the facts of (lo, hi] as known at kt; DuckDB then
-- skips all storage outside that time. Those named _known take all times.
CREATE OR REPLACE MACRO metric_known(kt) AS TABLE
    SELECT * FROM fact_metric WHERE known_at <= kt::TIMESTAMP
    QUALIFY row_number() OVER (PARTITION BY metric_id, token_id, ts, basis ORDER BY known_at DESC) = 1
        AND quality <> 'retracted';

CREATE OR REPLACE VIEW metric_now AS SELECT * FROM metric_known('infinity');

-- Tokens with their ages filled in: a wrapper has those of the token it wraps; a
-- token that states none is expected daily and stale after three missed updates.
-- home_id is the token whose rate it has. A wrapper, a bridged token, a basket of
-- tokens and a token whose underlying is another token hold stake that is counted
-- already, in the token below them.
CREATE OR REPLACE VIEW token AS
    SELECT t.token_id, t.protocol_id, t.chain_id, t.symbol, t.underlying, t.accrual, t.rate_of,
           coalesce(h.token_id, t.token_id) AS home_id,
           coalesce(nullif(t.expected_update_s, 0), nullif(h.expected_update_s, 0), 86400) AS expected_update_s,
           least(coalesce(nullif(t.stale_after_s, 0), nullif(h.stale_after_s, 0),
                          3 * coalesce(nullif(t.expected_update_s, 0), nullif(h.expected_update_s, 0), 86400)),
                 epoch(max_carry())) AS stale_after_s,
           u.token_id IS NULL AND t.accrual IN ('rebase', 'exchange_rate') AS is_counted,
           p.name AS protocol, p.status, p.sunset
    FROM dim_token t
    LEFT JOIN dim_token h ON t.accrual = 'wrapper' AND h.token_id = t.rate_of
    LEFT JOIN dim_token u ON u.token_id = t.underlying
    LEFT JOIN dim_protocol p ON p.protocol_id = t.protocol_id;

-- One metric as one series per token: known, unsuspected values, and where two
-- bases speak within an hour of each other only the better one (few tokens have
-- more than one basis, so only theirs are compared). among names a relation of
-- token_id that the reading is limited to.
CREATE OR REPLACE MACRO series_between(metric, lo, hi, kt, among := 'dim_token') AS TABLE
    WITH newest AS MATERIALIZED (
        SELECT token_id, ts, value, uncertainty, basis, quality, known_at, period_start
        FROM fact_metric
        WHERE metric_id = metric AND ts > lo::TIMESTAMP AND ts <= hi::TIMESTAMP AND known_at <= kt::TIMESTAMP
            AND token_id IN (SELECT token_id FROM query_table(among))
        QUALIFY row_number() OVER (PARTITION BY token_id, ts, basis ORDER BY known_at DESC) = 1
            AND value IS NOT NULL AND quality NOT IN ('retracted', 'suspect')),
    mixed AS (SELECT token_id FROM newest GROUP BY 1 HAVING min(basis) <> max(basis))
    SELECT * FROM newest WHERE token_id NOT IN (SELECT token_id FROM mixed)
    UNION ALL
    SELECT * FROM newest WHERE token_id IN (SELECT token_id FROM mixed)
    QUALIFY basis_rank(basis) = min(basis_rank(basis)) OVER (
        PARTITION BY token_id ORDER BY ts
        RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND INTERVAL 1 HOUR FOLLOWING);

CREATE OR REPLACE MACRO series_known(metric, kt) AS TABLE
    SELECT * FROM series_between(metric, '-infinity', 'infinity', kt);

-- Shares outstanding. Where a token's supply itself was not read within a day, the
-- supply its last report counted stands in.
CREATE OR REPLACE MACRO supply_between(lo, hi, kt, among := 'dim_token') AS TABLE
    WITH s AS MATERIALIZED (
        SELECT *, 1 AS kind FROM series_between('lst_supply', lo, hi, kt, among := among)
        UNION ALL
        SELECT *, 2 FROM series_between('lst_supply_reported', lo, hi, kt, among := among)),
    mixed AS (SELECT token_id FROM s GROUP BY 1 HAVING min(kind) <> max(kind))
    SELECT token_id, ts, value AS supply, basis, quality, known_at FROM s
    WHERE token_id NOT IN (SELECT token_id FROM mixed)
    UNION ALL
    SELECT token_id, ts, value AS supply, basis, quality, known_at FROM s
    WHERE token_id IN (SELECT token_id FROM mixed)
    QUALIFY kind = min(kind) OVER (
        PARTITION BY token_id ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND INTERVAL 1 DAY FOLLOWING);

CREATE OR REPLACE MACRO supply_known(kt) AS TABLE SELECT * FROM supply_between('-infinity', 'infinity', kt);
CREATE OR REPLACE VIEW supply_now AS SELECT * FROM supply_known('infinity');

-- Prices, newest version each.
CREATE OR REPLACE MACRO price_between(lo, hi, kt) AS TABLE
    SELECT * FROM fact_price WHERE ts > lo::TIMESTAMP AND ts <= hi::TIMESTAMP AND known_at <= kt::TIMESTAMP
    QUALIFY row_number() OVER (PARTITION BY base_id, quote, venue, basis, ts, size_base ORDER BY known_at DESC) = 1
        AND quality NOT IN ('retracted', 'suspect') AND price IS NOT NULL;

CREATE OR REPLACE MACRO price_known(kt) AS TABLE SELECT * FROM price_between('-infinity', 'infinity', kt);
CREATE OR REPLACE VIEW price_now AS SELECT * FROM price_known('infinity');

-- US dollar prices as one series per asset.
CREATE OR REPLACE MACRO usd_between(lo, hi, kt) AS TABLE
    SELECT base_id, ts, price, venue, basis, known_at
    FROM price_between(lo, hi, kt) WHERE quote = 'USD'
    QUALIFY row_number() OVER (PARTITION BY base_id, ts ORDER BY basis_rank(basis), venue, size_base) = 1
        AND basis_rank(basis) = min(basis_rank(basis)) OVER (
            PARTITION BY base_id ORDER BY ts
            RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND INTERVAL 1 HOUR FOLLOWING);

CREATE OR REPLACE MACRO usd_known(kt) AS TABLE SELECT * FROM usd_between('-infinity', 'infinity', kt);
CREATE OR REPLACE VIEW usd_now AS SELECT * FROM usd_known('infinity');

-- Exit quotes, newest version each.
CREATE OR REPLACE MACRO quote_between(lo, hi, kt) AS TABLE
    SELECT * FROM fact_exit_quote WHERE ts > lo::TIMESTAMP AND ts <= hi::TIMESTAMP AND known_at <= kt::TIMESTAMP
    QUALIFY row_number() OVER (PARTITION BY token_id, route, size_native, basis, ts ORDER BY known_at DESC) = 1
        AND quality NOT IN ('retracted', 'suspect');
