-- A small invented world for the tests of the report: 400 days that end at
-- 2024-07-01 00:00 (n = 400). Ethereum has a ranked rebase token with a wrapper, a
-- second token, a frozen and a stale one; Solana two ranked tokens, one that began
-- 40 days ago, one whose protocol has ended, and one that was never read.
CREATE MACRO day(n) AS TIMESTAMP '2023-05-28' + to_days(n::INTEGER);
INSERT INTO dim_chain VALUES ('ethereum', 'evm', 'Ethereum', 'ETH', 'block'), ('solana', 'solana', 'Solana', 'SOL', 'slot');
INSERT INTO dim_protocol (protocol_id, name, status, sunset, plugin, updated_at) VALUES
    ('alpha', 'Alpha', 'live', NULL, 'alpha', day(0)), ('beta', 'Beta', 'live', NULL, 'beta', day(0)),
    ('fox', 'Fox', 'live', NULL, 'fox', day(0)), ('old', 'Old', 'live', NULL, 'old', day(0)),
    ('gamma', 'Gamma', 'live', NULL, 'gamma', day(0)), ('delta', 'Delta', 'live', NULL, 'gamma', day(0)),
    ('eps', 'Epsilon', 'live', NULL, 'gamma', day(0)), ('zeta', 'Zeta', 'sunset', '2024-02-01', 'zeta', day(0)),
    ('chains', 'Chains', 'live', NULL, 'history', day(0));
INSERT INTO dim_token (token_id, protocol_id, chain_id, symbol, underlying, accrual, rate_of, expected_update_s, stale_after_s, plugin, updated_at) VALUES
    ('aeth', 'alpha', 'ethereum', 'aETH', 'ETH', 'rebase', NULL, 86400, 180000, 'alpha', day(0)),
    ('waeth', 'alpha', 'ethereum', 'waETH', 'ETH', 'wrapper', 'aeth', 86400, 180000, 'alpha', day(0)),
    ('beth', 'beta', 'ethereum', 'bETH', 'ETH', 'exchange_rate', NULL, 86400, 259200, 'beta', day(0)),
    ('feth', 'fox', 'ethereum', 'fETH', 'ETH', 'exchange_rate', NULL, 86400, 259200, 'fox', day(0)),
    ('oeth', 'old', 'ethereum', 'oETH', 'ETH', 'exchange_rate', NULL, 86400, 259200, 'old', day(0)),
    ('eth-bench', 'chains', 'ethereum', 'ETH staking', 'ETH', 'benchmark', NULL, 86400, 259200, 'history', day(0)),
    ('csol', 'gamma', 'solana', 'cSOL', 'SOL', 'exchange_rate', NULL, 172800, 518400, 'gamma', day(0)),
    ('dsol', 'delta', 'solana', 'dSOL', 'SOL', 'exchange_rate', NULL, 172800, 518400, 'gamma', day(0)),
    ('esol', 'eps', 'solana', 'eSOL', 'SOL', 'exchange_rate', NULL, 172800, 518400, 'gamma', day(0)),
    ('zsol', 'zeta', 'solana', 'zSOL', 'SOL', 'exchange_rate', NULL, 172800, 518400, 'zeta', day(0)),
    ('nsol', 'eps', 'solana', 'nSOL', 'SOL', 'exchange_rate', NULL, 172800, 518400, 'gamma', day(0)),
    ('sol-bench', 'chains', 'solana', 'SOL staking', 'SOL', 'benchmark', NULL, 172800, 518400, 'history', day(0));
INSERT INTO dim_fee (protocol_id, fee_type, bps, recipient, valid_from, valid_to, source, plugin) VALUES
    ('alpha', 'reward', 1000, 'operators and treasury', '2023-01-01', NULL, 'card', 'alpha'),
    ('beta', 'reward', 1400, 'operators', '2023-01-01', NULL, 'card', 'beta'),
    ('gamma', 'reward', 600, 'treasury', '2023-01-01', NULL, 'card', 'gamma'),
    ('delta', 'reward', 400, 'treasury', '2023-01-01', NULL, 'card', 'gamma');
INSERT INTO fact_metric (metric_id, token_id, ts, value, quality, reason, basis, known_at, run_id, transform)
SELECT metric, token, day(n), value, 'ok', NULL, basis, day(n), 'r', 't@1' FROM (
    SELECT 'exchange_rate' AS metric, 'aeth' AS token, n, pow(1.035, n / 365) AS value, 'onchain' AS basis FROM range(401) r(n)
    UNION ALL SELECT 'exchange_rate', 'beth', n, 1.1 * pow(1.030, n / 365), 'onchain' FROM range(401) r(n)
    UNION ALL SELECT 'exchange_rate', 'feth', n, 1.05 * pow(1.032, least(n, 380) / 365), 'onchain' FROM range(401) r(n)
    UNION ALL SELECT 'exchange_rate', 'oeth', n, 1.02 * pow(1.028, n / 365), 'published' FROM range(250) r(n)
    UNION ALL SELECT 'exchange_rate', 'csol', n, 1.2 * pow(1.072, n / 365), 'onchain' FROM range(0, 401, 2) r(n)
    UNION ALL SELECT 'exchange_rate', 'dsol', n, 1.1 * pow(1.076, n / 365), 'published' FROM range(0, 401, 2) r(n)
    UNION ALL SELECT 'exchange_rate', 'esol', n, 1 * pow(1.065, (n - 360) / 365), 'onchain' FROM range(360, 401, 2) r(n)
    UNION ALL SELECT 'exchange_rate', 'zsol', n, 1.3 * pow(1.06, n / 365), 'onchain' FROM range(0, 401, 2) r(n)
    UNION ALL SELECT 'benchmark_apr', 'eth-bench', n, 0.038 - 0.00001 * n, 'published' FROM range(401) r(n)
    UNION ALL SELECT 'benchmark_apr', 'sol-bench', n, 0.071, 'derived' FROM range(0, 401, 2) r(n)
    UNION ALL SELECT 'lst_supply', 'aeth', n, 900000 + 500 * n, 'onchain' FROM range(401) r(n)
    UNION ALL SELECT 'lst_supply', 'beth', n, 400000 + 900 * n, 'onchain' FROM range(401) r(n)
    UNION ALL SELECT 'lst_supply', 'feth', n, 150000 - 100 * n, 'onchain' FROM range(401) r(n)
    UNION ALL SELECT 'lst_supply', 'csol', n, 5000000 - 2000 * n, 'onchain' FROM range(0, 401, 2) r(n)
    UNION ALL SELECT 'lst_supply', 'dsol', n, 3000000 + 9000 * n, 'onchain' FROM range(0, 401, 2) r(n)
    UNION ALL SELECT 'lst_supply', 'esol', n, 20000 * (n - 355), 'onchain' FROM range(360, 401, 2) r(n)
    UNION ALL SELECT 'fee_shares', 'aeth', n, (900000 + 500 * n) * (pow(1.035, 1 / 365.0) - 1) / 9, 'onchain' FROM range(1, 401) r(n)
    UNION ALL SELECT 'fee_reward_bps', 'aeth', n, 1000, 'onchain' FROM range(0, 401, 5) r(n)
    UNION ALL SELECT 'utilisation', 'aeth', n, 0.95, 'derived' FROM range(0, 401, 5) r(n)
    UNION ALL SELECT 'apr_claimed', 'aeth', n, 0.036, 'published' FROM range(0, 401, 5) r(n)
    UNION ALL SELECT 'apy_claimed', 'csol', n, 0.075, 'api' FROM range(0, 401, 5) r(n)
    UNION ALL SELECT 'fee_reward_operators_bps', 'aeth', n, 500, 'onchain' FROM range(0, 401, 5) r(n)
    UNION ALL SELECT 'fee_reward_treasury_bps', 'aeth', n, 500, 'onchain' FROM range(0, 401, 5) r(n)
    UNION ALL SELECT 'fee_reward_bps', 'beth', n, 1400, 'onchain' FROM range(0, 401, 5) r(n)
    UNION ALL SELECT 'fee_reward_bps', 'csol', n, 600, 'onchain' FROM range(0, 401, 5) r(n)
    UNION ALL SELECT 'fee_reward_treasury_bps', 'csol', n, 600, 'onchain' FROM range(0, 401, 5) r(n)
    UNION ALL SELECT 'fee_reward_bps', 'dsol', n, 500, 'onchain' FROM range(0, 401, 5) r(n));
-- bETH on June 21 was first stored one basis point too high and corrected two days later
INSERT INTO fact_metric (metric_id, token_id, ts, value, quality, basis, known_at, run_id, transform)
    SELECT metric_id, token_id, ts, value * 1.0001, quality, basis, ts, run_id, transform
    FROM fact_metric WHERE metric_id = 'exchange_rate' AND token_id = 'beth' AND ts = day(390);
UPDATE fact_metric SET known_at = day(392), reason = 'source corrected'
    WHERE metric_id = 'exchange_rate' AND token_id = 'beth' AND ts = day(390)
        AND value = (SELECT min(value) FROM fact_metric WHERE metric_id = 'exchange_rate' AND token_id = 'beth' AND ts = day(390));
-- a supply of cSOL that did not pass the checks
INSERT INTO fact_metric (metric_id, token_id, ts, value, quality, reason, basis, known_at, run_id, transform)
    VALUES ('lst_supply_mint', 'csol', day(398), 1, 'suspect', 'far from supply', 'onchain', day(398), 'r', 't@1');
INSERT INTO fact_price (base_id, quote, venue, ts, price, quality, basis, known_at, run_id, transform)
SELECT 'ETH', 'USD', 'chainlink', day(n), 2000 + 4 * n, 'ok', 'onchain', day(n), 'r', 't@1' FROM range(401) r(n)
UNION ALL SELECT 'SOL', 'USD', 'chainlink', day(n), 100 + n / 10, 'ok', 'onchain', day(n), 'r', 't@1' FROM range(401) r(n)
UNION ALL SELECT 'aeth', 'ETH', 'curve', day(n), 1 - CASE WHEN n BETWEEN 150 AND 171 THEN 0.0130 - 0.0004 * (n - 150)
        WHEN n BETWEEN 300 AND 304 THEN 0.0075 ELSE 0.0004 + 0.0003 * sin(n / 9) END, 'ok', 'onchain', day(n), 'r', 't@1' FROM range(401) r(n)
UNION ALL SELECT 'beth', 'ETH', 'balancer', day(n), 1.1 * pow(1.030, n / 365) * (1 + 0.009 * cos(n / 70)), 'ok', 'onchain', day(n), 'r', 't@1' FROM range(401) r(n)
UNION ALL SELECT 'csol', 'SOL', 'orca', day(n), 1.2 * pow(1.072, n / 365) * (1 - 0.0011), 'ok', 'onchain', day(n), 'r', 't@1' FROM range(0, 401, 2) r(n)
UNION ALL SELECT 'dsol', 'SOL', 'orca', day(n), 1.1 * pow(1.076, n / 365) * (1 - 0.0006), 'ok', 'onchain', day(n), 'r', 't@1' FROM range(200) r(n);
INSERT INTO fact_exit_quote (token_id, ts, route, size_native, out_native, wait_days, quality, reason, basis, known_at, run_id, transform)
SELECT token, day(400), route, size, size * (1 - bps / 1e4), wait, 'ok', CASE WHEN bps IS NULL THEN 'more than the pool holds' END, 'onchain', day(400), 'r', 't@1' FROM (
    SELECT 'aeth' AS token, 'queue' AS route, size, 0.0 AS bps, 2.0 + size / 5000 AS wait FROM (VALUES (1), (10), (100), (1000), (10000)) s(size)
    UNION ALL SELECT 'aeth', 'dex', size, 1 + size / 250, 0 FROM (VALUES (1), (10), (100), (1000), (10000)) s(size)
    UNION ALL SELECT 'beth', 'instant', size, CASE WHEN size <= 1000 THEN 0 END, 0 FROM (VALUES (1), (10), (100), (1000), (10000)) s(size)
    UNION ALL SELECT 'beth', 'dex', size, 6 + size / 150, 0 FROM (VALUES (1), (10), (100), (1000), (10000)) s(size)
    UNION ALL SELECT 'csol', 'instant', size, 9 + size / 400, 0 FROM (VALUES (1), (10), (100), (1000), (10000)) s(size)
    UNION ALL SELECT 'csol', 'delayed', size, 0.5, 2.4 FROM (VALUES (1), (10), (100), (1000), (10000)) s(size)
    UNION ALL SELECT 'csol', 'stake', size, 10, 2.0 FROM (VALUES (1), (10), (100), (1000), (10000)) s(size));
INSERT INTO fact_operator_stake (protocol_id, operator_id, ts, stake_native, validators, known_at, run_id)
SELECT p, 'op' || k, day(399), 1e6 / pow(k, z), 10, day(399), 'r' FROM range(1, 31) o(k), (VALUES ('alpha', 0.4), ('beta', 1.0), ('gamma', 0.1)) v(p, z);
INSERT INTO ingest_task (job, plugin, chain_id, tick, state, attempts, error_class, error)
SELECT 'state', plugin, chain, day(n),
       CASE WHEN plugin = 'beta' AND n = 396 THEN 'partial' WHEN plugin = 'gamma' AND n = 400 THEN 'failed'
            WHEN plugin = 'gamma' AND n = 393 THEN 'unrecoverable' WHEN plugin = 'old' AND n >= 250 THEN 'quarantined' ELSE 'have' END, 1,
       CASE WHEN plugin = 'gamma' AND n = 400 THEN 'transient' END,
       CASE WHEN plugin = 'gamma' AND n = 400 THEN 'solana: endpoint main did not answer within 10 s; the next tick tries again' END
FROM range(380, 401) r(n), (VALUES ('alpha', 'ethereum'), ('beta', 'ethereum'), ('gamma', 'solana'), ('old', 'ethereum')) p(plugin, chain);
INSERT INTO quarantine (run_id, job, plugin, chain_id, tick, token_id, metric_id, ts, value_text, check_name, reason, created_at)
SELECT 'r', 'state', 'old', 'ethereum', day(n), 'oeth', 'exchange_rate', day(n), '0', 'rate_in_bounds', 'rate 0 is below 0.5', day(n) FROM range(396, 401) r(n);
INSERT INTO raw_observation (run_id, job, tick, plugin, plugin_version, plugin_sha256, chain_id, endpoint, method, target, field, token_id, metric_id, block_ts, fetched_at, value_text, decimals, quality, basis)
SELECT 'r', 'state', day(n), plugin, '1.2.0', sha256(plugin), chain, endpoint, method, target, 'f', token, 'exchange_rate', day(n), day(n), '1', 18, 'ok', basis
FROM range(390, 401) r(n), (VALUES ('alpha', 'ethereum', 'main', 'getPooledEthByShares()', '0x11', 'aeth', 'onchain'), ('gamma', 'solana', 'main', 'getMultipleAccounts', 'Gam1', 'csol', 'onchain'),
    ('history', 'ethereum', NULL, 'published series', 'staking_apr.csv (example/data)', 'eth-bench', 'published')) p(plugin, chain, endpoint, method, target, token, basis);
