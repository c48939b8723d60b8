-- +goose Up
-- What every named query computed, by version. A figure that was published under a
-- version can be asked again under it, with the views and macros of that time.
CREATE TABLE methodology (
    query        VARCHAR NOT NULL,
    version      INTEGER NOT NULL,
    text         VARCHAR NOT NULL,       -- the query, as last used under this version
    views_sha256 VARCHAR NOT NULL,       -- of the views beside it
    since        TIMESTAMP NOT NULL,     -- first used here
    PRIMARY KEY (query, version)
);
CREATE TABLE methodology_views (
    sha256 VARCHAR PRIMARY KEY,
    text   VARCHAR NOT NULL              -- all files of sql/views, in name order
);

-- +goose Down
SELECT error('the warehouse has no way back below schema 6');
