package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const (
	committed = "../../plugins/history/data"
	recorded  = "../../../shared/data/history"
)

func TestTheCommittedSeriesAreWhatTheSourcesGive(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(recorded); err != nil {
		t.Skipf("the recorded sources are not beside the repository (%s); the committed series are tested in plugins/history", recorded)
	}
	want, err := recode(os.DirFS(recorded))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	err = fs.WalkDir(os.DirFS(committed), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		got[path], err = os.ReadFile(filepath.Join(committed, path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		if !bytes.Equal(got[name], want[name]) {
			t.Errorf("%s differs from what its source gives; run go generate ./plugins/history", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s comes from no source", name)
	}
}

// small reads one source through the series that makes the given file.
func small(t *testing.T, file, text string) (string, *table, error) {
	t.Helper()
	for _, s := range all {
		if s.file != file {
			continue
		}
		tab, err := s.read([]byte(text))
		if err != nil {
			return "", nil, err
		}
		tab.tidy()
		out, err := s.write(tab)
		return string(out), tab, err
	}
	t.Fatalf("no series makes %s", file)
	return "", nil, nil
}

func TestReportsAreSortedTakenOnceAndDroppedWithoutSupply(t *testing.T) {
	t.Parallel()
	out, tab, err := small(t, "ethereum/reth_reports.csv", `block,reference_time,total_eth_wei,staking_eth_wei,reth_supply_wei,event_time
20,,30,10,20,2021-10-03T00:00:00Z
10,,0,0,0,2021-10-01T00:00:00Z
15,,20,0,20,2021-10-02T00:00:00Z
20,,30,10,20,2021-10-03T00:00:00Z
`)
	if err != nil {
		t.Fatal(err)
	}
	want := `# source: xrchz/rockettrack
token,metric,time,value,divisor,height
reth,backing_native,2021-10-02T00:00:00Z,0.000000000000000020,,15
reth,backing_native,2021-10-03T00:00:00Z,0.000000000000000030,,20
reth,exchange_rate,2021-10-02T00:00:00Z,20,20,15
reth,exchange_rate,2021-10-03T00:00:00Z,30,20,20
reth,lst_supply_reported,2021-10-02T00:00:00Z,0.000000000000000020,,15
reth,lst_supply_reported,2021-10-03T00:00:00Z,0.000000000000000020,,20
reth,staking_native,2021-10-02T00:00:00Z,0.000000000000000000,,15
reth,staking_native,2021-10-03T00:00:00Z,0.000000000000000010,,20
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
	wantDropped := map[string]int{"report with a supply of zero, which has no rate": 1, "the same row twice": 4}
	if diff := cmp.Diff(wantDropped, tab.dropped); diff != "" {
		t.Error(diff)
	}
}

func TestDroppedZerosComeBackOnlyWhereTheSourceRounds(t *testing.T) {
	t.Parallel()
	out, _, err := small(t, "solana/rates_per_epoch.csv", `token,epoch,first_seen,sol_per_token
stsol,485,2023-08-01T00:00:00Z,1.12
stsol,486,2023-08-04T00:00:00Z,1.122
msol,486,2023-08-04T00:00:00Z,1.13
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{",1.12,485,", ",1.1220,486,", "rounds to 4 decimals", ",1.13,486,"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

func TestASourceOfAnotherFormIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"other columns", "date,rate\n", "its columns are not [date apr]"},
		{"an empty file", "", "its columns are not"},
		{"an exponent", "date,apr\n2020-12-01,1e-2\n", `line 2: "1e-2" is not a plain decimal`},
		{"an empty value", "date,apr\n2020-12-01,\n", `line 2: "" is not a plain decimal`},
		{"a day that is none", "date,apr\n2020-13-01,0.1\n", "line 2: parsing time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := small(t, "ethereum/staking_apr_daily.csv", tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAMissingSourceIsNamed(t *testing.T) {
	t.Parallel()
	if _, err := recode(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "rocketpool_balances.csv") {
		t.Errorf("got %v", err)
	}
}
