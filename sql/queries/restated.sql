-- name: restated
-- question: Which stored figures were corrected between two times?
-- column: fact | text | metric or price
-- column: what | text | which
-- column: token | text | token id
-- column: ts | time | the time it describes
-- column: was | number | known at from
-- column: is_now | number | known at to; none when retracted
-- column: change_bps | bps | relative change
-- column: quality | text | quality now
-- column: reason | text | why
-- column: known_at | time | when the correction was learned
-- param: from | now-30d | known then
-- param: to | latest | known now
-- caveat: New facts are not corrections; only what was known before and changed appears.
-- methodology: 1
SELECT fact, what, token_id AS token, ts, was, is_now, round(change_bps, 4) AS change_bps, quality_now AS quality, reason, known_at
FROM restatements($from, $to) ORDER BY known_at, fact, what, token, ts;
