-- name: take-rate
-- question: How much of the rewards does each protocol really keep, against what it says?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: effective_pct | percent | fee shares over gross rewards, exact
-- column: advertised_pct | percent | what the protocol says
-- column: diff_pp | pp | effective minus advertised
-- column: vs_chain_pct | percent | 1 − net APR over the chain's own rate: fee, idle stake and performance together
-- column: net_native | native | rewards of stakers in the updates counted
-- column: fee_native | native | what was kept in them
-- column: updates | count | updates whose rewards and fee shares are known
-- column: idle_pct | percent | part of the backing that earned nothing: 1 − utilisation, mean of the readings
-- param: window | 30 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: effective_pct needs fee shares minted per report; without them it is unknown, never assumed to be the advertised fee.
-- methodology: 2
SELECT t.chain_id AS chain, t.symbol AS token, round(100 * k.take_rate_eff, 4) AS effective_pct,
       round(100 * k.take_rate_adv, 4) AS advertised_pct, round(100 * (k.take_rate_eff - k.take_rate_adv), 4) AS diff_pp,
       round(100 * k.take_rate_vs_bench, 2) AS vs_chain_pct, round(k.net_native, 9) AS net_native,
       round(k.fee_native, 9) AS fee_native, k.updates, round(100 * idle.share, 4) AS idle_pct
FROM take_rate($window, $as_of, kt := $known_at) k JOIN token t USING (token_id)
LEFT JOIN (
    SELECT token_id, 1 - avg(value) AS share
    FROM series_between('utilisation', $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at)
    GROUP BY 1) idle USING (token_id)
WHERE t.is_counted AND (k.take_rate_eff IS NOT NULL OR k.take_rate_adv IS NOT NULL OR k.take_rate_vs_bench IS NOT NULL)
ORDER BY chain, token;
