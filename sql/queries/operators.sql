-- name: operators
-- question: How concentrated is the stake of each protocol on its operators?
-- column: protocol | text | protocol id
-- column: ts | time | the snapshot used
-- column: operators | count | with known stake
-- column: top1_pct | percent | the largest
-- column: op_hhi | index | 0 to 10,000
-- column: nakamoto_33 | count | fewest operators with more than a third
-- column: counted_by | text | what an operator is: entity, key, or mixed
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: An operator is a legal entity where the protocol's registry names it, else a key. One entity may run many keys, so by key stake looks less concentrated than it is.
-- methodology: 1
SELECT protocol_id AS protocol, ts, operators, round(top1_pct, 2) AS top1_pct, round(op_hhi, 1) AS op_hhi, nakamoto_33, counted_by
FROM operator_concentration($as_of, kt := $known_at) ORDER BY 1;
