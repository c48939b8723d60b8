package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// FinalAnchors gives the finalised anchors that tasks with rows have agreed on for
// ticks of a chain, whatever their job and plugin. Ticks without one are missing.
// Where tasks differ the one that ended first counts.
func (s *Store) FinalAnchors(ctx context.Context, chain sdk.ChainID, ticks []time.Time) (map[time.Time]sdk.Anchor, error) {
	found := map[time.Time]sdk.Anchor{}
	if len(ticks) == 0 {
		return found, nil
	}
	list := make([]string, len(ticks))
	for i, t := range ticks {
		list[i] = literal(t)
	}
	rows, err := s.DB().QueryContext(ctx, `
		SELECT tick, anchor_height, coalesce(anchor_hash, ''), anchor_ts FROM ingest_task
		WHERE chain_id = ? AND finality = 'finalized' AND state IN ('have', 'partial') AND anchor_height IS NOT NULL
		  AND tick IN (`+strings.Join(list, ", ")+`)
		QUALIFY row_number() OVER (PARTITION BY tick ORDER BY ended_at, job, plugin) = 1`, string(chain))
	if err != nil {
		return nil, fmt.Errorf("read the anchors of chain %s: %w", chain, err)
	}
	defer rows.Close()
	for rows.Next() {
		a := sdk.Anchor{Chain: chain, Finality: sdk.Finalized}
		if err := rows.Scan(&a.Tick, &a.Height, &a.Hash, &a.Time); err != nil {
			return nil, fmt.Errorf("read the anchors of chain %s: %w", chain, err)
		}
		a.Tick, a.Time = a.Tick.UTC(), a.Time.UTC()
		found[a.Tick] = a
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the anchors of chain %s: %w", chain, err)
	}
	return found, nil
}

// ReopenTasks makes tasks that a run has taken and not finished due again. Those
// that have come to an end, or that another run has taken, stay as they are.
func (s *Store) ReopenTasks(ctx context.Context, keys []TaskKey, runID, why string) error {
	if len(keys) == 0 {
		return nil
	}
	return s.write(ctx, "reopen tasks", func(ctx context.Context, conn *sql.Conn) error {
		if err := s.stageKeys(ctx, conn, keys); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx,
			`UPDATE ingest_task SET state = 'due', next_try = NULL, error_class = 'transient', error = ?
			 FROM stage_key k
			 WHERE ingest_task.job = k.job AND ingest_task.plugin = k.plugin AND ingest_task.chain_id = k.chain_id
			   AND ingest_task.tick = k.tick AND ingest_task.state = 'running' AND ingest_task.run_id = ?`, why, runID)
		if err != nil {
			return err
		}
		return unstage(ctx, conn, "stage_key")
	})
}
