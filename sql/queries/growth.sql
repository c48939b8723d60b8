-- name: growth
-- question: What would an amount have become since a date, after entry fees, at redemption and at market?
-- column: underlying | text | native asset
-- column: token | text | symbol
-- column: lst_bought | shares | after the deposit fee in force then; a chain's own rate has none
-- column: at_redemption | native | what it redeems for at the end
-- column: at_market | native | what it sells for at the end; unknown without a price
-- column: native_return_pct | percent | growth of the redemption rate
-- column: apy_pct | percent | the same per year, compound
-- column: fee_bps | bps | deposit fee used; unknown counts as none
-- column: from_ts | time | of the newest rate at the start
-- column: to_ts | time | of the newest rate at the end
-- column: basis | text | ◆ on-chain, ◇ derived, △ published or API, ✎ manual
-- param: amount | 100 | native units put in
-- param: from | now-365d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: No exit fee is taken off; see exit.
-- caveat: A token without a fresh rate at either end shows unknown.
-- caveat: A token of which no rate was read by the end has no row here; freshness lists it.
-- methodology: 1
SELECT underlying, symbol AS token, round(lst_bought, 6) AS lst_bought, round(at_redemption, 6) AS at_redemption,
       round(at_market, 6) AS at_market, round(100 * native_return, 4) AS native_return_pct,
       round(100 * annualise(1 + native_return, seconds_between(from_ts, to_ts), 'apy'), 4) AS apy_pct,
       fee_bps, from_ts, to_ts, mark AS basis
FROM growth_of($amount, $from, $to, kt := $known_at)
WHERE to_ts IS NOT NULL
ORDER BY underlying, at_redemption DESC NULLS LAST, token;
