-- Market price against fair value. A rebasing token's balance unit is worth 1;
-- any other token is worth its own redemption rate. The premium is dropped when
-- the rate beside it is older than the token's stale_after_s. Both times are shown.
-- rates names a relation of rates that reaches max_carry() before lo.
CREATE OR REPLACE MACRO premium_with(rates, lo, hi, kt) AS TABLE
    WITH p AS (
        SELECT t.token_id, t.chain_id, t.accrual, t.stale_after_s, p.venue, p.ts, p.ref_ts AS venue_updated,
               p.size_base, p.price, p.basis, p.quality
        FROM price_between(lo, hi, kt) p JOIN token t ON t.token_id = p.base_id AND t.underlying = p.quote),
    f AS (
        SELECT p.*, r.rate, r.ts AS rate_ts, seconds_between(r.ts, p.ts) AS rate_age_s,
               CASE WHEN p.accrual = 'rebase' THEN 1.0
                    WHEN seconds_between(r.ts, p.ts) <= p.stale_after_s THEN r.rate END AS fair
        FROM p ASOF LEFT JOIN query_table(rates) r ON p.token_id = r.token_id AND p.ts >= r.ts)
    SELECT token_id, chain_id, venue, ts, venue_updated, size_base, price, fair, rate, rate_ts, rate_age_s,
           premium_of(price, fair) AS premium, basis, quality
    FROM f WHERE fair IS NOT NULL;

CREATE OR REPLACE MACRO premium_between(lo, hi, kt) AS TABLE
    WITH rates AS (SELECT * FROM rate_between(lo::TIMESTAMP - max_carry(), hi, kt))
    SELECT * FROM premium_with('rates', lo, hi, kt);

CREATE OR REPLACE MACRO premium_known(kt) AS TABLE SELECT * FROM premium_between('-infinity', 'infinity', kt);
CREATE OR REPLACE VIEW premium AS SELECT * FROM premium_known('infinity');

-- The newest premium per token at a time, none older than the token allows. Of
-- several venues the one good for the largest size wins, then the first by name.
CREATE OR REPLACE MACRO premium_at_with(rates, as_of, kt) AS TABLE
    WITH v AS (
        SELECT p.* FROM premium_with(rates, as_of::TIMESTAMP - max_carry(), as_of, kt) p JOIN token t USING (token_id)
        WHERE seconds_between(p.ts, as_of::TIMESTAMP) <= t.stale_after_s
        QUALIFY row_number() OVER (PARTITION BY p.token_id, p.venue, p.size_base ORDER BY p.ts DESC, basis_rank(p.basis)) = 1)
    SELECT token_id, venue, ts, rate, rate_ts, price, fair, premium, basis FROM v
    QUALIFY row_number() OVER (PARTITION BY token_id ORDER BY size_base DESC NULLS LAST, venue) = 1;

CREATE OR REPLACE MACRO premium_at(as_of, kt := 'infinity') AS TABLE
    WITH rates AS (SELECT * FROM rate_between(as_of::TIMESTAMP - max_carry() - max_carry(), as_of, kt))
    SELECT * FROM premium_at_with('rates', as_of, kt);

-- Depeg episodes with hysteresis: one starts when the premium falls below −theta
-- and ends when it rises above −theta/2, so a price that dithers at the threshold
-- is one episode. Each venue and size a price is good for has its own. Only prices of
-- (lo, hi] are looked at. An open episode has no end. area_bps_days is the discount
-- summed over time, each price held to the next one, at most stale_after_s.
CREATE OR REPLACE MACRO depeg_episodes(theta, lo := '-infinity', hi := 'infinity', kt := 'infinity') AS TABLE
    WITH x AS (
        SELECT token_id, venue, size_base, ts, premium,
               CASE WHEN premium < -theta::DOUBLE THEN 1 WHEN premium > -theta::DOUBLE / 2 THEN 0 END AS turn
        FROM premium_between(lo, hi, kt)),
    y AS (
        SELECT *, coalesce(last_value(turn IGNORE NULLS) OVER w, 0) AS below, lead(ts) OVER v AS next_ts
        FROM x WINDOW v AS (PARTITION BY token_id, venue, size_base ORDER BY ts),
                      w AS (PARTITION BY token_id, venue, size_base ORDER BY ts ROWS UNBOUNDED PRECEDING)),
    z AS (
        SELECT *, sum(CASE WHEN was = 0 THEN 1 ELSE 0 END) OVER (
                   PARTITION BY token_id, venue, size_base ORDER BY ts ROWS UNBOUNDED PRECEDING) AS episode
        FROM (SELECT *, coalesce(lag(below) OVER (PARTITION BY token_id, venue, size_base ORDER BY ts), 0) AS was FROM y)
        WHERE below = 1)
    SELECT z.token_id, z.venue, z.size_base, min(z.ts) AS began, first(z.ts ORDER BY z.premium, z.ts) AS trough_at,
           CASE WHEN bool_or(z.next_ts IS NULL) THEN NULL ELSE max(z.next_ts) END AS ended,
           1e4 * min(z.premium) AS trough_bps,
           CASE WHEN bool_or(z.next_ts IS NULL) THEN NULL
                ELSE seconds_between(min(z.ts), max(z.next_ts)) / 86400 END AS duration_days,
           CASE WHEN bool_or(z.next_ts IS NULL) THEN NULL
                ELSE seconds_between(first(z.ts ORDER BY z.premium, z.ts), max(z.next_ts)) / 86400 END AS recovery_days,
           sum(-1e4 * z.premium * least(coalesce(seconds_between(z.ts, z.next_ts), 0), t.stale_after_s) / 86400) AS area_bps_days,
           count(*) AS prices, bool_or(z.next_ts IS NULL) AS is_open
    FROM z JOIN token t USING (token_id) GROUP BY z.token_id, z.venue, z.size_base, z.episode;
