-- name: total-return
-- question: What did holding bring in USD and in the native asset, and how bad did it get?
-- column: underlying | text | native asset
-- column: token | text | symbol
-- column: usd_return_pct | percent | rate × USD price
-- column: native_return_pct | percent | rate alone
-- column: max_drawdown_usd_pct | percent | worst fall from a peak in USD
-- column: max_drawdown_native_pct | percent | worst fall of the rate
-- column: from_day | time | first day used
-- column: to_day | time | last day used
-- column: ndays | days | days with a rate
-- column: usd_days | days | days with a USD price
-- column: is_frozen | flag | no change for longer than the token allows
-- column: covers_window | flag | the readings span the time asked for
-- param: from | now-365d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Measured every 24 hours from the first moment on, at redemption value, not at market.
-- methodology: 1
SELECT t.underlying, t.symbol AS token, round(100 * usd_return, 4) AS usd_return_pct, round(100 * native_return, 4) AS native_return_pct,
       round(100 * max_drawdown_usd, 3) AS max_drawdown_usd_pct, round(100 * max_drawdown_native, 4) AS max_drawdown_native_pct,
       from_d AS from_day, to_d AS to_day, ndays, usd_days,
       a.is_frozen, a.covers_window
FROM total_return($from, $to, kt := $known_at) r JOIN token t USING (token_id)
LEFT JOIN apr(seconds_between($from::TIMESTAMP, $to::TIMESTAMP) / 86400, $to, kt := $known_at) a USING (token_id) ORDER BY 1, native_return_pct DESC, token;
