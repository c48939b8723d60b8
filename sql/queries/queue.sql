-- name: queue
-- question: How long is the exit queue of a chain?
-- column: chain | text | chain id
-- column: queued_native | native | what waits
-- column: queue_days | days | until the last one has left, at the churn in force
-- column: then_hours | hours | withdrawal delay after leaving
-- column: churn_per_epoch | native | most that may leave per epoch
-- column: epoch_s | seconds | length of an epoch
-- param: chain | ethereum | chain id
-- param: queued | 2440000 | native units in the queue
-- param: as_of | now | the moment looked at, UTC
-- caveat: Constants come from dim_chain_param with the dates they are valid for; without them nothing is computed.
-- methodology: 1
SELECT chain_id AS chain, queued_native, round(queue_days, 2) AS queue_days, round(then_hours, 2) AS then_hours,
       churn AS churn_per_epoch, epoch_s
FROM exit_queue($queued, $as_of) WHERE chain_id = $chain;
