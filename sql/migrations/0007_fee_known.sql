-- +goose Up
-- When a plugin first said a fee and when it stopped, so that an answer as known at
-- a time shows the fee that was said then. Rows from before that was written down
-- have no known_at.
ALTER TABLE dim_fee ADD COLUMN known_at TIMESTAMP;
ALTER TABLE dim_fee ADD COLUMN dropped_at TIMESTAMP; -- NULL: still said

-- +goose Down
SELECT error('the warehouse has no way back below schema 7');
