package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/config"
)

func parse(t *testing.T, name, text string) *config.Config {
	t.Helper()
	c, err := config.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheDefaultConfigurationWorksWithoutAnyKey(t *testing.T) {
	t.Setenv("LST_ETHEREUM_URL", "")
	t.Setenv("LST_SOLANA_URL", "")
	c, err := config.Parse("/srv/lst/config/pipeline.yaml", config.Default)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ethereum", "solana"} {
		chain, ok := c.Chain(name)
		if !ok || len(chain.Endpoints) == 0 {
			t.Errorf("chain %s has no endpoint without a key", name)
		}
	}
	want := []string{
		"endpoint own of chain ethereum is left out: environment variable LST_ETHEREUM_URL is not set",
		"endpoint own-solana of chain solana is left out: environment variable LST_SOLANA_URL is not set",
	}
	if diff := cmp.Diff(want, c.LeftOut); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if c.Database != "/srv/lst/data/warehouse.duckdb" || c.Publish.Dir != "/srv/lst/data/published" {
		t.Errorf("paths start from the wrong folder: %s, %s", c.Database, c.Publish.Dir)
	}
	for _, job := range c.Jobs {
		ticks, err := job.Ticks()
		if err != nil || ticks.Next(time.Now()).IsZero() {
			t.Errorf("job %s never runs: %v", job.Name, err)
		}
	}
}

// What is offered in comments works once the comments are taken away.
func TestTheChainsAndJobsInCommentsAreSound(t *testing.T) {
	t.Setenv("LST_BEACON_URL", "https://beacon.example.org")
	var text strings.Builder
	offered := false
	for line := range strings.Lines(string(config.Default)) {
		bare, commented := strings.CutPrefix(line, "  # ")
		offered = commented && (offered || strings.HasPrefix(bare, "- name: "))
		if offered {
			line = "  " + bare
		}
		text.WriteString(line)
	}
	c := parse(t, "pipeline.yaml", text.String())
	for _, name := range []string{"ethereum-beacon", "lido-api", "marinade-api"} {
		if chain, ok := c.Chain(name); !ok || len(chain.Endpoints) != 1 {
			t.Errorf("chain %s is %+v", name, chain)
		}
	}
	if job, ok := c.Job("claims"); !ok || job.Required || len(job.Plugins) != 1 {
		t.Errorf("job claims is %+v", job)
	}
}

func TestTheDefaultConfigurationPrefersTheOwnNode(t *testing.T) {
	t.Setenv("LST_ETHEREUM_URL", "https://node.example.org/secret")
	c, err := config.Parse("pipeline.yaml", config.Default)
	if err != nil {
		t.Fatal(err)
	}
	chain, _ := c.Chain("ethereum")
	first := chain.Endpoints[0]
	if first.Alias != "own" || first.URL.Reveal() != "https://node.example.org/secret" || !first.Archive {
		t.Errorf("the first endpoint is %+v", first)
	}
}

func TestTheDemoNeedsNoEndpoint(t *testing.T) {
	t.Parallel()
	c := parse(t, "/srv/lst/config/demo.yaml", string(config.Demo))
	if c.Database != "/srv/lst/data/demo.duckdb" {
		t.Errorf("database is %s", c.Database)
	}
	for _, chain := range c.Chains {
		if len(chain.Endpoints) != 0 {
			t.Errorf("chain %s has endpoints", chain.Name)
		}
	}
	asOf, ok := c.Query.Moment()
	if want := time.Date(2023, 11, 30, 18, 0, 0, 0, time.UTC); !ok || !asOf.Equal(want) {
		t.Errorf("as of %v (%v), want %v", asOf, ok, want)
	}
	for _, job := range c.Jobs {
		if ticks, err := job.Ticks(); err != nil || !ticks.Next(asOf).IsZero() {
			t.Errorf("job %s runs by the clock: %v", job.Name, err)
		}
	}
}

const smallest = `
chains:
  - { name: ethereum, kind: evm, native_asset: ETH }
jobs:
  - { name: state, schedule: "@hourly", plugins: [lido] }
`

func TestDefaultsAreFilledIn(t *testing.T) {
	t.Parallel()
	c := parse(t, "/srv/lst/own.yaml", smallest+`
  - { name: other, schedule: "@daily", plugins: [lido], attempts: 2 }
job_defaults: { attempts: 9, timezone: Europe/Berlin, required: false }
publish:
`)
	want := config.Job{
		Name: "state", Schedule: "@hourly", Timezone: "Europe/Berlin",
		Jitter:  config.Duration{Duration: 30 * time.Second},
		CatchUp: "all", CatchUpMax: 1000, Plugins: []string{"lido"}, Chains: []string{}, Tokens: []string{},
		Options: map[string]map[string]string{},
		Timeout: config.Duration{Duration: 5 * time.Minute}, Attempts: 9,
	}
	if diff := cmp.Diff(want, c.Jobs[0]); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	if got := c.Jobs[1].Attempts; got != 2 {
		t.Errorf("a job's own attempts became %d", got)
	}
	if c.Publish.Dir != "" || c.Publish.Keep != 3 || c.Publish.Every.Duration != 10*time.Minute {
		t.Errorf("publish is %+v", c.Publish)
	}
	if c.Chains[0].Title != "ethereum" || c.Chains[0].Verify != 1 {
		t.Errorf("chain is %+v", c.Chains[0])
	}
	if filepath.Base(c.Plugins.Dir) != "plugins" || !filepath.IsAbs(c.Plugins.Dir) {
		t.Errorf("plugins are looked for in %s", c.Plugins.Dir)
	}
	if offset := c.Jobs[0].Offset(); offset < 0 || offset >= 30*time.Second {
		t.Errorf("offset is %v", offset)
	}
}

func TestPathsStartFromTheProject(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ file, database, want string }{
		"beside a folder config": {"/srv/lst/config/pipeline.yaml", "data/a.duckdb", "/srv/lst/data/a.duckdb"},
		"beside the file":        {"/srv/lst/pipeline.yaml", "data/a.duckdb", "/srv/lst/data/a.duckdb"},
		"a path that climbs":     {"/srv/lst/config/pipeline.yaml", "../a.duckdb", "/srv/a.duckdb"},
		"an absolute path":       {"/srv/lst/config/pipeline.yaml", "/var/a.duckdb", "/var/a.duckdb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := parse(t, tc.file, smallest+"database: "+tc.database+"\n")
			if c.Database != tc.want {
				t.Errorf("database is %s, want %s", c.Database, tc.want)
			}
		})
	}
}

func TestASecretComesFromThreePlaces(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("  https://c.example.org/k3y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LST_TEST_URL", "https://b.example.org/k3y")
	c := parse(t, filepath.Join(dir, "own.yaml"), `
chains:
  - name: ethereum
    kind: evm
    native_asset: ETH
    endpoints:
      - { alias: a, url: "https://a.example.org/k3y", headers: { X-Key: { env: LST_TEST_URL } } }
      - { alias: b, url: { env: LST_TEST_URL } }
      - { alias: c, url: { file: key } }
      - { alias: d, url: { file: missing }, optional: true }
      - { alias: e, url: "https://e.example.org", headers: { X-Key: { env: LST_TEST_UNSET } }, optional: true }
jobs:
  - { name: state, plugins: [lido] }
notify:
  - { name: chat, webhook: "https://hooks.example.org/k3y" }
`)
	var got []string
	for _, e := range c.Chains[0].Endpoints {
		got = append(got, e.Alias+" "+e.URL.Reveal()+" from "+e.URL.Origin())
	}
	want := []string{
		"a https://a.example.org/k3y from the configuration",
		"b https://b.example.org/k3y from environment variable LST_TEST_URL",
		"c https://c.example.org/k3y from file key",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	if got := c.Chains[0].Endpoints[0].Headers["X-Key"].Reveal(); got != "https://b.example.org/k3y" {
		t.Errorf("header is %s", got)
	}
	if len(c.LeftOut) != 2 {
		t.Errorf("left out: %q", c.LeftOut)
	}

	// Whatever is done with the configuration, the secrets do not appear.
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("loaded", "config", c, "url", c.Chains[0].Endpoints[0].URL)
	slog.New(slog.NewTextHandler(&log, nil)).Info("loaded", "config", c, "url", c.Chains[0].Endpoints[0].URL)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	url := c.Chains[0].Endpoints[0].URL
	for how, printed := range map[string]string{
		"%v": fmt.Sprintf("%v", c.Chains), "%+v": fmt.Sprintf("%+v", c.Chains), "%#v": fmt.Sprintf("%#v", c.Chains),
		"%s": fmt.Sprintf("%s", url), "%q": fmt.Sprintf("%q", url), "%x": fmt.Sprintf("%x", url), "%d": fmt.Sprintf("%d", url),
		"%v of its address": fmt.Sprintf("%+v", &url), "%v of notify": fmt.Sprintf("%+v", c.Notify),
		"slog": log.String(), "json": string(asJSON), "yaml": string(asYAML),
	} {
		if strings.Contains(printed, "k3y") || strings.Contains(printed, "6b3379") {
			t.Errorf("printed with %s a secret shows:\n%s", how, printed)
		}
		if !strings.Contains(printed, "***") {
			t.Errorf("printed with %s there are no stars:\n%s", how, printed)
		}
	}
}
