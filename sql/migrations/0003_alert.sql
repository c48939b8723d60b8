-- +goose Up
-- What each receiver of alerts has been told. An alert is an episode: it begins,
-- and it is resolved once. Rows stay, so that the past can be asked.
CREATE TABLE alert_state (
    receiver    VARCHAR NOT NULL,        -- configured name, never an address
    event       VARCHAR NOT NULL,        -- stale | failed | frozen | depeg | rate_drop | quarantine | disagreement
    subject     VARCHAR NOT NULL,        -- what it is about: a token, or job/plugin/chain
    since       TIMESTAMP NOT NULL,      -- when it was first seen
    detail      VARCHAR NOT NULL,        -- in words, with the numbers
    resolved    TIMESTAMP,               -- when it was first no longer so; NULL: open
    told_begin  TIMESTAMP,               -- when the receiver took the message; NULL: not yet
    told_end    TIMESTAMP,
    attempts    INTEGER NOT NULL DEFAULT 0, -- failed deliveries of the message that is next
    next_try    TIMESTAMP,
    error       VARCHAR,                 -- of the last failed delivery, without the address
    PRIMARY KEY (receiver, event, subject, since)
);

-- +goose Down
SELECT error('the warehouse has no way back below schema 3');
