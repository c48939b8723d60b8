-- The ticks [$lo, $hi), in the order ingestion leaves: time, then plugin. One fact in
-- 5,000 is suspect, one in 7,000 unknown with its reason; one in 20,000 was corrected
-- and one in 40,000 taken back two days later.
CREATE TEMP TABLE gen_chunk AS
    WITH n AS (
        SELECT i // $series AS tick, i % $series AS k, i FROM range($lo * $series, $hi * $series) r(i)),
    v AS (
        SELECT n.i, s.token_id, s.metric_id, s.chain_id, s.n, s.falls, (tick * $spacing)::BIGINT AS h, hash(n.i) % 280000 AS luck,
               $origin + to_hours((tick * $spacing)::BIGINT) + CASE WHEN s.chain_id = 'ethereum' THEN INTERVAL '-7 seconds' ELSE INTERVAL '-300 milliseconds' END AS ts,
               gen_rate(s.r0, s.growth, s.period_h, s.is_frozen, s.falls, tick * $spacing)::DOUBLE AS rate,
               gen_supply(s.supply0, s.i, tick * $spacing)::DOUBLE AS supply, gen_usd(s.underlying, tick * $spacing) AS usd, s.i AS tok
        FROM n JOIN gen_series s ON s.k = n.k)
    SELECT i, token_id, metric_id, chain_id, ts, h, luck,
           CASE n WHEN 0 THEN rate WHEN 1 THEN supply WHEN 2 THEN supply * rate WHEN 3 THEN supply * rate * 1.02
                WHEN 4 THEN supply * rate * 0.95 WHEN 5 THEN supply * rate * 0.04 WHEN 6 THEN round(100 + 50 * sin(h / 50.0 + tok), 6)
                WHEN 7 THEN round(40 + 30 * cos(h / 30.0), 6) WHEN 8 THEN CASE WHEN tok % 7 = 2 AND h > 20000 THEN 800 ELSE 1000 END
                WHEN 9 THEN 500 WHEN 10 THEN 500 WHEN 11 THEN tok % 4 WHEN 12 THEN 10 WHEN 13 THEN (h // 5000 % 9 = 4 AND tok % 11 = 1)::INTEGER
                WHEN 14 THEN 0 WHEN 15 THEN 1000 + h // 100 WHEN 16 THEN 30 + h // 4000 WHEN 17 THEN supply * rate
                WHEN 18 THEN supply * rate * usd WHEN 19 THEN 0.95 WHEN 20 THEN 0.035 + 0.035 * (tok > 30)::INTEGER + 0.003 * sin(h / 2000.0) END AS value
    FROM v;
-- Raw rows are wide; one fact in ten keeps its own here.
INSERT INTO raw_observation
    SELECT i + 1, 'run-' || h, 'hourly', date_trunc('hour', ts + INTERVAL 1 MINUTE), 'p' || token_id, '1.0.0', md5('p' || token_id) || md5(token_id),
           chain_id, 'public', 'eth_call', '0x' || md5(token_id) || '00000000', 'word 0', token_id, metric_id, NULL,
           15000000 + h * 300, '0x' || md5('b' || h) || md5('c' || h), 'finalized', h // 48, ts, NULL, NULL, ts + INTERVAL 20 SECOND,
           (value * 1e15)::HUGEINT::VARCHAR || '000', NULL, 18, 'ok', NULL, 'onchain', md5(i::VARCHAR) || md5(h::VARCHAR)
    FROM gen_chunk WHERE i % 10 = 0 ORDER BY i;
INSERT INTO fact_metric
    SELECT metric_id, token_id, ts, NULL, NULL, NULL, CASE WHEN luck % 7000 <> 3 THEN value END,
           CASE WHEN luck % 7000 <> 3 THEN value::DECIMAL(38,18) END, 0, 15000000 + h * 300, h // 48,
           CASE WHEN luck % 5000 = 1 THEN 'suspect' ELSE 'ok' END, CASE WHEN luck % 7000 = 3 THEN 'not read' WHEN luck % 5000 = 1 THEN 'jump' END,
           'onchain', 'finalized', ts + INTERVAL 30 SECOND, 'run-' || h, [i + 1], 'scale@1'
    FROM gen_chunk ORDER BY i;
INSERT INTO fact_metric
    SELECT metric_id, token_id, ts, NULL, NULL, NULL, CASE WHEN luck % 40000 <> 9 THEN value * 1.000001 END,
           CASE WHEN luck % 40000 <> 9 THEN (value * 1.000001)::DECIMAL(38,18) END, 0, 15000000 + h * 300, h // 48,
           CASE WHEN luck % 40000 = 9 THEN 'retracted' ELSE 'ok' END, 'restated: was ' || value, 'onchain', 'finalized',
           ts + INTERVAL 2 DAY, 'run-' || (h + 48), [i + 1], 'scale@1'
    FROM gen_chunk WHERE luck % 20000 = 5 OR luck % 40000 = 9 ORDER BY i;
-- What the protocol's own API publishes once a day, rounded: another basis of one series.
INSERT INTO fact_metric
    SELECT 'exchange_rate', token_id, date_trunc('day', ts) + INTERVAL 90 MINUTE, NULL, NULL, NULL, round(value, 6), round(value, 6)::DECIMAL(38,18), 1e-6,
           NULL, NULL, 'ok', NULL, 'api', NULL, ts + INTERVAL 1 HOUR, 'run-' || h, NULL, 'scale@1'
    FROM gen_chunk WHERE metric_id = 'exchange_rate' AND right(token_id, 1) = '2' AND h % 24 = 0 ORDER BY i;
INSERT INTO fact_metric
    SELECT 'tvl_reported_native', token_id, ts, NULL, NULL, NULL, value * 1.003, (value * 1.003)::DECIMAL(38,18), 0,
           NULL, NULL, 'ok', NULL, 'api', NULL, ts + INTERVAL 1 HOUR, 'run-' || h, NULL, 'scale@1'
    FROM gen_chunk WHERE metric_id = 'backing_native' AND h % 24 = 0 ORDER BY i;
-- Fee shares, minted with each update by a dozen tokens.
INSERT INTO fact_metric
    SELECT 'fee_shares', c.token_id, ts, NULL, NULL, ts - to_hours(greatest(g.period_h, $spacing)), round(value * 1e-5, 9),
           round(value * 1e-5, 9)::DECIMAL(38,18), 0, NULL, NULL, 'ok', NULL, 'onchain', 'finalized', ts + INTERVAL 30 SECOND, 'run-' || h, [c.i + 1], 'scale@1'
    FROM gen_chunk c JOIN gen_token g USING (token_id)
    WHERE metric_id = 'lst_supply' AND g.i % 4 = 1 AND g.accrual <> 'bridged' AND h % greatest(g.period_h, $spacing) = 0 ORDER BY c.i;
INSERT INTO fact_price (base_id, quote, venue, ts, ref_ts, price, price_exact, size_base, height, quality, reason, basis, known_at, run_id, obs_ids, transform)
    SELECT * FROM (
        SELECT a.asset AS base, 'USD', 'chainlink', c.ts, c.ts - INTERVAL 10 MINUTE, gen_usd(a.asset, c.h), gen_usd(a.asset, c.h)::DECIMAL(38,18),
               NULL, NULL, 'ok', NULL, 'onchain', c.ts + INTERVAL 30 SECOND, 'run-' || c.h, NULL, 'price@1'
        FROM gen_chunk c, (VALUES ('ETH'), ('SOL')) a(asset) WHERE c.token_id = 'tok00'
        UNION ALL
        SELECT c.token_id, g.underlying, 'curve', c.ts, NULL, p, p::DECIMAL(38,18), 10, NULL, CASE WHEN c.luck % 9000 = 4 THEN 'suspect' ELSE 'ok' END,
               CASE WHEN c.luck % 9000 = 4 THEN 'jump' END, 'onchain', c.ts + INTERVAL 30 SECOND, 'run-' || c.h, NULL, 'price@1'
        FROM (SELECT *, value * (1 - 0.001 + 0.001 * sin(h / 40.0 + k.i) - CASE WHEN h % 9000 < 200 AND k.i % 5 = 2 THEN 0.02 ELSE 0 END) AS p
              FROM gen_chunk JOIN gen_token k USING (token_id) WHERE metric_id = 'exchange_rate' AND k.i % 3 <> 0 AND accrual = 'exchange_rate') c
        JOIN gen_token g USING (token_id))
    ORDER BY ts, base;
INSERT INTO fact_exit_quote
    SELECT c.token_id, c.ts, r.route, s.size, CASE WHEN r.route = 'instant' AND s.size > 1000 THEN NULL ELSE s.size * r.gets END, r.wait, NULL, 'ok',
           CASE WHEN r.route = 'instant' AND s.size > 1000 THEN 'above the buffer' END, 'onchain', c.ts + INTERVAL 30 SECOND, 'run-' || c.h, NULL, 'quote@1'
    FROM gen_chunk c, (VALUES ('instant', 0.999, 0.0), ('queue', 1.0, 4.5)) r(route, gets, wait), (VALUES (10.0), (100.0), (1000.0), (10000.0)) s(size)
    WHERE c.metric_id = 'queue_native' AND c.h % 24 = 0 ORDER BY c.ts, c.token_id;
INSERT INTO ingest_task (job, plugin, chain_id, tick, state, run_id, anchor_ts, finality, rows, requests)
    SELECT 'hourly', 'p' || token_id, chain_id, date_trunc('hour', ts + INTERVAL 1 MINUTE), CASE WHEN hash(i) % 500 = 0 THEN 'partial' ELSE 'have' END,
           'run-' || h, ts, 'finalized', 20, 1
    FROM gen_chunk WHERE metric_id IN ('lst_supply', 'benchmark_apr') ORDER BY i;
DROP TABLE gen_chunk;
