-- name: freshness
-- question: What is stale, frozen or sunset?
-- column: chain | text | chain id
-- column: token | text | symbol
-- column: state | text | fresh, restated, bench, stale, frozen or sunset
-- column: fetched_at | time | when the newest rate was learned
-- column: fetch_age_h | hours | since then
-- column: observed_ts | time | its time on the chain
-- column: chain_age_h | hours | since then
-- column: changed_ts | time | when the rate last changed
-- column: value_age_h | hours | since then
-- column: expected_next | time | when the next change is due
-- column: overdue_h | hours | past that
-- column: restated | count | rates of the last 30 days that were corrected
-- column: basis | text | ◆ on-chain, ◇ derived, △ published or API, ✎ manual
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: fetch_age_h is negative when data was loaded after the moment looked at.
-- methodology: 1
SELECT chain_id AS chain, symbol AS token, state, fetched_at, round(fetch_age_s / 3600, 1) AS fetch_age_h, observed_ts,
       round(chain_age_s / 3600, 1) AS chain_age_h, changed_ts, round(value_age_s / 3600, 1) AS value_age_h, expected_next,
       round(overdue_s / 3600, 1) AS overdue_h, restated, mark AS basis
FROM freshness($as_of, kt := $known_at)
ORDER BY state IN ('fresh', 'bench'), state, chain, token;
