-- name: integrity
-- question: Do supply, rate and backing of each token agree with each other, and with its chain?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: rate | native per share | redemption rate
-- column: supply | shares | outstanding
-- column: home_supply | shares | of a wrapped or bridged token, the supply of the token it stands for
-- column: product | native | supply × rate
-- column: backing | native | what the protocol says it owes; of a chain, what its tokens are owed together
-- column: diff_bps | bps | product over backing
-- column: parts_diff_bps | bps | core plus external backing over the whole, where the protocol has both
-- column: gross_ratio | ratio | all stake run, operators' bonds included, over backing; of a chain, all its stake
-- column: falls_30d | count | falls of the rate in 30 days
-- column: verdict | text | ok, or what does not fit
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: A rate below 0.5 or a gap of more than 10 bps points to a swapped ratio, mixed units or readings of different moments.
-- caveat: The row of a chain's own staking adds up the tokens of its native asset, wherever they are issued; there is none while the chain's stake is not known.
-- methodology: 1
WITH v AS MATERIALIZED (SELECT * FROM tvl($as_of, kt := $known_at)),
s AS (
    SELECT token_id, arg_max(s.supply, s.ts) AS supply FROM supply_between($as_of::TIMESTAMP - max_carry(), $as_of, $known_at) s JOIN token t USING (token_id)
    GROUP BY token_id, t.stale_after_s HAVING seconds_between(max(s.ts), $as_of::TIMESTAMP) <= t.stale_after_s),
g AS (
    SELECT token_id, arg_max(value, ts) AS gross FROM series_between('gross_stake_native', $as_of::TIMESTAMP - max_carry(), $as_of, $known_at) GROUP BY 1),
i AS (SELECT token_id, arg_max(value, ts) AS core FROM series_between('backing_internal_native', $as_of::TIMESTAMP - max_carry(), $as_of, $known_at) GROUP BY 1),
e AS (SELECT token_id, arg_max(value, ts) AS extern FROM series_between('backing_external_native', $as_of::TIMESTAMP - max_carry(), $as_of, $known_at) GROUP BY 1),
n AS (SELECT token_id, arg_max(value, ts) AS extern_shares FROM series_between('lst_supply_external', $as_of::TIMESTAMP - max_carry(), $as_of, $known_at) GROUP BY 1),
f AS (
    SELECT token_id, count(*) FILTER (rate < prev_rate AND ts > $as_of::TIMESTAMP - INTERVAL 30 DAY) AS falls
    FROM rate_step_between($as_of::TIMESTAMP - INTERVAL 30 DAY, $as_of, $known_at) GROUP BY 1),
x AS (
    SELECT t.chain_id, t.symbol, t.accrual, v.rate, CASE WHEN v.supply_from = 'supply' THEN v.supply END AS supply, NULL::DOUBLE AS home_supply, v.backing_native AS backing,
           g.gross / nullif(v.backing_native, 0) AS gross_ratio, 1e4 * ((i.core + e.extern) / nullif(v.backing_native, 0) - 1) AS parts_bps,
           i.core / nullif(v.supply - n.extern_shares, 0) AS core_rate, e.extern / nullif(n.extern_shares, 0) AS extern_rate, f.falls
    FROM v JOIN token t USING (token_id)
    LEFT JOIN g USING (token_id) LEFT JOIN i USING (token_id) LEFT JOIN e USING (token_id) LEFT JOIN n USING (token_id) LEFT JOIN f USING (token_id)
    WHERE v.rate IS NOT NULL OR v.backing_native IS NOT NULL
    UNION ALL BY NAME
    SELECT t.chain_id, t.symbol, t.accrual, s.supply, h.supply AS home_supply
    FROM token t JOIN s USING (token_id) JOIN s h ON h.token_id = t.rate_of WHERE t.accrual IN ('wrapper', 'bridged')
    UNION ALL BY NAME
    SELECT c.chain_id, t.symbol, t.accrual, round(sum(coalesce(v.backing_native, v.tvl_native)), 9) AS backing, c.stake_native / nullif(backing, 0) AS gross_ratio
    FROM chain_stake($as_of, $as_of, kt := $known_at) c JOIN token t ON t.token_id = c.bench_id JOIN v ON v.underlying = c.underlying
    WHERE c.stake_native IS NOT NULL GROUP BY c.chain_id, t.symbol, t.accrual, c.stake_native HAVING backing IS NOT NULL)
SELECT chain_id AS chain, symbol AS token, rate, supply, home_supply, round(supply * rate, 9) AS product, backing,
       round(1e4 * (supply * rate / nullif(backing, 0) - 1), 3) + 0 AS diff_bps, round(parts_bps, 3) + 0 AS parts_diff_bps,
       round(gross_ratio, 4) AS gross_ratio, falls AS falls_30d,
       CASE WHEN rate < 0.5 THEN 'rate below 0.5: is the ratio swapped?'
            WHEN abs(supply * rate / nullif(backing, 0) - 1) > 0.001 THEN 'supply × rate is not the backing'
            WHEN abs(parts_bps) > 1 THEN 'the parts are not the whole'
            WHEN abs(core_rate / nullif(extern_rate, 0) - 1) > 0.0001 THEN 'a core share and an external one are not worth the same'
            WHEN gross_ratio < 0.999 AND accrual = 'benchmark' THEN 'its tokens are owed more than all its stake: is some counted twice?'
            WHEN gross_ratio < 0.999 THEN 'less stake is run than is owed'
            WHEN supply > 1.001 * home_supply THEN 'there is more of it than of the token it stands for'
            WHEN falls > 0 THEN 'the rate fell'
            ELSE 'ok' END AS verdict
FROM x ORDER BY verdict = 'ok', chain, token;
