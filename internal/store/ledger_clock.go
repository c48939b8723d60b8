package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// DropAhead takes the tasks of a series out of the ledger that a clock which ran
// ahead has put there: their ticks, or their ends, are after now, and nothing that is
// written about them holds. It returns how many there were.
//
// Facts stay where they are, and so does a task that was read at a point of the chain
// close to its tick, with all before it: then it is now that is wrong.
func (s *Store) DropAhead(ctx context.Context, job, plugin string, chain sdk.ChainID, now time.Time) (dropped int64, err error) {
	const series = `job = ? AND plugin = ? AND chain_id = ?`
	err = s.write(ctx, "take ticks of the future out of the ledger", func(ctx context.Context, conn *sql.Conn) (err error) {
		dropped, err = affected(conn.ExecContext(ctx,
			`DELETE FROM ingest_task WHERE `+series+` AND greatest(tick, ended_at) > ?::TIMESTAMP AND tick > coalesce(
			    (SELECT max(tick) FROM ingest_task WHERE `+series+` AND anchor_ts >= tick - INTERVAL 1 HOUR), '-infinity'::TIMESTAMP)`,
			job, plugin, string(chain), utc(now), job, plugin, string(chain)))
		return err
	})
	return dropped, err
}
