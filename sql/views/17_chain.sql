-- Constants of a chain that forks change, and what follows from them.

-- The value in force at a time. valid_to is the first moment it is no longer.
CREATE OR REPLACE MACRO chain_param(as_of) AS TABLE
    SELECT chain_id, param, value, unit, source FROM dim_chain_param
    WHERE (valid_from IS NULL OR valid_from <= as_of::TIMESTAMP) AND (valid_to IS NULL OR valid_to > as_of::TIMESTAMP);

-- How long the last of queued native units waits to leave, at the exit churn in
-- force, and how many hours follow until the stake can be paid out.
CREATE OR REPLACE MACRO exit_queue(queued, as_of) AS TABLE
    WITH p AS (
        SELECT chain_id, max(value) FILTER (param = 'exit_churn_native_per_epoch') AS churn,
               max(value) FILTER (param = 'epoch_s') AS epoch_s, max(value) FILTER (param = 'withdrawable_delay_epochs') AS delay
        FROM chain_param(as_of) GROUP BY 1)
    SELECT chain_id, queued::DOUBLE AS queued_native, queued::DOUBLE / churn * epoch_s / 86400 AS queue_days,
           delay * epoch_s / 3600 AS then_hours, churn, epoch_s
    FROM p WHERE churn > 0 AND epoch_s > 0;

-- Observed epochs: start, length, and how many of that length fill a year of 365
-- days. The on-chain boundary wins over a published one.
CREATE OR REPLACE VIEW epoch_length AS
    WITH e AS (
        SELECT * FROM dim_epoch
        QUALIFY row_number() OVER (PARTITION BY chain_id, epoch ORDER BY basis_rank(basis), known_at DESC) = 1),
    n AS (
        SELECT chain_id, epoch, start_ts, basis, lead(epoch) OVER w AS next_epoch, lead(start_ts) OVER w AS end_ts
        FROM e WINDOW w AS (PARTITION BY chain_id ORDER BY epoch))
    SELECT chain_id, epoch, start_ts, end_ts, seconds_between(start_ts, end_ts) / 3600 AS hours,
           year_s() / nullif(seconds_between(start_ts, end_ts), 0) AS per_year, basis
    FROM n WHERE next_epoch = epoch + 1;
