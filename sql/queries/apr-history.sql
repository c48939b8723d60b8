-- name: apr-history
-- question: How did each token's net APR move over time?
-- column: day | time | 00:00 UTC
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: apr_pct | percent | net APR over the window that ends then
-- column: days_used | days | time really covered
-- param: window | 30 | days looked back from as_of
-- param: from | now-365d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- param: token | all | one token id, or all
-- caveat: A frozen token shows unknown, and so does a window of fewer than three updates and less than their time; days whose history is too short are left out.
-- methodology: 1
SELECT s.d AS day, t.chain_id AS chain, t.symbol AS token, round(100 * s.apr_net, 4) AS apr_pct, round(s.days_used, 2) AS days_used
FROM apr_series($window, date_trunc('day', $from::TIMESTAMP), $to, kt := $known_at) s JOIN token t USING (token_id)
WHERE s.covers_window AND ($token = 'all' OR t.token_id = $token) ORDER BY day, chain, token;
