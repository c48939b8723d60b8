-- +goose Up
-- How far each month of fact_metric is from its best order. Facts arrive by time,
-- one tick after the other; a question wants one metric over months. The store
-- rewrites a month by metric, token and time once enough has arrived. A row counts
-- what the same transaction appended, so the two cannot disagree.
CREATE TABLE fact_order (
    month    TIMESTAMP PRIMARY KEY,      -- first moment of the month, of ts
    rows     BIGINT NOT NULL,            -- facts of the month, all versions
    unsorted BIGINT NOT NULL             -- those appended since it was last rewritten
);
INSERT INTO fact_order SELECT date_trunc('month', ts), count(*), count(*) FROM fact_metric GROUP BY 1 ORDER BY 1;

-- +goose Down
SELECT error('the warehouse has no way back below schema 5');
