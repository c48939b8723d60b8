package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

func newQuarantine(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "See what the checks refused or hold, and decide about it",
		Long: `What cannot be (check bounds, number, time, ...) is refused. What may be but does
not agree with the rest (check identity), with the last value and the usual updates
(jump), or with what can only rise (monotony) is held: its fact is suspect and no
answer uses it. Both wait here with the reason until a person decides.

release makes the observation count. Later rows that were held because they agree
with it are released as well, and what comes next is compared with it. dismiss
leaves it out. Verdict and reason stay for ever, also when the block is read again.
Both work while the daemon holds the warehouse.`,
	}
	cmd.AddCommand(quarantineList(a), quarantineShow(a),
		quarantineVerdict(a, "release", "Let observations count, with your reason",
			func(ctx context.Context, s *store.Store, v store.Verdict) (string, []int64, error) {
				others, err := s.Release(ctx, v)
				said := fmt.Sprintf("row %d is released and counts from now on, with your reason", v.ID)
				if n := len(others); n > 0 {
					said += fmt.Sprintf("; so do %d later rows that agree with it, %d to %d", n, others[0], others[n-1])
				}
				return said, others, err
			}),
		quarantineVerdict(a, "dismiss", "Confirm that rows were refused rightly",
			func(ctx context.Context, s *store.Store, v store.Verdict) (string, []int64, error) {
				return fmt.Sprintf("row %d is dismissed and stays with your reason", v.ID), nil, s.Dismiss(ctx, v)
			}))
	return cmd
}

func quarantineList(a *app) *cobra.Command {
	var state, plugin, token string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the rows, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			where, args := []string{"true"}, []any{}
			for _, f := range []struct{ column, value string }{{"state", state}, {"plugin", plugin}, {"token_id", token}} {
				if f.value != "" && (f.column != "state" || f.value != "all") {
					where = append(where, f.column+" = ?")
					args = append(args, f.value)
				}
			}
			switch state {
			case store.QuarantineHeld, store.QuarantineReleased, store.QuarantineDismissed, "all":
			default:
				return withCode(exitUsage, fmt.Errorf("--state %q is none of held, released, dismissed, all", state))
			}
			res, err := a.quarantined(cmd.Context(), `SELECT quarantine_id AS id, state, plugin, chain_id AS chain, tick, token_id AS token, metric_id AS metric,
				check_name AS "check", reason, verdict FROM quarantine WHERE `+strings.Join(where, " AND ")+` ORDER BY created_at DESC, id DESC`, args...)
			if err != nil {
				return err
			}
			return a.render(res)
		},
	}
	cmd.Flags().StringVar(&state, "state", "held", "held, released, dismissed or all")
	cmd.Flags().StringVar(&plugin, "plugin", "", "only of this plugin")
	cmd.Flags().StringVar(&token, "token", "", "only of this token")
	a.rowsFlag(cmd)
	return cmd
}

func quarantineShow(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a row with the observation it holds",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := rowID(args[0])
			if err != nil {
				return err
			}
			res, err := a.quarantined(cmd.Context(), `SELECT q.*, o.labels::VARCHAR AS labels, o.method, o.target, o.field, o.height, o.block_hash, o.block_ts,
				o.ref_ts, o.endpoint, o.payload_sha256, o.plugin_version, o.plugin_sha256, o.basis
				FROM quarantine q LEFT JOIN raw_observation o USING (obs_id) WHERE quarantine_id = ?`, id)
			if err != nil {
				return err
			}
			if len(res.Rows) == 0 {
				return fmt.Errorf("no row %d in quarantine; `pipeline quarantine list --state all` shows them", id)
			}
			if a.output == "table" || a.output == "markdown" { // one row is read better downwards
				res = downwards(res)
			}
			return a.render(res)
		},
	}
	a.rowsFlag(cmd)
	return cmd
}

// quarantineVerdict decides about rows; decide says what it did, and which other
// rows it decided with the one.
func quarantineVerdict(a *app, verb, short string,
	decide func(context.Context, *store.Store, store.Verdict) (said string, others []int64, err error),
) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   verb + " ID... --reason TEXT",
		Short: short,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ids := make([]int64, len(args))
			for i, arg := range args {
				if ids[i], err = rowID(arg); err != nil {
					return err
				}
			}
			if strings.TrimSpace(reason) == "" {
				return withCode(exitUsage, errors.New("--reason is required: it is kept for ever"))
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			var s *store.Store
			if a.inside != nil {
				s = a.inside.engine.store
			} else {
				if s, err = store.Open(cmd.Context(), cfg.Database, store.Options{Command: "pipeline quarantine"}); err != nil {
					return err
				}
				defer closeInto(&err, s)
			}
			var done []int64
			for _, id := range ids { // each by itself: one that cannot be decided does not hinder the others
				if slices.Contains(done, id) {
					continue
				}
				said, others, failed := decide(cmd.Context(), s, store.Verdict{ID: id, Reason: reason, At: time.Now().UTC(), Version: buildVersion()})
				if failed == nil {
					_, failed = fmt.Fprintln(a.stdout, said)
				}
				done = append(done, others...)
				err = errors.Join(err, failed)
			}
			return errors.Join(err, a.publish(cmd.Context(), cfg, s, ""))
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, in words (required)")
	return cmd
}

// quarantined reads rows of the quarantine.
func (a *app) quarantined(ctx context.Context, text string, args ...any) (_ *query.Result, err error) {
	if err := checkFormat(a.output); err != nil {
		return nil, err
	}
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	db, err := a.openReader(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer closeInto(&err, db)
	rows, err := db.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer closeInto(&err, rows)
	res := &query.Result{Columns: rows.Columns()}
	for rows.Next() {
		res.Rows = append(res.Rows, append([]any(nil), rows.Values()...))
	}
	return res, rows.Err()
}

// downwards turns the one row of a result into a row for each of its columns.
func downwards(res *query.Result) *query.Result {
	out := &query.Result{Columns: []query.Column{{Name: "field", Type: "VARCHAR"}, {Name: "value", Type: "VARCHAR"}}}
	for i, c := range res.Columns {
		v := res.Rows[0][i]
		if t, ok := v.(time.Time); ok {
			v = t.UTC().Format(time.RFC3339Nano)
		}
		out.Rows = append(out.Rows, []any{c.Name, v})
	}
	return out
}

func rowID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, withCode(exitUsage, fmt.Errorf("%q is no number of a row; `pipeline quarantine list` shows them", text))
	}
	return id, nil
}
