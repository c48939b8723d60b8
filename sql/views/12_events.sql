-- Did a setting change? A fee in bps by more than 0.005, a flag by more than a half.
CREATE OR REPLACE MACRO setting_moved(metric, was, is_now) AS
    abs(is_now - was) > CASE WHEN metric LIKE 'fee_%' THEN 0.005 ELSE 0.5 END;

-- Things that happened: recorded events, and changes of flags and fee settings
-- seen between two readings. seen_since is the reading before, so the change fell
-- in (seen_since, ts].
CREATE OR REPLACE MACRO setting_change_between(lo, hi, kt) AS TABLE
    WITH setting AS MATERIALIZED (SELECT unnest([
        'deposits_paused', 'withdrawals_paused', 'protocol_paused', 'bunker_mode', 'instant_closed',
        'deposit_permissioned', 'fee_reward_bps', 'fee_reward_operators_bps', 'fee_reward_treasury_bps',
        'fee_reward_holders_bps', 'fee_reward_insurance_bps', 'fee_deposit_bps', 'fee_deposit_stake_bps',
        'fee_withdraw_bps', 'fee_instant_min_bps', 'fee_instant_max_bps', 'fee_next_reward_bps', 'fee_next_withdraw_bps']) AS metric_id),
    moved AS MATERIALIZED ( -- few settings ever change, and only theirs are put in order
        SELECT metric_id, token_id FROM fact_metric
        WHERE ts > lo::TIMESTAMP - max_carry() AND ts <= hi::TIMESTAMP AND metric_id IN (SELECT metric_id FROM setting)
        GROUP BY 1, 2 HAVING setting_moved(metric_id, min(value) FILTER (quality NOT IN ('retracted', 'suspect')),
                                            max(value) FILTER (quality NOT IN ('retracted', 'suspect')))),
    r AS (
        SELECT metric_id, token_id, ts, value, basis, known_at FROM fact_metric SEMI JOIN moved USING (metric_id, token_id)
        WHERE ts > lo::TIMESTAMP - max_carry() AND ts <= hi::TIMESTAMP AND known_at <= kt::TIMESTAMP
        QUALIFY row_number() OVER (PARTITION BY metric_id, token_id, ts, basis ORDER BY known_at DESC) = 1
            AND value IS NOT NULL AND quality NOT IN ('retracted', 'suspect')),
    n AS (
        SELECT * FROM r QUALIFY row_number() OVER (PARTITION BY metric_id, token_id, ts ORDER BY basis_rank(basis)) = 1),
    l AS (
        SELECT *, lag(value) OVER w AS was, lag(ts) OVER w AS seen_since
        FROM n WINDOW w AS (PARTITION BY metric_id, token_id ORDER BY ts))
    SELECT metric_id, token_id, seen_since, ts, was, value AS is_now, known_at
    FROM l WHERE ts > lo::TIMESTAMP AND was IS NOT NULL AND setting_moved(metric_id, was, value);

CREATE OR REPLACE MACRO event_between(lo, hi, kt) AS TABLE
    SELECT protocol_id, chain_id, NULL AS token_id, ts, NULL::TIMESTAMP AS seen_since, event_type, severity,
           amount_native, details, tx_ref, source, known_at
    FROM fact_event WHERE ts > lo::TIMESTAMP AND ts <= hi::TIMESTAMP AND known_at <= kt::TIMESTAMP
    QUALIFY row_number() OVER (PARTITION BY protocol_id, chain_id, ts, event_type, tx_ref ORDER BY known_at DESC) = 1
    UNION ALL
    SELECT t.protocol_id, t.chain_id, c.token_id, c.ts, c.seen_since,
           CASE WHEN c.metric_id = 'bunker_mode' THEN if(c.is_now = 1, 'bunker_on', 'bunker_off')
                WHEN c.metric_id LIKE 'fee_next_%' THEN 'fee_announced'
                WHEN c.metric_id LIKE 'fee_%' THEN 'fee_change'
                WHEN c.is_now = 1 THEN 'pause' ELSE 'unpause' END,
           CASE WHEN c.metric_id IN ('bunker_mode', 'protocol_paused') AND c.is_now = 1 THEN 'critical'
                WHEN c.metric_id LIKE 'fee_%' OR c.is_now = 0 THEN 'info' ELSE 'warning' END,
           NULL, '{"metric":"' || c.metric_id || '","was":' || c.was || ',"is":' || c.is_now || '}', NULL,
           'observed', c.known_at
    FROM setting_change_between(lo, hi, kt) c JOIN token t USING (token_id);

CREATE OR REPLACE VIEW event_now AS SELECT * FROM event_between('-infinity', 'infinity', 'infinity');
