-- name: queue
-- question: How long is the exit queue of a chain, and of each protocol?
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
WITH p AS (
    SELECT chain_id, max(value) FILTER (param = 'exit_churn_native_per_epoch') AS churn,
           max(value) FILTER (param = 'epoch_s') AS epoch_s, max(value) FILTER (param = 'withdrawable_delay_epochs') AS delay
    FROM dim_chain_param
    WHERE chain_id = $chain AND (valid_from IS NULL OR valid_from <= $as_of::TIMESTAMP) AND (valid_to IS NULL OR valid_to > $as_of::TIMESTAMP)
    GROUP BY 1)
SELECT chain_id AS chain, $queued::DOUBLE AS queued_native, round($queued::DOUBLE / churn * epoch_s / 86400, 2) AS queue_days,
       round(delay * epoch_s / 3600, 2) AS then_hours, churn AS churn_per_epoch, epoch_s
FROM p WHERE churn IS NOT NULL AND epoch_s IS NOT NULL;
