package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/transforms"
)

// backoff is how long a failed task waits before its next try: 1 min, 6 min,
// 36 min, 3 h 36 min, then 6 h.
func backoff(attempts int) time.Duration {
	wait := time.Minute
	for i := 1; i < attempts && wait < 6*time.Hour; i++ {
		wait *= 6
	}
	return min(wait, 6*time.Hour)
}

// givenUp reports whether a task that failed in this way has been tried as often
// as its job wants. What may go away by itself is tried for ever, or an outage
// longer than the tries would leave holes that nothing closes.
func givenUp(limit, attempts int, kind sdk.Kind) bool {
	return limit > 0 && attempts >= limit && kind != sdk.KindTransient
}

// nextTry is when a task whose try has just failed is tried again, or a zero time
// and what to add to the error if that is up to a person.
func (r *Runner) nextTry(w Work, tick time.Time, kind sdk.Kind) (next time.Time, more string) {
	attempts := w.tried[tick] + 1
	if givenUp(w.Attempts, attempts, kind) {
		return time.Time{}, fmt.Sprintf("; tried %d times: a person has to look, then `pipeline run --retry` tries again", attempts)
	}
	return r.now().Add(backoff(attempts)), ""
}

// fail writes one failure for every tick into the ledger.
func (r *Runner) fail(ctx context.Context, runID string, w Work, ticks []time.Time, cause error, record func(Outcome)) error {
	for _, tick := range ticks {
		out, err := r.failTick(ctx, runID, w, tick, cause)
		if err != nil {
			return err
		}
		record(out)
	}
	return nil
}

func (r *Runner) failTick(ctx context.Context, runID string, w Work, tick time.Time, cause error) (Outcome, error) {
	kind := sdk.KindOf(cause)
	state := store.StateFailed
	if kind == sdk.KindUnrecoverable {
		state = store.StateUnrecoverable
	}
	message := cause.Error()
	next, more := r.nextTry(w, tick, kind)
	if state == store.StateFailed {
		message += more
	}
	out := Outcome{Series: w.Series, Tick: tick, State: state, Kind: kind, Message: message}
	var err error
	if kind == sdk.KindDisagreement {
		out.Rejects = 1
		err = r.disagree(ctx, runID, w, tick, message, next)
	} else {
		var wait func(int) time.Duration
		if !next.IsZero() {
			wait = func(int) time.Duration { return next.Sub(r.now()) }
		}
		err = r.Store.FailTask(ctx, taskKey(w.Series, tick), runID, state, kind, message, r.now(), wait)
	}
	if err != nil {
		return out, fmt.Errorf("writing down that %s at %s failed (%w): %w", w.Series, tick.Format(time.RFC3339), cause, err)
	}
	return out, nil
}

// disagree writes down that two endpoints contradicted each other: a failed task,
// and a row in quarantine, where contradictions are looked for.
func (r *Runner) disagree(ctx context.Context, runID string, w Work, tick time.Time, message string, next time.Time) error {
	now := r.now()
	_, err := r.Store.Commit(ctx, store.TaskResult{
		Task: store.Task{
			TaskKey: taskKey(w.Series, tick), State: store.StateFailed, RunID: runID, NextTry: next,
			ErrorClass: sdk.KindDisagreement, Error: message, StartedAt: now, EndedAt: now,
		},
		KnownAt: now, Rejects: []transforms.Reject{disagreement("", time.Time{}, message)},
	})
	return err
}

func disagreement(token sdk.TokenID, ts time.Time, reason string) transforms.Reject {
	return transforms.Reject{Obs: -1, Token: token, TS: ts, Check: string(sdk.KindDisagreement), Reason: reason}
}

// contradicted says how the gateway's endpoints disagreed about what a failure is
// about, or "". The failure alone knows the anchor, the gateway the endpoints.
func contradicted(f sdk.Failure, session *gateway.Session) string {
	if f.Kind != sdk.KindDisagreement {
		return ""
	}
	if session != nil {
		if err := session.Err(); errors.Is(err, gateway.ErrDisagreement) {
			return f.Message + " (the gateway says: " + err.Error() + ")"
		}
	}
	return f.Message
}

// worst is the kind of the failures that asks for another try; "" if all of them
// only say that there is nothing to read yet.
func worst(failures []sdk.Failure) sdk.Kind {
	var kind sdk.Kind
	for _, f := range failures {
		switch {
		case f.Kind == sdk.KindNoData:
		case f.Kind == sdk.KindDisagreement: // nothing else is as grave
			return f.Kind
		case kind == "" || f.Kind == sdk.KindTransient:
			kind = f.Kind
		}
	}
	return kind
}

// failure joins failures into one error of the worst kind.
func failure(failures []sdk.Failure, session *gateway.Session) error {
	kind := worst(failures)
	if kind == "" {
		kind = sdk.KindNoData
	}
	var parts []string
	for _, f := range failures {
		msg := f.Message
		if more := contradicted(f, session); more != "" {
			msg = more
		}
		if f.Token != "" {
			msg = string(f.Token) + ": " + msg
		}
		parts = append(parts, msg)
	}
	return sdk.Errorf(kind, "%s", strings.Join(parts, "; "))
}
