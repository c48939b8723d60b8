-- name: events
-- question: What happened to the protocols?
-- column: ts | time | when, or when first seen
-- column: protocol | text | protocol id
-- column: token | text | token id, for what was seen in a token's settings
-- column: event | text | event type
-- column: severity | text | info, warning or critical
-- column: amount_native | native | where one is known
-- column: details | text | JSON
-- column: seen_since | time | the reading before: it happened after that
-- column: source | text | observed, or where it was recorded
-- param: from | now-365d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: What lies between two readings and went back is not seen.
-- methodology: 1
SELECT ts, protocol_id AS protocol, token_id AS token, event_type AS event, severity, amount_native, details, seen_since, source
FROM event_between($from, $to, $known_at) ORDER BY ts DESC, protocol, event, token;
