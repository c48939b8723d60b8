-- name: growth-history
-- question: How did an amount put into each token grow day by day, at redemption and at market?
-- column: day | time | 00:00 UTC, and the last moment
-- column: underlying | text | native asset
-- column: token | text | symbol
-- column: value | native | the amount at the redemption rate
-- column: at_market | native | the same × (1 + premium); unknown without a fresh price
-- column: since | time | the token's first day with a level: it starts there with the amount
-- column: is_bench | flag | a chain's own staking rate
-- column: basis | text | ◆ on-chain, ◇ derived, △ published or API, ✎ manual
-- param: amount | 100 | native units put in
-- param: from | now-365d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: No entry or exit fee is taken off; see growth and exit.
-- caveat: A token that begins after from starts with the full amount then; compare slopes, not ends.
-- caveat: A level older than the token allows is unknown, not carried on.
-- methodology: 1
WITH r AS MATERIALIZED (SELECT * FROM rate_between($from::TIMESTAMP - max_carry(), $to, $known_at)),
     p AS MATERIALIZED (
         SELECT token_id, ts, premium FROM premium_between($from::TIMESTAMP - max_carry(), $to, $known_at)
         QUALIFY row_number() OVER (PARTITION BY token_id, ts ORDER BY size_base DESC NULLS LAST, venue) = 1),
     cal AS (
         SELECT token_id, symbol, underlying, accrual, stale_after_s, d
         FROM token, (SELECT unnest(generate_series(date_trunc('day', $from::TIMESTAMP), $to::TIMESTAMP, INTERVAL 1 DAY)) AS d
                      UNION SELECT $to::TIMESTAMP)
         WHERE is_counted OR accrual = 'benchmark'),
     x AS (
         SELECT c.*, r.basis, CASE WHEN seconds_between(r.ts, c.d) <= c.stale_after_s THEN r.rate END AS rate,
                CASE WHEN seconds_between(p.ts, c.d) <= c.stale_after_s THEN p.premium END AS premium
         FROM cal c
         ASOF LEFT JOIN r ON c.token_id = r.token_id AND c.d >= r.ts
         ASOF LEFT JOIN p ON c.token_id = p.token_id AND c.d >= p.ts),
     y AS (
         SELECT *, $amount::DOUBLE * rate / first_value(rate IGNORE NULLS) OVER w AS value,
                min(d) FILTER (rate IS NOT NULL) OVER (PARTITION BY token_id) AS since
         FROM x WINDOW w AS (PARTITION BY token_id ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))
SELECT d AS day, underlying, symbol AS token, round(value, 6) AS value, round(value * (1 + premium), 6) AS at_market,
       since, accrual = 'benchmark' AS is_bench, basis_mark(basis) AS basis
FROM y WHERE value IS NOT NULL ORDER BY underlying, token, day;
