-- name: revenue
-- question: Who got the rewards: stakers, operators, treasury, holders?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: gross_native | native | all rewards of the updates counted
-- column: to_stakers | native | through the rate
-- column: to_operators | native | of the fee
-- column: to_treasury | native | of the fee
-- column: to_holders | native | of the fee
-- column: to_insurance | native | of the fee
-- column: revenue_strict | native | treasury + holders, of rewards only
-- column: revenue_broad | native | strict + operators
-- column: fee_from | text | shares: exact; setting: estimated from the fee in force
-- column: updates | count | updates counted
-- param: window | 30 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: A leg nobody read is unknown, unless the legs that were read make up the whole fee.
-- caveat: Fees on principal (deposits, withdrawals, instant exits) are in neither revenue: their rates are read, the amounts they were taken from are not. Both figures are too low where a protocol keeps such fees.
-- caveat: Others call different sums revenue; both of ours are labelled.
-- methodology: 1
SELECT t.chain_id AS chain, t.symbol AS token, CASE WHEN count(gross_native) = count(*) THEN round(sum(gross_native), 9) END AS gross_native,
       round(sum(net_native), 9) AS to_stakers, CASE WHEN count(to_operators) = count(*) THEN round(sum(to_operators), 9) END AS to_operators,
       CASE WHEN count(to_treasury) = count(*) THEN round(sum(to_treasury), 9) END AS to_treasury,
       CASE WHEN count(to_holders) = count(*) THEN round(sum(to_holders), 9) END AS to_holders,
       CASE WHEN count(to_insurance) = count(*) THEN round(sum(to_insurance), 9) END AS to_insurance,
       CASE WHEN count(revenue_strict) = count(*) THEN round(sum(revenue_strict), 9) END AS revenue_strict,
       CASE WHEN count(revenue_broad) = count(*) THEN round(sum(revenue_broad), 9) END AS revenue_broad,
       string_agg(DISTINCT fee_from, '+' ORDER BY fee_from) AS fee_from, count(*) AS updates
FROM reward_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at) r JOIN token t USING (token_id)
WHERE r.supply IS NOT NULL
GROUP BY t.chain_id, t.symbol, t.token_id ORDER BY chain, token;
