-- name: after-events
-- question: What happened to supply in the days after each pause, upgrade, slashing or fee change?
-- column: protocol | text | protocol id
-- column: event | text | event type
-- column: ts | time | when
-- column: token | text | symbol
-- column: supply_before | shares | at 00:00 UTC of the day
-- column: supply_after | shares | that many days later
-- column: change_pct | percent | between the two
-- param: days_after | 7 | days after the event
-- param: from | now-3650d | first moment, UTC
-- param: to | now | last moment, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: A supply older than the token allows is unknown, not carried on.
-- caveat: What follows an event need not come from it.
-- methodology: 1
WITH e AS MATERIALIZED (
    SELECT DISTINCT e.protocol_id, e.event_type, e.ts, t.token_id, t.symbol, t.stale_after_s, date_trunc('day', e.ts) AS d0,
           date_trunc('day', e.ts) + to_days($days_after::INTEGER) AS d1
    FROM event_between($from, $to, $known_at) e JOIN token t USING (protocol_id)
    WHERE t.is_counted AND (e.token_id IS NULL OR e.token_id = t.token_id)),
supplies AS MATERIALIZED (
    SELECT * FROM supply_between($from::TIMESTAMP - max_carry(), $to::TIMESTAMP + to_days($days_after::INTEGER), $known_at, among := 'e')),
x AS (
    SELECT e.*, CASE WHEN seconds_between(b.ts, e.d0) <= e.stale_after_s THEN b.supply END AS supply_before,
           CASE WHEN seconds_between(a.ts, e.d1) <= e.stale_after_s THEN a.supply END AS supply_after
    FROM e
    ASOF LEFT JOIN supplies b ON e.token_id = b.token_id AND e.d0 >= b.ts
    ASOF LEFT JOIN supplies a ON e.token_id = a.token_id AND e.d1 >= a.ts)
SELECT protocol_id AS protocol, event_type AS event, ts, symbol AS token, supply_before, supply_after,
       round(100 * (supply_after / supply_before - 1), 3) AS change_pct
FROM x ORDER BY ts, protocol, event, token;
