package historytest

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Row is one line of a recorded series, by the names of its columns.
type Row struct {
	t      testing.TB
	values map[string]string
}

// Rows reads a recorded series in place.
func Rows(t testing.TB, name string) []Row {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(root, "..", "shared", "data", "history", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("left out: ../shared/data/history is not beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var list []Row
	for _, line := range lines[1:] {
		r := Row{t, map[string]string{}}
		for i, column := range lines[0] {
			r.values[column] = line[i]
		}
		list = append(list, r)
	}
	return list
}

// moduleRoot is the folder of go.mod, above the package under test.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err = os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir, err = parent, nil
		}
	}
	return "", err
}

// Text is a column as it is printed.
func (r Row) Text(column string) string { return r.values[column] }

// Number is a column as an exact number.
func (r Row) Number(column string) *big.Rat {
	r.t.Helper()
	x, ok := new(big.Rat).SetString(r.values[column])
	if !ok {
		r.t.Fatalf("%s is %q, which is no number", column, r.values[column])
	}
	return x
}

// Time is a column that holds a moment, or a day, which begins at 00:00 UTC.
func (r Row) Time(column string) time.Time {
	r.t.Helper()
	ts, err := time.Parse(time.RFC3339, r.values[column])
	if err != nil {
		ts, err = time.Parse(time.DateOnly, r.values[column])
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return ts
}
