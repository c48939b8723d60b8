package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
)

func TestTheDaemonReadsPublishesAnswersReloadsAndStops(t *testing.T) {
	t.Parallel()
	s := startServe(t, chaintest.Start(t), shortDir(t), servedConfig)
	// Values in US dollars are derived from prices of the same tick.
	for _, job := range []string{"prices", "state"} {
		if line := s.await("run ended"); line["job"] != job {
			t.Errorf("%v ran, and it was the turn of %s", line["job"], job)
		}
	}
	s.await("published")

	for path, want := range map[string]string{"/": "mSOL", "/healthz": "ok", "/readyz": "ready", "/metrics": `lst_stale{chain="solana",job="state",plugin="marinade",required="yes"} 0`} {
		if code, text := s.get(path); code != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	// Others read the copy while the live file is held, and cannot write.
	both := `select least(1, count(*) filter (plugin = 'lido'), count(*) filter (plugin = 'marinade')) from raw_observation`
	for s.value(both) == "0" { // the copy may be of before the second run
		s.await("published")
	}
	if code, out := s.run("run"); code != exitHeld || !strings.Contains(out, "held by pipeline serve") {
		t.Errorf("run beside the daemon: %d %s", code, out)
	}
	if code, out := s.run("query", "league"); code != exitOK || !strings.Contains(out, "mSOL") ||
		!strings.Contains(out, "reading the copy ") || !strings.Contains(out, fmt.Sprintf(" ago: pipeline serve (pid %d) holds ", s.cmd.Process.Pid)) {
		t.Errorf("query beside the daemon: %d %s", code, out)
	}
	if code, out := s.run("doctor"); code != exitOK || !strings.Contains(out, "held by pipeline serve") {
		t.Errorf("doctor beside the daemon: %d %s", code, out)
	}

	// A wrong configuration is refused, one whose address changes as well.
	good, err := os.ReadFile(filepath.Join(s.dir, "pipeline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"jobs: 7", strings.Replace(string(good), "127.0.0.1:0", "127.0.0.1:1", 1)} {
		s.write(bad)
		s.hangup()
		s.await("the configuration was not reloaded; the old one stays in use")
	}
	if _, text := s.get("/metrics"); !strings.Contains(text, "\nlst_config_last_reload_successful 0") {
		t.Error("the refused reload is not in the metrics")
	}
	// A right one replaces the jobs.
	s.write(strings.Replace(string(good), "name: prices", "name: quotes", 1))
	s.hangup()
	s.await("configuration reloaded; tasks of the old one may finish")
	if line := s.await("run ended"); line["job"] != "quotes" {
		t.Errorf("after the reload %v ran", line)
	}

	code, took := s.stop()
	if code != exitOK || took > 20*time.Second {
		t.Errorf("it ended with %d after %s\n%s", code, took, s.text())
	}
	if strings.Contains(s.text(), chaintest.Secret) {
		t.Error("the log holds the key of an endpoint")
	}
	if left, _ := filepath.Glob(filepath.Join(s.temp(), "lst-pipeline-*", "h*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// The warehouse is free again and has everything.
	if code, out := s.run("status"); code != exitOK || !strings.Contains(out, "quotes") {
		t.Errorf("status: %d %s", code, out)
	}
}

func TestTheDaemonStopsWithinItsGraceWhileAChainIsSilent(t *testing.T) {
	t.Parallel()
	chains := chaintest.Start(t)
	chains.SpoilEthereum("", chaintest.Silent)
	chains.SpoilSolana("", chaintest.Silent)
	asked := make(chan struct{})
	chains.OnRequest(1, func() { close(asked) })
	s := startServe(t, chains, shortDir(t), strings.Replace(servedConfig, "grace: 5s", "grace: 1s", 1))
	<-asked
	if code, text := s.get("/readyz"); code != 503 || !strings.Contains(text, "job state") {
		t.Errorf("/readyz: %d %s", code, text)
	}
	code, took := s.stop()
	if code != exitOK || took > 16*time.Second {
		t.Errorf("it ended with %d after %s\n%s", code, took, s.text())
	}
	chains.Heal()
	// What it had in hand is due again.
	if code, out := s.run("run"); code != exitOK || !strings.Contains(out, "✓ have") {
		t.Errorf("the next run: %d %s", code, out)
	}
}

func TestServeRefusesWhatAPersonMustChange(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s := &served{t: t, dir: shortDir(t)}
	plugins, err := pluginDir()
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer("PLUGINS", plugins, "{ env: ETHEREUM_URL }", "http://127.0.0.1:1/", "{ env: SOLANA_URL }", "http://127.0.0.1:1/").Replace(servedConfig)
	s.write(strings.Replace(config, "127.0.0.1:0", ln.Addr().String(), 1))
	if code, out := s.run("serve"); code != exitFailure || !strings.Contains(out, "set serve.listen") {
		t.Errorf("a port that is taken: %d %s", code, out)
	}
	s.write(strings.ReplaceAll(config, `schedule: "@hourly", `, ""))
	if code, out := s.run("serve"); code != exitUsage || !strings.Contains(out, "no job of pipeline.yaml has a schedule") {
		t.Errorf("no schedule: %d %s", code, out)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data")); err == nil {
		t.Error("a refused start made a warehouse")
	}
}

func TestTheDoctorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	chains := chaintest.Start(t)
	s := &served{t: t, dir: shortDir(t)}
	plugins, err := pluginDir()
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer("PLUGINS", plugins, "{ env: ETHEREUM_URL }", chains.EthereumURL, "{ env: SOLANA_URL }", chains.SolanaURL).Replace(servedConfig)
	s.write(config)
	code, out := s.run("doctor")
	if code != exitOK || !strings.Contains(out, "its chain is right") || !strings.Contains(out, "the first run makes it") || strings.Contains(out, "fail") {
		t.Errorf("a sound site: %d\n%s", code, out)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data")); err == nil {
		t.Error("the doctor wrote something")
	}
	chains.SpoilEthereum("eth_chainId", chaintest.Result("eth_chainId", "0x89"))
	s.write(strings.Replace(config, "plugins: [lido, marinade]", "plugins: [lido, marinade, nobody]", 1))
	code, out = s.run("doctor", "-o", "json")
	var rows []struct{ State, Check, Found, Todo string }
	if err := json.Unmarshal([]byte(out[:strings.LastIndex(out, "]")+1]), &rows); err != nil || code != exitIncomplete {
		t.Fatalf("%d %v\n%s", code, err, out)
	}
	wrong := map[string]string{}
	for _, r := range rows {
		if r.State == "fail" {
			wrong[r.Check] = r.Todo
		}
	}
	if len(wrong) != 2 || !strings.Contains(wrong["endpoint eth (ethereum)"], "another chain") || !strings.Contains(wrong["plugin nobody"], "make build") {
		t.Errorf("wrong: %v\n%s", wrong, out)
	}
	if strings.Contains(out, chaintest.Secret) {
		t.Error("the doctor shows the key of an endpoint")
	}
	if code, out := s.run("doctor", "--offline"); code != exitIncomplete || strings.Contains(out, "endpoint eth") {
		t.Errorf("--offline: %d %s", code, out)
	}
}
