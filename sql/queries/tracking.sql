-- name: tracking
-- question: How closely does each token follow its chain's own staking rate?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: bench | text | benchmark token id
-- column: weeks | count | weekly differences used
-- column: tracking_diff_bps | bps | mean difference per year
-- column: tracking_error_bps | bps | its standard deviation, annualised
-- column: is_frozen | flag | no change for longer than the token allows
-- column: covers_window | flag | the readings span the time asked for
-- param: from | now-182d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Weekly levels at the same weekday; an update that falls a day later moves a week's difference.
-- methodology: 1
SELECT t.chain_id AS chain, t.symbol AS token, k.bench_id AS bench, k.weeks, round(k.tracking_diff_bps, 1) AS tracking_diff_bps,
       round(k.tracking_error_bps, 1) AS tracking_error_bps, a.is_frozen, a.covers_window
FROM tracking($from, $to, kt := $known_at) k JOIN token t USING (token_id)
LEFT JOIN apr(seconds_between($from::TIMESTAMP, $to::TIMESTAMP) / 86400, $to, kt := $known_at) a USING (token_id) WHERE k.weeks > 0 ORDER BY 1, 2;
