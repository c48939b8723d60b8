package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// MarkRunning has a run take tasks, and returns those it got, by tick: another live run
// has the rest in hand. Tasks the ledger does not have yet are written.
func (s *Store) MarkRunning(ctx context.Context, keys []TaskKey, runID string, now time.Time) (taken []TaskKey, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = s.write(ctx, "mark tasks running", func(ctx context.Context, conn *sql.Conn) error {
		if err := s.stageKeys(ctx, conn, keys); err != nil {
			return err
		}
		others := "''"
		s.live.Range(func(id, _ any) bool {
			if id != runID {
				others += fmt.Sprintf(", '%s'", id) // made by StartRun
			}
			return true
		})
		if _, err := conn.ExecContext(ctx,
			`INSERT INTO ingest_task (job, plugin, chain_id, tick, state, run_id, started_at)
			 SELECT DISTINCT job, plugin, chain_id, tick, 'running', ?, ?::TIMESTAMP FROM stage_key
			 ON CONFLICT DO UPDATE SET state = excluded.state, run_id = excluded.run_id,
			    started_at = excluded.started_at, ended_at = NULL
			    WHERE NOT (ingest_task.state = 'running' AND coalesce(ingest_task.run_id, '') IN (`+others+`))`,
			runID, utc(now)); err != nil {
			return err
		}
		if taken, err = takenBy(ctx, conn, runID); err != nil {
			return err
		}
		return unstage(ctx, conn, "stage_key")
	})
	return taken, err
}

// takenBy are the staged tasks that a run has in hand, by tick.
func takenBy(ctx context.Context, conn *sql.Conn, runID string) (taken []TaskKey, err error) {
	rows, err := conn.QueryContext(ctx,
		`SELECT DISTINCT job, plugin, chain_id, tick FROM ingest_task SEMI JOIN stage_key USING (job, plugin, chain_id, tick)
		 WHERE state = 'running' AND run_id = ? ORDER BY tick`, runID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var k TaskKey
		var chain string
		if err := rows.Scan(&k.Job, &k.Plugin, &chain, &k.Tick); err != nil {
			return nil, err
		}
		k.Chain, k.Tick = sdk.ChainID(chain), k.Tick.UTC()
		taken = append(taken, k)
	}
	return taken, rows.Err()
}
