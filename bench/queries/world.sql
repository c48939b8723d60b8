-- A synthetic warehouse in our own schema. gen_series has one row per series in the
-- order a tick is written: plugin, metric. Sixty tokens: two benchmarks, five
-- wrappers that are read too, two bridged ones, one frozen since half of the time,
-- one whose rate fell once, the rest alive, with updates by the hour (6 tokens), the
-- epoch of two days (Solana) or the day (Ethereum).
CREATE TABLE gen_token AS
    SELECT i, CASE WHEN i < 31 THEN 'ethereum' ELSE 'solana' END AS chain_id,
           CASE WHEN i < 31 THEN 'ETH' ELSE 'SOL' END AS underlying,
           CASE WHEN i IN (0, 31) THEN 'benchmark' WHEN i IN (5, 6, 7, 35, 36) THEN 'wrapper' WHEN i IN (10, 40) THEN 'bridged'
                WHEN i IN (3, 8) THEN 'rebase' ELSE 'exchange_rate' END AS accrual,
           'tok' || lpad(i::VARCHAR, 2, '0') AS token_id,
           CASE WHEN i IN (5, 6, 7, 35, 36) THEN 'tok' || lpad((i - 3)::VARCHAR, 2, '0') END AS rate_of,
           CASE WHEN i % 10 = 4 THEN 1 WHEN i < 31 THEN 24 ELSE 50 END AS period_h,
           1 + (i * 37 % 100) / 250.0 AS r0, 0.02 + (i * 13 % 30) / 1000.0 + CASE WHEN i >= 31 THEN 0.03 ELSE 0 END AS growth,
           10000.0 * (1 + i * i % 97) AS supply0,
           i = 9 AS is_frozen, i = 11 AS falls
    FROM range(60) r(i);
-- part
CREATE TABLE gen_series AS
    SELECT row_number() OVER (ORDER BY t.i, m.n) - 1 AS k, t.*, m.n, m.metric_id
    FROM gen_token t, (VALUES (0, 'exchange_rate'), (1, 'lst_supply'), (2, 'backing_native'), (3, 'gross_stake_native'),
        (4, 'staking_native'), (5, 'buffer_native'), (6, 'queue_native'), (7, 'claimable_native'), (8, 'fee_reward_bps'),
        (9, 'fee_reward_operators_bps'), (10, 'fee_reward_treasury_bps'), (11, 'fee_deposit_bps'), (12, 'fee_withdraw_bps'),
        (13, 'deposits_paused'), (14, 'withdrawals_paused'), (15, 'validators_active'), (16, 'operators'),
        (17, 'tvl_native'), (18, 'tickets_native'), (19, 'utilisation'), (20, 'benchmark_apr')) m(n, metric_id)
    WHERE CASE WHEN t.accrual = 'benchmark' THEN m.n = 20 WHEN t.accrual = 'bridged' THEN m.n = 1
               WHEN t.accrual = 'wrapper' THEN m.n IN (0, 1) ELSE m.n < 20 END;

-- part
INSERT INTO dim_chain VALUES ('ethereum', 'evm', 'Ethereum', 'ETH', 'block'), ('solana', 'solana', 'Solana', 'SOL', 'slot');
INSERT INTO dim_protocol (protocol_id, name, status, plugin, updated_at)
    SELECT 'p' || token_id, 'Protocol ' || i, 'live', 'p' || token_id, TIMESTAMP '2020-01-01' FROM gen_token;
INSERT INTO dim_token
    SELECT token_id, 'p' || token_id, chain_id, upper(token_id), NULL, 18, underlying, accrual, rate_of,
           greatest(period_h, $spacing) * 3600, greatest(period_h, $spacing) * 3600 * 3, 'p' || token_id, TIMESTAMP '2020-01-01'
    FROM gen_token;
INSERT INTO dim_fee (protocol_id, fee_type, bps, recipient, valid_from, valid_to, source, plugin)
    SELECT 'p' || token_id, 'reward', 1000, 'treasury', NULL, NULL, 'card', 'p' || token_id FROM gen_token WHERE i % 3 = 1;
INSERT INTO fact_event
    SELECT 'p' || token_id, chain_id, $origin + to_hours((i * 700)::BIGINT), NULL, if(i % 2 = 0, 'slashing', 'upgrade'), 'warning',
           i, NULL, NULL, 'synthetic', $origin + to_hours((i * 700 + 1)::BIGINT), 'gen' FROM gen_token WHERE accrual = 'exchange_rate';
INSERT INTO fact_operator_stake
    SELECT 'p' || t.token_id, 'op' || o, $origin + to_days(30 * m::INTEGER), 1000.0 + o * m, 10 + o, $origin + to_days(30 * m::INTEGER), 'gen'
    FROM range(50) x(m), gen_token t, range(30) y(o)
    WHERE t.accrual = 'exchange_rate' AND 30 * m * 24 <= $ticks * $spacing ORDER BY ALL;

-- Values at hour h. A real step happens every period_h hours; a supply wanders.
CREATE MACRO gen_rate(r0, growth, period_h, is_frozen, falls, h) AS
    r0 + growth * floor((CASE WHEN is_frozen THEN least(h, $ticks * $spacing / 2) ELSE h END) / period_h) * period_h / 8766.0
       - CASE WHEN falls AND h >= $ticks * $spacing * 3 / 4 THEN 0.001 ELSE 0 END;
CREATE MACRO gen_supply(supply0, i, h) AS round(supply0 * (1 + h / 1e5 + 0.1 * sin(h / (300.0 + 10 * i) + i)), 9);
CREATE MACRO gen_usd(underlying, h) AS CASE WHEN underlying = 'ETH' THEN 2000 ELSE 100 END * (1 + 0.3 * sin(h / 1000.0) + 0.01 * sin(h / 7.0));
