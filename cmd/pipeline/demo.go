package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// demoManifest lists what the recordings of a demo hold.
type demoManifest struct {
	About string `json:"about"`
	Tasks []struct {
		Plugin string        `json:"plugin"`
		Chain  sdk.ChainID   `json:"chain"`
		Tick   time.Time     `json:"tick"`
		Tokens []sdk.TokenID `json:"tokens"`
		Note   string        `json:"note"`
	} `json:"tasks"`
}

func newDemo(a *app) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Fill a demo warehouse from recordings of real values, without a network",
		Long: `demo runs the real plugins, gateway, transforms and store over recordings of
real on-chain values and over published rate history. It needs no network and no
key. The result is an ordinary warehouse: query it with --config config/demo.yaml.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if !cmd.Flags().Changed("config") {
				a.configPath = filepath.Join("config", "demo.yaml")
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			work, err := demoWork(dir)
			if err != nil {
				return err
			}
			e, err := a.openEngine(cmd.Context(), cfg, engineOptions{command: "demo", replay: filepath.Join(dir, "recordings")})
			if err != nil {
				return err
			}
			sum, err := e.runner.Run(cmd.Context(), "demo", e.plugins, work)
			if err = errors.Join(err, e.Close()); err != nil {
				return err
			}
			if !sum.OK() {
				return a.printSummary(sum)
			}
			fmt.Fprintf(a.stderr, "\n%s holds the demo. Ask it:\n  bin/pipeline query --list --config %s\n  bin/pipeline sql --config %s \"from metric_now limit 5\"\n\n", cfg.Database, a.configPath, a.configPath)
			return a.answer(cmd.Context(), cfg, question{name: "league"})
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "demo", "folder with the manifest and the recordings")
	a.rowsFlag(cmd)
	return cmd
}

func demoWork(dir string) ([]ingest.Work, error) {
	path := filepath.Join(dir, "manifest.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withCode(exitUsage, fmt.Errorf("no demo at %s: run this in the project's folder, or name its folder with --dir", dir))
	}
	if err != nil {
		return nil, err
	}
	var m demoManifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var work []ingest.Work
	for _, t := range m.Tasks {
		work = append(work, ingest.Work{
			Series: ingest.Series{Job: "demo", Plugin: t.Plugin, Chain: t.Chain},
			Ticks:  []time.Time{t.Tick.UTC()}, Tokens: t.Tokens,
		})
	}
	return work, nil
}
