-- name: noise
-- question: Is a short-window figure noise?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: updates | count | changes of the rate
-- column: median_apr_pct | percent | of single updates
-- column: sd_pp | pp | standard deviation of single updates
-- column: median_gap_h | hours | between updates
-- column: max_gap_h | hours | longest gap
-- column: is_frozen | flag | no change for longer than the token allows
-- column: covers_window | flag | the readings span the time asked for
-- param: window | 365 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: A single update's APR swings by sd_pp; windows of few updates inherit that.
-- methodology: 1
WITH st AS MATERIALIZED (SELECT * FROM rate_step_between($as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400), $as_of, $known_at))
SELECT t.chain_id AS chain, t.symbol AS token, count(*) AS updates,
       round(100 * median(annualise(rate / prev_rate, seconds_between(prev_ts, ts), 'apr')), 4) AS median_apr_pct,
       round(100 * stddev_samp(annualise(rate / prev_rate, seconds_between(prev_ts, ts), 'apr')), 4) AS sd_pp,
       round(median(seconds_between(prev_ts, ts)) / 3600, 2) AS median_gap_h, round(max(seconds_between(prev_ts, ts)) / 3600, 2) AS max_gap_h,
       any_value(a.is_frozen) AS is_frozen, any_value(a.covers_window) AS covers_window
FROM st s JOIN token t USING (token_id) JOIN apr_windows_with('st', [$window::DOUBLE], $as_of) a USING (token_id)
WHERE prev_ts > $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400)
GROUP BY t.chain_id, t.symbol, t.token_id ORDER BY chain, token;
