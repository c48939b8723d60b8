package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// check is one line of the doctor.
type check struct {
	what  string
	state string // ok | warn | fail
	found string
	todo  string // what to do; empty when it is ok
}

func newDoctor(a *app) *cobra.Command {
	var offline bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, plugins, endpoints, disk and database, and say what to do",
		Long: `doctor tries what the pipeline needs, one line each, and says what to do about
what is wrong. It writes nothing. Exit code 3 says that something fails.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(a.output); err != nil {
				return err
			}
			cfg, err := a.load()
			if err != nil {
				return err // it lists every mistake with what to do
			}
			checks := []check{{what: "configuration", state: "ok", found: fmt.Sprintf("%s: %d chains, %d jobs", cfg.Path, len(cfg.Chains), len(cfg.Jobs))}}
			for _, line := range cfg.LeftOut {
				checks = append(checks, check{"configuration", "warn", line, "set it, or remove the endpoint"})
			}
			plugins := a.checkPlugins(cmd.Context(), cfg, &checks)
			checks = append(checks, checkJobs(cfg, plugins)...)
			if !offline {
				checks = append(checks, checkEndpoints(cmd.Context(), cfg, standstills(cfg, plugins, time.Now()), declaredPaths(plugins))...)
			}
			checks = append(checks, checkDatabase(cmd.Context(), cfg)...)
			checks = append(checks, checkDisk("disk of the database", filepath.Dir(cfg.Database), cfg.Database))
			checks = append(checks, a.checkHoles(cmd.Context(), cfg)...)
			checks = append(checks, checkPublish(cmd.Context(), cfg, time.Now())...)
			checks = append(checks, checkNotify(cfg)...)
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			if err := a.render(checkTable(checks)); err != nil {
				return err
			}
			failed := 0
			for _, c := range checks {
				if c.state == "fail" {
					failed++
				}
			}
			if failed > 0 {
				return withCode(exitIncomplete, fmt.Errorf("%d checks fail; the column todo says what to do", failed))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "leave the endpoints out")
	a.rowsFlag(cmd)
	return cmd
}

func checkTable(checks []check) *query.Result {
	res := &query.Result{Columns: []query.Column{
		{Name: "state", Type: "VARCHAR"}, {Name: "check", Type: "VARCHAR"}, {Name: "found", Type: "VARCHAR"}, {Name: "todo", Type: "VARCHAR"},
	}}
	for _, c := range checks {
		res.Rows = append(res.Rows, []any{c.state, c.what, orNull(c.found), orNull(c.todo)})
	}
	return res
}

// checkPlugins starts every plugin to ask what it is, and stops it.
func (a *app) checkPlugins(ctx context.Context, cfg *config.Config, checks *[]check) []*ingest.Plugin {
	h := host.New(host.Options{Logger: a.logger(config.Log{Level: "error", Format: cfg.Log.Format}), MaxRSS: cfg.Plugins.MaxRSSBytes()})
	plugins, err := ingest.Discover(ctx, h, cfg.Plugins.Dir, nil)
	err = errors.Join(err, h.Close())
	if err != nil {
		*checks = append(*checks, check{"plugins", "fail", err.Error(), "build the plugins (make build), or set plugins.dir"})
	}
	var named []string
	for _, j := range cfg.Jobs {
		named = append(named, j.Plugins...)
	}
	for _, p := range ingest.Expect(plugins, cfg.Plugins.Dir, named) {
		if p.Err != nil {
			*checks = append(*checks, check{"plugin " + p.Binary.Name, "fail", p.Err.Error(), "build it anew (make build) from the same release as pipeline"})
			continue
		}
		*checks = append(*checks, check{what: "plugin " + p.Binary.Name, state: "ok",
			found: fmt.Sprintf("%s, %d tokens, sha256 %.12s", p.Description.Version, len(p.Description.Tokens), p.Binary.SHA256)})
	}
	return plugins
}

// declaredPaths are what plugins read of each API.
func declaredPaths(plugins []*ingest.Plugin) map[sdk.ChainID][]string {
	paths := map[sdk.ChainID][]string{}
	for _, p := range plugins {
		for _, need := range p.Description.Chains {
			paths[need.Chain] = append(paths[need.Chain], need.Paths...)
		}
	}
	return paths
}

// checkJobs looks for plugins whose chains a job cannot give them.
func checkJobs(cfg *config.Config, plugins []*ingest.Plugin) []check {
	var checks []check
	for _, j := range cfg.Jobs {
		var missing []string
		series := 0
		for _, p := range plugins {
			if p.Err != nil || len(j.Plugins) > 0 && !slices.Contains(j.Plugins, p.Binary.Name) || len(j.Plugins) == 0 && !p.ReadsChain() {
				continue
			}
			for _, need := range p.Description.Chains {
				chain, configured := cfg.Chain(string(need.Chain))
				switch {
				case len(j.Chains) > 0 && !slices.Contains(j.Chains, string(need.Chain)):
				case need.Offline || configured && len(chain.Endpoints) > 0:
					series++
				default:
					missing = append(missing, fmt.Sprintf("%s needs %s", p.Binary.Name, need.Chain))
				}
			}
		}
		c := check{what: "job " + j.Name, state: "ok", found: fmt.Sprintf("%d series", series)}
		if j.Schedule == "" {
			c.found += ", on request only"
		} else if ticks, err := j.Ticks(); err == nil {
			c.found += ", next tick " + ticks.Next(time.Now()).Format(time.RFC3339)
		}
		if len(missing) > 0 {
			c.state, c.todo = "warn", "add an endpoint of the chain: "+strings.Join(missing, ", ")
		}
		if series == 0 {
			c.state, c.todo = "fail", "no plugin has anything to read for it: correct its plugins and chains, or add endpoints"
		}
		checks = append(checks, c)
	}
	return checks
}

func checkDatabase(ctx context.Context, cfg *config.Config) []check {
	c := check{what: "database", state: "ok"}
	info, err := os.Stat(cfg.Database)
	if errors.Is(err, fs.ErrNotExist) {
		c.found = cfg.Database + " does not exist yet; the first run makes it"
		return []check{c, checkWritable("folder of the database", filepath.Dir(cfg.Database))}
	}
	if err != nil {
		c.state, c.found, c.todo = "fail", err.Error(), "give this user access to the file"
		return []check{c}
	}
	checks := []check{checkWritable("folder of the database", filepath.Dir(cfg.Database))}
	db, err := store.OpenReadOnly(ctx, cfg.Database)
	switch {
	case errors.Is(err, store.ErrHeld):
		// The daemon is supposed to have it.
		c.state, c.found = "ok", err.Error()
	case err != nil:
		c.state, c.found, c.todo = "fail", err.Error(), "use a pipeline of the file's version, or restore the newest copy of publish.dir"
	default:
		version, err := db.SchemaVersion(ctx)
		if err = errors.Join(err, db.Close()); err != nil {
			c.state, c.found, c.todo = "fail", err.Error(), "restore the newest copy of publish.dir"
		} else {
			c.found = fmt.Sprintf("%s: schema %d, DuckDB %s, %d MB, not held", cfg.Database, version, store.DuckDBVersion(), info.Size()/1_000_000)
		}
	}
	return append([]check{c}, checks...)
}

// checkWritable looks whether files can be made in a folder, or in the nearest one
// above it that there is. It asks the system and makes none.
func checkWritable(what, dir string) check {
	there := existing(dir)
	if err := syscall.Access(there, 2|1); err != nil { // W_OK | X_OK
		return check{what, "fail", fmt.Sprintf("%s: %v", there, err), "give this user the right to write there"}
	}
	return check{what: what, state: "ok", found: there + " can be written"}
}

func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// checkDisk wants room for the database to double, as a copy or a checkpoint may
// need, and at least 1 GB.
func checkDisk(what, dir, file string) check {
	var st syscall.Statfs_t
	dir = existing(dir)
	if err := syscall.Statfs(dir, &st); err != nil {
		return check{what, "warn", err.Error(), "look at the free space yourself"}
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	need := int64(1_000_000_000)
	if info, err := os.Stat(file); err == nil {
		need = max(need, 2*info.Size())
	}
	c := check{what: what, state: "ok", found: fmt.Sprintf("%d MB free at %s", free/1_000_000, dir)}
	switch {
	case free < need/10:
		c.state, c.todo = "fail", fmt.Sprintf("make room: %d MB should be free", need/1_000_000)
	case free < need:
		c.state, c.todo = "warn", fmt.Sprintf("make room soon: %d MB should be free", need/1_000_000)
	}
	return c
}
