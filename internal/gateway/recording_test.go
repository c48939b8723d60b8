package gateway_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// questions are what the recorded plugin asks; the replay must answer the same.
var questions = []string{
	`{"id":1,"method":"eth_call","params":[{"to":"0xAe7AB96520DE3A18E5e111B5EaAb095312D7fE84","data":"0x37cfdaca"},"0x11F0F6B"]}`,
	`[{"id":"b","method":"eth_getBalance","params":["0xab","0x11f0f6b"]},{"id":"c","method":"eth_blockNumber"}]`,
	`{"id":3,"method":"eth_call","params":[{"to":"0x01","data":"0xdead"},"0x11f0f6b"]}`,
	`{"id":4,"method":"eth_getBlockByNumber","params":["0x11f0f6b",false]}`,
}

func answers(c rpc) string {
	switch {
	case strings.Contains(string(c.Params), "0xdead"):
		return `"error":{"code":3,"message":"execution reverted: <paused>","data":"0x08c379a0"}`
	case c.Method == "eth_getBlockByNumber":
		return `"result":{"number":"0x11f0f6b","hash":"0xaa","timestamp":"0x657c4280","uncles":[],"big":18446744073709552000,"ratio":1.50,"html":"<&>","null":null}`
	case c.Method == "eth_blockNumber":
		return `"result":"0x11f0fff"`
	}
	return `"result":"0x00000000000000000000000000000000000000000000000ff4d0c2a2b0e6dc1d"`
}

func TestARecordingReplaysByteForByte(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := &node{answer: answers}
	live := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n}), Record: dir})
	s := open(t, live, "ethereum", "lido", tick.In(time.FixedZone("elsewhere", 3600)))
	var want []string
	for _, q := range questions {
		want = append(want, post(live, s, q).Body.String())
	}
	s.Close()

	file := filepath.Join(dir, "ethereum", "2023-12-15T12-00-00Z", "lido.json")
	golden(t, file, "testdata/lido.json")

	replay := start(t, gateway.Options{Chains: []gateway.Chain{{ID: "ethereum", Kind: gateway.EVM}}, Replay: dir})
	r := open(t, replay, "ethereum", "lido", tick)
	for i, q := range questions {
		// other ids, other spelling of the same hex: not part of the request's key
		if diff := cmp.Diff(want[i], post(replay, r, strings.ReplaceAll(q, "0x11f0f6b", "0x11F0F6B")).Body.String()); diff != "" {
			t.Errorf("question %d (-live +replay):\n%s", i, diff)
		}
	}
	if st := r.Stats(); st.Requests != 0 || !cmp.Equal(st.Aliases, []string{"a"}) {
		t.Errorf("replay stats %+v", st)
	}
	if ticks, err := replay.RecordedTicks("ethereum", "lido"); err != nil || len(ticks) != 1 || !ticks[0].Equal(tick) {
		t.Errorf("recorded ticks %v, %v", ticks, err)
	}
}

// golden compares a file with one kept in the repository.
func golden(t *testing.T, got, want string) {
	t.Helper()
	have, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(want, have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expect, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(expect), string(have)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", want, diff)
	}
}

func TestRecordingAgainMergesAndKeepsTheHeader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "ethereum", "2023-12-15T12-00-00Z", "lido.json")
	write(t, file, `{"quality":"estimated","note":"the time is from the epoch","exchanges":[
		{"method":"eth_getCode","params":["0x02","0x1"],"result":"0xold","endpoint":"old"},
		{"method":"eth_getCode","params":["0x01","0x1"],"result":"0xkept","endpoint":"old"}]}`)
	n := &node{answer: always(`"result":"0xnew"`)}
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n}), Record: dir})
	s := open(t, g, "ethereum", "lido", tick)
	ask(t, g, s, "eth_getCode", `["0x03","0x1"]`)
	ask(t, g, s, "eth_getCode", `["0x02","0x1"]`)
	s.Close()
	got, _ := os.ReadFile(file)
	for _, want := range []string{`"quality": "estimated"`, `"note": "the time is from the epoch"`, `"0xkept"`, `"0xnew"`} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("%s is not in:\n%s", want, got)
		}
	}
	if bytes.Contains(got, []byte("0xold")) || bytes.Index(got, []byte(`"0x01"`)) > bytes.Index(got, []byte(`"0x03"`)) {
		t.Errorf("not replaced or not sorted:\n%s", got)
	}
	if rest, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(rest) != 0 {
		t.Errorf("left behind: %v", rest)
	}
	r := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Replay: dir})
	if q, note := open(t, r, "ethereum", "lido", tick).Note(); q != sdk.QualityEstimated || note != "the time is from the epoch" {
		t.Errorf("Note = %q, %q", q, note)
	}
	if q, note := open(t, r, "ethereum", "rocketpool", tick).Note(); q != "" || note != "" {
		t.Errorf("Note of another plugin = %q, %q", q, note)
	}
}

func TestGatewayErrorsAreNotRecorded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := &node{answer: echo, script: times(9, status(401))}
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": n}), Record: dir})
	s := open(t, g, "ethereum", "lido", tick)
	ask(t, g, s, "eth_getCode", `["0x03","0x1"]`)
	s.Close()
	if files, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*")); len(files) != 0 {
		t.Errorf("recorded %v", files)
	}
}

func TestAnUnwritableRecordingIsReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ethereum"), "a file in the way")
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Transport: pool(map[string]*node{"a": {answer: echo}}), Record: dir})
	s := open(t, g, "ethereum", "lido", tick)
	ask(t, g, s, "eth_getCode", `["0x03","0x1"]`)
	s.Close()
	if s.Err() == nil {
		t.Error("Err = nil")
	}
}

func TestReplayRefusesWhatIsNotRecorded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ethereum", "2023-12-15T12-00-00Z", "lido.json"), `{"quality":"","note":"","exchanges":[
		{"method":"eth_call","params":[{"data":"0x01"},"0x10"],"result":"0x11","endpoint":"a"},
		{"method":"eth_call","params":[{"data":"0x01"},"latest"],"result":"0x22","endpoint":"a"},
		{"method":"eth_getTransactionReceipt","params":["0x0f"],"result":null,"endpoint":"a"}]}`)
	write(t, filepath.Join(dir, "ethereum", "2023-12-16T12-00-00Z", "broken.json"), `{"exchanges":[`)
	refused := func(http.ResponseWriter, *http.Request) { t.Error("a replay used the network") }
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Replay: dir, Transport: wire{"a.example": http.HandlerFunc(refused)}})

	other := tick.Add(24 * time.Hour)
	for name, tt := range map[string]struct {
		plugin         string
		at             time.Time
		method, params string
		result         string
		want           []string
	}{
		"the task's own file answers":              {"lido", tick, "eth_call", `[{"data":"0x01"},"0x10"]`, `"0x11"`, nil},
		"a tag in its own file answers":            {"lido", tick, "eth_call", `[{"data":"0x01"},"latest"]`, `"0x22"`, nil},
		"null is an answer in its own file":        {"lido", tick, "eth_getTransactionReceipt", `["0x0f"]`, `null`, nil},
		"other params are not recorded":            {"lido", tick, "eth_call", `[{"data":"0x02"},"latest"]`, "", []string{`eth_call [{"data":"0x02"},"latest"]`, "ethereum/2023-12-15T12-00-00Z/lido.json", "not in the file"}},
		"another tick has no file":                 {"lido", other, "eth_blockNumber", `[]`, "", []string{"eth_blockNumber []", "ethereum/2023-12-16T12-00-00Z/lido.json", "no such file"}},
		"a broken file is named":                   {"broken", other, "eth_blockNumber", `[]`, "", []string{"read recording", "broken.json"}},
		"a tag is not taken from another file":     {"rocketpool", tick, "eth_call", `[{"data":"0x01"},"latest"]`, "", []string{"not recorded"}},
		"long params are shortened in the message": {"lido", tick, "eth_call", `[{"data":"0x` + strings.Repeat("ab", 500) + `"},"latest"]`, "", []string{"…"}},
	} {
		s := open(t, g, "ethereum", tt.plugin, tt.at)
		r := ask(t, g, s, tt.method, tt.params)
		if tt.result != "" {
			if string(r.Result) != tt.result || s.Err() != nil {
				t.Errorf("%s: reply %s %+v", name, r.Result, r.Error)
			}
			continue
		}
		if r.kind() != sdk.KindConfig || sdk.KindOf(s.Err()) != sdk.KindConfig {
			t.Errorf("%s: reply %s %+v, Err %v", name, r.Result, r.Error, s.Err())
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(r.Error.Message, want) {
				t.Errorf("%s: %q is not in %q", name, want, r.Error.Message)
			}
		}
	}
}

func TestPinnedRequestsAreFoundInOtherFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ethereum", "2023-12-15T12-00-00Z", "lido.json"), `{"quality":"","note":"","exchanges":[
		{"method":"eth_call","params":[{"data":"0x01"},"0x10"],"result":"0x11","endpoint":"a"},
		{"method":"eth_call","params":[{"data":"0x01"},{"blockHash":"0xaa"}],"result":"0x12","endpoint":"a"},
		{"method":"eth_getLogs","params":[{"fromBlock":"0x1","toBlock":"0x2"}],"result":[],"endpoint":"a"},
		{"method":"eth_getLogs","params":[{"fromBlock":"0x1"}],"result":[],"endpoint":"a"},
		{"method":"eth_getTransactionReceipt","params":["0x0f"],"result":null,"endpoint":"a"}]}`)
	g := start(t, gateway.Options{Chains: []gateway.Chain{ethereum("a")}, Replay: dir})
	s := open(t, g, "ethereum", "rocketpool", tick.Add(time.Hour))
	for _, tt := range []struct {
		method, params string
		found          bool
	}{
		{"eth_call", `[{"data":"0x01"},"0x10"]`, true},
		{"eth_call", `[{"data":"0x01"},{"blockHash":"0xAA"}]`, true},
		{"eth_getLogs", `[{"fromBlock":"0x1","toBlock":"0x2"}]`, true},
		{"eth_getLogs", `[{"fromBlock":"0x1"}]`, false},
		{"eth_getTransactionReceipt", `["0x0f"]`, false}, // was not mined then
	} {
		if r := ask(t, g, s, tt.method, tt.params); (r.Error == nil) != tt.found {
			t.Errorf("%s %s: found = %v, want %v (%+v)", tt.method, tt.params, r.Error == nil, tt.found, r.Error)
		}
	}
}

func TestAMissingReplayFolderIsAnError(t *testing.T) {
	t.Parallel()
	_, err := gateway.New(gateway.Options{Replay: filepath.Join(t.TempDir(), "none")})
	if sdk.KindOf(err) != sdk.KindConfig {
		t.Errorf("error %v", err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, fmt.Append(nil, content), 0o644); err != nil {
		t.Fatal(err)
	}
}
