package e2e

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

const config = `
database: warehouse.duckdb
chains:
  - name: ethereum
    kind: evm
    native_asset: ETH
    network_id: 1
    endpoints: [{ alias: eth, url: %s }]
jobs:
  - { name: state, schedule: "@hourly" }
`

// A folder dropped into plugins/ is built, found, run and stored, and nothing else
// of the repository changes.
func TestAFolderIsAPlugin(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the whole repository; left out by -short")
	}
	repo := copyRepository(t)
	if err := os.CopyFS(filepath.Join(repo, "plugins", "throwaway"), os.DirFS(filepath.Join("testdata", "throwaway"))); err != nil {
		t.Fatal(err)
	}
	command(t, repo, "make", "build")
	changed := strings.Fields(strings.ReplaceAll(command(t, repo, "git", "status", "--porcelain", "-uall"), "?? ", ""))
	if d := cmp.Diff([]string{"plugins/throwaway/fetcher.go", "plugins/throwaway/main.go", "plugins/throwaway/protocol.yaml"}, changed); d != "" {
		t.Errorf("changed files (-want +got):\n%s", d)
	}

	net := chaintest.Start(t)
	token := evm.MustAddress("0x00000000000000000000000000000000000ADd0e")
	e18 := new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil)
	net.Ethereum.Answer(evm.MustMethod("totalAssets() returns (uint256)").At(token), new(big.Int).Mul(big.NewInt(5), e18))
	net.Ethereum.Answer(evm.MustMethod("totalSupply() returns (uint256)").At(token), new(big.Int).Mul(big.NewInt(4), e18))
	site := t.TempDir()
	if err := os.WriteFile(filepath.Join(site, "pipeline.yaml"), fmt.Appendf(nil, config, net.EthereumURL), 0o600); err != nil {
		t.Fatal(err)
	}
	pipeline := func(args ...string) string {
		return command(t, site, filepath.Join(repo, "bin", "pipeline"), append(args, "--config", "pipeline.yaml")...)
	}
	var plugins []struct {
		Plugin, Tokens string
		Error          *string
	}
	if err := json.Unmarshal([]byte(pipeline("plugin", "list", "-o", "json")), &plugins); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, p := range plugins {
		found = found || p.Plugin == "throwaway" && p.Tokens == "throwETH" && p.Error == nil
	}
	if !found || len(plugins) < 2 {
		t.Errorf("the plugins are %v", plugins)
	}
	pipeline("run")
	got := pipeline("sql", "-o", "csv", `select metric_id, value_exact, quality from metric_now where token_id = 'throweth' order by 1`)
	want := `metric_id,value_exact,quality
backing_native,5.000000000000000000,ok
exchange_rate,1.250000000000000000,ok
lst_supply,4.000000000000000000,ok
`
	if d := cmp.Diff(want, withoutDerived(got)); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
	if league := pipeline("query", "league"); !strings.Contains(league, "throwETH") {
		t.Errorf("the league does not know it:\n%s", league)
	}
}

// withoutDerived leaves out what the transforms add to what the plugin read.
func withoutDerived(csv string) string {
	var keep []string
	for _, line := range strings.SplitAfter(csv, "\n") {
		if metric, _, _ := strings.Cut(line, ","); !strings.HasPrefix(metric, "tvl_") && !strings.HasPrefix(metric, "premium") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "")
}

// copyRepository makes a repository of the files as they are now.
func copyRepository(t *testing.T) string {
	t.Helper()
	root := strings.TrimSpace(command(t, ".", "git", "rev-parse", "--show-toplevel"))
	to := filepath.Join(t.TempDir(), "repository")
	for _, name := range strings.Split(strings.TrimRight(command(t, root, "git", "ls-files", "-co", "--exclude-standard", "-z"), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if info.Mode()&os.ModeSymlink != 0 {
			link, err := os.Readlink(filepath.Join(root, name))
			if err == nil {
				err = os.Symlink(link, target)
			}
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(target, data, info.Mode().Perm())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	command(t, to, "git", "init", "-q")
	command(t, to, "git", "add", "-A")
	command(t, to, "git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm", "as it is")
	return to
}

// command runs a program and returns its standard output.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}
