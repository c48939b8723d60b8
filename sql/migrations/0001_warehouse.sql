-- +goose Up
-- The warehouse. Times are TIMESTAMP in UTC by rule (TIMESTAMPTZ would make
-- "daily" depend on the reader's zone). Raw integers are text, because uint256
-- does not fit any DuckDB integer. No primary key or unique index on the big
-- tables: the writer dedupes with a time-bounded probe and keeps time order.

-- which sql/views the database holds; one row
CREATE TABLE schema_views (
    sha256     VARCHAR NOT NULL,         -- of all files of sql/views, in name order
    applied_at TIMESTAMP NOT NULL
);

-- dimensions ---------------------------------------------------------------
CREATE TABLE dim_chain (
    chain_id     VARCHAR PRIMARY KEY,
    kind         VARCHAR NOT NULL,       -- evm | solana
    name         VARCHAR NOT NULL,
    native_asset VARCHAR NOT NULL,       -- ETH, SOL, POL
    height_kind  VARCHAR NOT NULL        -- block | slot
);

CREATE TABLE dim_chain_param (           -- constants that forks change, with validity
    chain_id   VARCHAR NOT NULL,
    param      VARCHAR NOT NULL,
    value      DOUBLE NOT NULL,
    unit       VARCHAR NOT NULL,
    valid_from TIMESTAMP,
    valid_to   TIMESTAMP,
    source     VARCHAR NOT NULL
);

CREATE TABLE dim_epoch (                 -- observed boundaries, never computed
    chain_id     VARCHAR NOT NULL,
    epoch        UBIGINT NOT NULL,
    start_ts     TIMESTAMP NOT NULL,
    basis        VARCHAR NOT NULL,       -- onchain | published
    known_at     TIMESTAMP NOT NULL,
    PRIMARY KEY (chain_id, epoch, basis)
);

CREATE TABLE dim_protocol (
    protocol_id     VARCHAR PRIMARY KEY,
    name            VARCHAR NOT NULL,
    status          VARCHAR NOT NULL,    -- live | deposits_closed | sunset | dead
    launched        DATE,
    deposits_closed DATE,
    sunset          DATE,
    governance      VARCHAR,
    node_set        VARCHAR,
    tvl_basis       VARCHAR,
    website         VARCHAR,
    plugin          VARCHAR NOT NULL,
    updated_at      TIMESTAMP NOT NULL
);

CREATE TABLE dim_token (
    token_id          VARCHAR PRIMARY KEY,
    protocol_id       VARCHAR NOT NULL,
    chain_id          VARCHAR NOT NULL,
    symbol            VARCHAR NOT NULL,
    address           VARCHAR,
    decimals          UTINYINT,
    underlying        VARCHAR NOT NULL,  -- ETH, SOL, POL
    accrual           VARCHAR NOT NULL,  -- rebase | exchange_rate | basket | wrapper | bridged | benchmark
    rate_of           VARCHAR,           -- wrapper: the token whose rate it shares
    expected_update_s BIGINT,
    stale_after_s     BIGINT,
    plugin            VARCHAR NOT NULL,
    updated_at        TIMESTAMP NOT NULL
);

CREATE TABLE dim_metric (
    metric_id       VARCHAR NOT NULL,
    version         INTEGER NOT NULL,
    kind            VARCHAR NOT NULL,
    unit            VARCHAR NOT NULL,
    definition      VARCHAR NOT NULL,
    derived         BOOLEAN NOT NULL,
    add_over_tokens BOOLEAN NOT NULL,
    add_over_time   BOOLEAN NOT NULL,
    valid_from      TIMESTAMP NOT NULL,  -- when this warehouse began to use the version
    PRIMARY KEY (metric_id, version)
);

CREATE TABLE dim_fee (                   -- what a protocol SAYS it charges
    protocol_id VARCHAR NOT NULL,
    fee_type    VARCHAR NOT NULL,        -- reward | deposit | withdraw | instant
    bps         DOUBLE,
    recipient   VARCHAR,
    valid_from  TIMESTAMP,
    valid_to    TIMESTAMP,
    source      VARCHAR NOT NULL,
    plugin      VARCHAR NOT NULL
);

-- runs and the coverage ledger ----------------------------------------------
CREATE TABLE ingest_run (
    run_id     VARCHAR PRIMARY KEY,
    command    VARCHAR NOT NULL,         -- run | serve | backfill | demo
    started_at TIMESTAMP NOT NULL,
    ended_at   TIMESTAMP,                -- NULL: still running, or killed
    status     VARCHAR NOT NULL,         -- running | ok | partial | failed | interrupted
    tasks      BIGINT NOT NULL DEFAULT 0,
    tasks_ok   BIGINT NOT NULL DEFAULT 0,
    rows       BIGINT NOT NULL DEFAULT 0, -- facts and versions the run added; 0 for a repeat
    rejects    BIGINT NOT NULL DEFAULT 0, -- rows the run added to quarantine
    error      VARCHAR,
    host       VARCHAR,
    version    VARCHAR NOT NULL
);

CREATE TABLE ingest_task (               -- one row per job × plugin × chain × tick
    job           VARCHAR NOT NULL,
    plugin        VARCHAR NOT NULL,
    chain_id      VARCHAR NOT NULL,
    tick          TIMESTAMP NOT NULL,
    state         VARCHAR NOT NULL,      -- due | running | have | partial | failed | quarantined | unrecoverable | superseded
    attempts      INTEGER NOT NULL DEFAULT 0, -- attempts that came to an end
    next_try      TIMESTAMP,
    error_class   VARCHAR,               -- sdk.Kind of the last error
    error         VARCHAR,
    run_id        VARCHAR,
    anchor_height UBIGINT,
    anchor_hash   VARCHAR,
    anchor_ts     TIMESTAMP,
    finality      VARCHAR,               -- finalized | provisional
    rows          BIGINT NOT NULL DEFAULT 0, -- facts of the task, new or known before
    rejects       BIGINT NOT NULL DEFAULT 0,
    requests      BIGINT NOT NULL DEFAULT 0,
    started_at    TIMESTAMP,
    ended_at      TIMESTAMP,
    PRIMARY KEY (job, plugin, chain_id, tick)
);

-- raw, append-only -----------------------------------------------------------
CREATE SEQUENCE seq_obs;
CREATE TABLE raw_observation (
    obs_id         BIGINT NOT NULL DEFAULT nextval('seq_obs'),
    run_id         VARCHAR NOT NULL,
    job            VARCHAR NOT NULL,
    tick           TIMESTAMP NOT NULL,
    plugin         VARCHAR NOT NULL,
    plugin_version VARCHAR NOT NULL,
    plugin_sha256  VARCHAR NOT NULL,
    chain_id       VARCHAR NOT NULL,
    endpoint       VARCHAR,              -- configured alias, never a URL or key; NULL: no endpoint involved
    method         VARCHAR NOT NULL,
    target         VARCHAR NOT NULL,
    field          VARCHAR NOT NULL,
    token_id       VARCHAR NOT NULL,
    metric_id      VARCHAR NOT NULL,
    labels         VARCHAR,              -- JSON object, keys sorted; NULL: none
    height         UBIGINT,
    block_hash     VARCHAR,
    finality       VARCHAR,
    epoch          UBIGINT,
    block_ts       TIMESTAMP NOT NULL,
    ref_ts         TIMESTAMP,
    ref_epoch      UBIGINT,
    fetched_at     TIMESTAMP NOT NULL,
    value_text     VARCHAR,              -- exact integer; NULL: unknown, see reason
    divisor_text   VARCHAR,              -- exact integer; NULL: 1
    decimals       UTINYINT NOT NULL,
    quality        VARCHAR NOT NULL,
    reason         VARCHAR,
    basis          VARCHAR NOT NULL,     -- onchain | published | api
    payload_sha256 VARCHAR,
    CONSTRAINT value_is_integer CHECK (value_text IS NULL OR regexp_full_match(value_text, '-?[0-9]+')),
    CONSTRAINT divisor_is_positive CHECK (divisor_text IS NULL OR regexp_full_match(divisor_text, '[0-9]+')),
    CONSTRAINT unknown_has_reason CHECK (value_text IS NOT NULL OR reason IS NOT NULL)
);

-- facts, append-only, bitemporal ----------------------------------------------
-- The key of a fact is (metric_id, token_id, ts, basis); versions differ by known_at.
CREATE TABLE fact_metric (
    metric_id    VARCHAR NOT NULL,
    token_id     VARCHAR NOT NULL,
    ts           TIMESTAMP NOT NULL,     -- valid time: when it was so on chain
    ref_ts       TIMESTAMP,              -- what moment the source says it describes
    ref_epoch    UBIGINT,
    period_start TIMESTAMP,              -- start of the interval a flow belongs to
    value        DOUBLE,                 -- NULL: unknown, see reason
    value_exact  DECIMAL(38,18),         -- NULL when it does not fit 18 decimals and 20 digits
    uncertainty  DOUBLE NOT NULL DEFAULT 0, -- half-width in the metric's unit; 0 for exact on-chain integers
    height       UBIGINT,
    epoch        UBIGINT,
    quality      VARCHAR NOT NULL,       -- ok | estimated | stale | suspect | retracted
    reason       VARCHAR,                -- why unknown, or why not ok, or why a new version
    basis        VARCHAR NOT NULL,       -- onchain | derived | published | api | manual
    finality     VARCHAR,
    known_at     TIMESTAMP NOT NULL,     -- when this warehouse learned it
    run_id       VARCHAR NOT NULL,
    obs_ids      BIGINT[],               -- raw_observation rows it was made of
    transform    VARCHAR NOT NULL,       -- name@version of the transform
    CONSTRAINT unknown_has_reason CHECK (value IS NOT NULL OR reason IS NOT NULL)
);

CREATE TABLE fact_price (
    base_id     VARCHAR NOT NULL,        -- token or asset
    quote       VARCHAR NOT NULL,        -- USD, ETH, SOL
    venue       VARCHAR NOT NULL,        -- chainlink, curve, ...
    ts          TIMESTAMP NOT NULL,      -- valid time of the reading
    ref_ts      TIMESTAMP,               -- when the venue last updated the price
    price       DOUBLE,
    price_exact DECIMAL(38,18),
    size_base   DOUBLE,                  -- size the price is good for; NULL: not size bound
    height      UBIGINT,
    quality     VARCHAR NOT NULL,
    reason      VARCHAR,
    basis       VARCHAR NOT NULL,
    known_at    TIMESTAMP NOT NULL,
    run_id      VARCHAR NOT NULL,
    obs_ids     BIGINT[],
    transform   VARCHAR NOT NULL,
    CONSTRAINT unknown_has_reason CHECK (price IS NOT NULL OR reason IS NOT NULL)
);

CREATE TABLE fact_exit_quote (
    token_id    VARCHAR NOT NULL,
    ts          TIMESTAMP NOT NULL,
    route       VARCHAR NOT NULL,        -- instant | queue | stake | delayed | dex
    size_native DOUBLE NOT NULL,         -- redemption value of what is sold
    out_native  DOUBLE,                  -- NULL: this route cannot take the size, see reason
    wait_days   DOUBLE,                  -- NULL: unknown
    height      UBIGINT,
    quality     VARCHAR NOT NULL,
    reason      VARCHAR,
    basis       VARCHAR NOT NULL,
    known_at    TIMESTAMP NOT NULL,
    run_id      VARCHAR NOT NULL,
    obs_ids     BIGINT[],
    transform   VARCHAR NOT NULL
);

CREATE TABLE fact_operator_stake (
    protocol_id  VARCHAR NOT NULL,
    operator_id  VARCHAR NOT NULL,
    ts           TIMESTAMP NOT NULL,
    stake_native DOUBLE,
    validators   BIGINT,
    known_at     TIMESTAMP NOT NULL,
    run_id       VARCHAR NOT NULL
);

CREATE TABLE fact_event (
    protocol_id   VARCHAR NOT NULL,
    chain_id      VARCHAR NOT NULL,
    ts            TIMESTAMP NOT NULL,
    height        UBIGINT,
    event_type    VARCHAR NOT NULL,      -- pause | unpause | upgrade | fee_change | slashing | bunker_on | bunker_off | sunset | incident
    severity      VARCHAR NOT NULL,      -- info | warning | critical
    amount_native DOUBLE,
    details       VARCHAR,               -- JSON
    tx_ref        VARCHAR,
    source        VARCHAR NOT NULL,
    known_at      TIMESTAMP NOT NULL,
    run_id        VARCHAR NOT NULL
);

-- rejected rows, kept until released or dismissed, and after that with the verdict
CREATE SEQUENCE seq_quarantine;
CREATE TABLE quarantine (
    quarantine_id BIGINT NOT NULL DEFAULT nextval('seq_quarantine'),
    run_id        VARCHAR NOT NULL,
    job           VARCHAR NOT NULL,
    plugin        VARCHAR NOT NULL,
    chain_id      VARCHAR NOT NULL,
    tick          TIMESTAMP NOT NULL,
    obs_id        BIGINT,                -- the raw observation, when there is one
    token_id      VARCHAR,
    metric_id     VARCHAR,
    ts            TIMESTAMP,
    value_text    VARCHAR,
    divisor_text  VARCHAR,
    decimals      UTINYINT,
    check_name    VARCHAR NOT NULL,      -- which check refused it
    reason        VARCHAR NOT NULL,      -- in words, with the numbers
    state         VARCHAR NOT NULL DEFAULT 'held', -- held | released | dismissed
    verdict       VARCHAR,               -- the person's reason
    decided_at    TIMESTAMP,
    created_at    TIMESTAMP NOT NULL
);

-- +goose Down
SELECT error('the warehouse has no way back below schema 1');
