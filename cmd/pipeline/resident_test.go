package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/internal/control"
)

// An operator acts while the daemon runs: the daemon does it, and what it prints and
// its exit code are those of the verb.
func TestTheDaemonDoesVerbsForItsUser(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	database := filepath.Join(dir, "data", "warehouse.duckdb")
	refuse(t, database, 2)
	chains := chaintest.Start(t)
	chains.SpoilEthereum(chaintest.Contract(chaintest.RETH), chaintest.RPCError(3, "execution reverted"))
	s := startServe(t, chains, dir, strings.Replace(servedConfig, "[lido, marinade]", "[rocketpool, marinade]", 1))
	for ran := map[any]bool{}; len(ran) < 2; {
		ran[s.await("run ended")["job"]] = true
	}
	verb := func(code int, wants string, args ...string) string {
		t.Helper()
		got, out := s.run(args...)
		if got != code || !strings.Contains(out, wants) {
			t.Errorf("%v: %d, want %d and %q:\n%s", args, got, code, wants, out)
		}
		return out
	}

	// Verdicts, and what they are published with.
	out := verb(exitOK, "row 1 is released", "quarantine", "release", "1", "--reason", "seen on chain")
	if !strings.Contains(out, "pipeline serve (pid ") {
		t.Errorf("it does not say who did it: %s", out)
	}
	if out := verb(exitOK, "row 2 is dismissed", "quarantine", "dismiss", "2", "--reason", "a typo", "-q"); strings.Contains(out, "pid") {
		t.Errorf("-q is not quiet: %s", out)
	}
	verb(exitFailure, "pipeline: dismiss row 1 of the quarantine: not held in quarantine: it was released before", "quarantine", "dismiss", "1", "--reason", "no")
	for {
		s.await("published")
		if out := verb(exitOK, "verdict", "quarantine", "list", "--state", "all", "-o", "csv", "-q"); strings.Contains(out, "seen on chain") && strings.Contains(out, "a typo") {
			break
		}
	}

	// What failed is tried again.
	verb(exitIncomplete, "failed", "run", "--retry", "--job", "state")
	chains.Heal()
	verb(exitOK, "✓ have", "run", "--retry", "--job", "state")
	verb(exitOK, `"ok": true`, "run", "--retry", "-q", "-o", "json")
	verb(exitUsage, `no job "nobody"`, "run", "--retry", "--job", "nobody")
	verb(exitUsage, "--replay needs endpoints of its own", "run", "--retry", "--replay", ".")

	// The past is read.
	past := []string{"backfill", "--from", "2024-03-01", "--to", "2024-05-20", "--every", "1d", "--plugin", "rocketpool", "-o", "csv"}
	verb(exitOK, "state,rocketpool,ethereum,have,81,", past...)
	if out := verb(exitOK, "state,rocketpool,ethereum,81,", append(past, "--dry-run")...); strings.Contains(out, "and does it") || !strings.Contains(out, "reading the copy") {
		t.Errorf("the plan was not made from the copy: %s", out)
	}

	// What the daemon does by itself it does not do for others, and nothing by HTTP.
	verb(exitHeld, "held by pipeline serve", "run")
	resp, err := http.Post("http://"+s.listen+"/verb", "application/json", strings.NewReader(`{"args":["run","--retry"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode < 400 {
		t.Errorf("the listener of the dashboard takes verbs: %s", resp.Status)
	}
	code, message, err := control.Call(t.Context(), database, []string{"sql", "select 1"}, &strings.Builder{}, &strings.Builder{})
	if err != nil || code != exitUsage || !strings.Contains(message, "pipeline sql is nothing the daemon does for others") {
		t.Errorf("another verb over the socket: %d %s %v", code, message, err)
	}

	// A daemon that stops ends what it does for others; the ticks stay due.
	asked := make(chan struct{})
	var once sync.Once
	chains.SpoilEthereum(chaintest.Contract(chaintest.RETH), func(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
		once.Do(func() { close(asked) })
		chaintest.Silent(w, r, body, next)
	})
	ended := make(chan int, 1)
	go func() {
		cmd := s.command("backfill", "--from", "2023-03-01", "--to", "2023-05-20", "--every", "1d", "--plugin", "rocketpool")
		err := cmd.Run()
		if exit := cmd.ProcessState; err != nil && exit == nil {
			t.Error(err)
			ended <- -1
		} else {
			ended <- exit.ExitCode()
		}
	}()
	<-asked
	if code, took := s.stop(); code != exitOK || took > 20*time.Second {
		t.Errorf("it ended with %d after %s\n%s", code, took, s.text())
	}
	if code := <-ended; code != exitInterrupted {
		t.Errorf("the backfill ended with %d", code)
	}
	if _, err := os.Stat(control.Path(database)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	verb(exitOK, "running,0", "sql", "-o", "csv", "select 'running' as state, count(*) as n from ingest_task where state = 'running'")
}
