-- name: attribution
-- question: Did TVL grow by deposits, rewards or price?
-- column: underlying | text | native asset
-- column: token | text | symbol
-- column: from_day | time | first day with a level
-- column: to_day | time | last day with a level
-- column: usd_to_day | time | last day that also had a USD price
-- column: change_usd | usd | change of TVL
-- column: deposits_usd | usd | deposits minus withdrawals
-- column: fee_shares_usd | usd | shares minted as fees
-- column: rewards_usd | usd | growth of the rate
-- column: price_usd | usd | change of the price
-- column: residual_usd | usd | what the legs leave unexplained: rounding only
-- column: change_native | native | change of TVL
-- column: deposits_native | native | deposits minus withdrawals
-- column: fee_shares_native | native | shares minted as fees
-- column: rewards_native | native | growth of the rate
-- column: start_usd | usd | TVL on from_day
-- column: net_in_usd | usd | deposits minus withdrawals of the days that grew
-- column: net_out_usd | usd | the same of the days that shrank, negative
-- column: end_usd | usd | TVL on usd_to_day
-- column: start_native | native | TVL on from_day
-- column: net_in_native | native | deposits minus withdrawals of the days that grew
-- column: net_out_native | native | the same of the days that shrank, negative
-- column: end_native | native | TVL on to_day
-- param: from | now-30d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Measured every 24 hours from the first moment on; a day without supply, rate and price joins the next one.
-- caveat: Fee shares are split off deposits only where the protocol reports them; where none were read they are unknown and among the deposits.
-- caveat: Deposits and withdrawals of the same day cancel: net_in and net_out are the least that came and went.
-- methodology: 1
SELECT a.underlying, t.symbol AS token, from_d AS from_day, to_d AS to_day, usd_to_d AS usd_to_day, round(change_usd, 2) AS change_usd,
       round(deposits_usd, 2) AS deposits_usd, round(fee_shares_usd, 2) AS fee_shares_usd, round(rewards_usd, 2) AS rewards_usd,
       round(price_usd, 2) AS price_usd, round(residual_usd, 2) + 0.0 AS residual_usd, round(change_native, 9) AS change_native,
       round(deposits_native, 9) + 0 AS deposits_native, round(fee_shares_native, 9) AS fee_shares_native, round(rewards_native, 9) AS rewards_native,
       round(start_usd, 2) AS start_usd, round(net_in_usd, 2) + 0 AS net_in_usd, round(net_out_usd, 2) + 0 AS net_out_usd, round(end_usd, 2) AS end_usd,
       round(start_native, 9) AS start_native, round(net_in_native, 9) + 0 AS net_in_native, round(net_out_native, 9) + 0 AS net_out_native,
       round(end_native, 9) AS end_native
FROM attribution($from, $to, kt := $known_at) a JOIN token t USING (token_id) ORDER BY 1, 2;
