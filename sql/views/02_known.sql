-- The newest version of every fact, and the version that was known at a time.
-- A fact's key is (metric, token, ts, basis). A retraction hides it; an unknown
-- value stays visible as NULL with its reason.
-- DuckDB pushes a filter on a partition column below the window, so a query for
-- one metric reads only that metric.
CREATE OR REPLACE MACRO metric_known(kt) AS TABLE
    SELECT * FROM fact_metric WHERE known_at <= kt::TIMESTAMP
    QUALIFY row_number() OVER (PARTITION BY metric_id, token_id, ts, basis ORDER BY known_at DESC) = 1
        AND quality <> 'retracted';

CREATE OR REPLACE VIEW metric_now AS SELECT * FROM metric_known('infinity');

-- One metric as one series per token: known, unsuspected values, and where two
-- bases speak within an hour of each other only the better one.
CREATE OR REPLACE MACRO series_known(metric, kt) AS TABLE
    SELECT token_id, ts, value, value_exact, uncertainty, basis, quality, known_at, period_start
    FROM metric_known(kt)
    WHERE metric_id = metric AND value IS NOT NULL AND quality <> 'suspect'
    QUALIFY basis_rank(basis) = min(basis_rank(basis)) OVER (
        PARTITION BY token_id ORDER BY ts
        RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND INTERVAL 1 HOUR FOLLOWING);

-- Prices, newest version each.
CREATE OR REPLACE MACRO price_known(kt) AS TABLE
    SELECT * FROM fact_price WHERE known_at <= kt::TIMESTAMP
    QUALIFY row_number() OVER (PARTITION BY base_id, quote, venue, basis, ts, size_base ORDER BY known_at DESC) = 1
        AND quality NOT IN ('retracted', 'suspect') AND price IS NOT NULL;

CREATE OR REPLACE VIEW price_now AS SELECT * FROM price_known('infinity');

-- US dollar prices as one series per asset.
CREATE OR REPLACE MACRO usd_known(kt) AS TABLE
    SELECT base_id, ts, price, venue, basis, known_at
    FROM price_known(kt) WHERE quote = 'USD'
    QUALIFY row_number() OVER (PARTITION BY base_id, ts ORDER BY basis_rank(basis), venue, size_base) = 1
        AND basis_rank(basis) = min(basis_rank(basis)) OVER (
            PARTITION BY base_id ORDER BY ts
            RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND INTERVAL 1 HOUR FOLLOWING);

CREATE OR REPLACE VIEW usd_now AS SELECT * FROM usd_known('infinity');

-- Shares outstanding.
CREATE OR REPLACE MACRO supply_known(kt) AS TABLE
    SELECT token_id, ts, value AS supply, value_exact AS supply_exact, basis, quality, known_at
    FROM series_known('lst_supply', kt);

CREATE OR REPLACE VIEW supply_now AS SELECT * FROM supply_known('infinity');

-- Exit quotes, newest version each.
CREATE OR REPLACE MACRO quote_known(kt) AS TABLE
    SELECT * FROM fact_exit_quote WHERE known_at <= kt::TIMESTAMP
    QUALIFY row_number() OVER (PARTITION BY token_id, route, size_native, basis, ts ORDER BY known_at DESC) = 1
        AND quality NOT IN ('retracted', 'suspect');

-- Tokens with their ages filled in: a token that states none is expected daily
-- and counts as stale after three missed updates.
CREATE OR REPLACE VIEW token AS
    SELECT t.token_id, t.protocol_id, t.chain_id, t.symbol, t.underlying, t.accrual, t.rate_of,
           CASE WHEN t.accrual = 'wrapper' THEN coalesce(t.rate_of, t.token_id) ELSE t.token_id END AS home_id,
           coalesce(nullif(t.expected_update_s, 0), 86400) AS expected_update_s,
           coalesce(nullif(t.stale_after_s, 0), 3 * coalesce(nullif(t.expected_update_s, 0), 86400)) AS stale_after_s,
           t.accrual IN ('rebase', 'exchange_rate') AS is_counted,
           p.name AS protocol, p.status, p.sunset
    FROM dim_token t LEFT JOIN dim_protocol p USING (protocol_id);
