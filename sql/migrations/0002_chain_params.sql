-- +goose Up
-- Constants of the chains that forks change. valid_from is inclusive, valid_to
-- exclusive; NULL means since the beginning, and until further notice. A query
-- about a moment uses the row valid then. Fork times are genesis (2020-12-01
-- 12:00:23 UTC) + epoch × 384 s.
INSERT INTO dim_chain_param (chain_id, param, value, unit, valid_from, valid_to, source) VALUES
    ('ethereum', 'epoch_s', 384, 'seconds', NULL, NULL,
     'consensus-specs configs/mainnet.yaml: 32 slots of 12 s'),
    ('ethereum', 'withdrawable_delay_epochs', 256, 'epochs', NULL, NULL,
     'consensus-specs configs/mainnet.yaml: MIN_VALIDATOR_WITHDRAWABILITY_DELAY'),
    ('ethereum', 'exit_churn_native_per_epoch', 256, 'ETH per epoch', TIMESTAMP '2025-05-07 10:05:11', NULL,
     'consensus-specs configs/mainnet.yaml: MAX_PER_EPOCH_ACTIVATION_EXIT_CHURN_LIMIT since Electra, the upper bound'),
    ('ethereum', 'exit_churn_min_native_per_epoch', 128, 'ETH per epoch', TIMESTAMP '2025-05-07 10:05:11', NULL,
     'consensus-specs configs/mainnet.yaml: MIN_PER_EPOCH_CHURN_LIMIT_ELECTRA, the lower bound'),
    ('ethereum', 'min_slashing_penalty_quotient', 32, 'effective balance ÷', TIMESTAMP '2022-09-06 11:34:47', TIMESTAMP '2025-05-07 10:05:11',
     'consensus-specs presets/mainnet/bellatrix.yaml'),
    ('ethereum', 'min_slashing_penalty_quotient', 4096, 'effective balance ÷', TIMESTAMP '2025-05-07 10:05:11', NULL,
     'consensus-specs presets/mainnet/electra.yaml'),
    ('ethereum', 'proportional_slashing_multiplier', 3, 'multiplier', TIMESTAMP '2022-09-06 11:34:47', NULL,
     'consensus-specs presets/mainnet/bellatrix.yaml'),
    ('solana', 'slots_per_epoch', 432000, 'slots', NULL, NULL,
     'SIMD-0525 keeps it while the slot shortens'),
    -- SIMD-0525 shortens the slot 400 → 350 → 300 → 250 → 200 ms. When 350 and 300
    -- came is known only as "by 2026-09-15", so they have no row, and between the
    -- two rows the nominal slot is unknown. Epochs are read (dim_epoch), never
    -- computed from these.
    ('solana', 'slot_ms_nominal', 400, 'milliseconds', NULL, TIMESTAMP '2026-09-15 00:00:00',
     'SIMD-0525; end is the latest possible date: 300 ms was reported live by then'),
    ('solana', 'slot_ms_nominal', 250, 'milliseconds', TIMESTAMP '2026-09-18 00:00:00', NULL,
     'reported live on 2026-09-18 (solana-private-channels #326); whether 200 ms is live is unverified');

-- +goose Down
SELECT error('the warehouse has no way back below schema 2');
