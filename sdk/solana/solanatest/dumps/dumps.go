// Package dumps gives tests the recorded mainnet accounts that lie beside the
// repository, with the values a decoder must find in them. The recordings are not
// part of the repository; a test that asks for them is skipped without them.
package dumps

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

// Dump is one recorded account with the values a decoder must find in it.
type Dump struct {
	File    string
	Key     solana.PublicKey
	Account solanatest.Account
	// Decoded holds the expected values: text, nil, or a list of texts.
	Decoded map[string]any
}

// Text is an expected value as text; it is empty when there is none.
func (d Dump) Text(field string) string {
	s, _ := d.Decoded[field].(string)
	return s
}

// Read reads the recorded accounts of a kind ("" for all), keyed by file name. It
// skips the test, and says so, when they are not here.
func Read(t testing.TB, kind string) map[string]Dump {
	t.Helper()
	dir := dumpDir(t)
	raw, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected map[string]struct {
		Pubkey  string
		Owner   string
		Decoded map[string]any
	}
	if err := json.Unmarshal(raw, &expected); err != nil {
		t.Fatal(err)
	}
	out := map[string]Dump{}
	for file, e := range expected {
		if got, _ := e.Decoded["kind"].(string); kind != "" && got != kind {
			continue
		}
		if strings.HasSuffix(file, ".bin") {
			continue // bare bytes, without an owner
		}
		d := Dump{File: file, Decoded: e.Decoded, Account: readDump(t, filepath.Join(dir, file))}
		address, _, _ := strings.Cut(file, ".")
		d.Key = solana.MustKey(address)
		out[file] = d
	}
	if len(out) == 0 {
		t.Fatalf("no recorded account is of kind %q", kind)
	}
	return out
}

func dumpDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	dir = filepath.Join(dir, "..", "shared", "data", "solana")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the recorded mainnet accounts (../shared/data/solana beside the repository) are not here; only the check against them is left out")
	}
	return dir
}

func readDump(t testing.TB, path string) solanatest.Account {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type account struct {
		Lamports uint64           `json:"lamports"`
		Owner    solana.PublicKey `json:"owner"`
		Data     json.RawMessage  `json:"data"`
	}
	var file struct {
		Account *account `json:"account"`
		account
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	a := file.account
	if file.Account != nil {
		a = *file.Account
	}
	out := solanatest.Account{Owner: a.Owner, Lamports: a.Lamports}
	var text []string
	var numbers []uint16
	switch {
	case json.Unmarshal(a.Data, &text) == nil && len(text) == 2:
		if out.Data, err = base64.StdEncoding.DecodeString(text[0]); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	case json.Unmarshal(a.Data, &numbers) == nil:
		for _, n := range numbers {
			out.Data = append(out.Data, byte(n))
		}
	default:
		t.Fatalf("%s: data has an unknown shape", path)
	}
	return out
}
