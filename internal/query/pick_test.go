package query_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
)

func TestPick(t *testing.T) {
	t.Parallel()
	whole := &query.Result{
		Columns: []query.Column{{Name: "a", Type: "VARCHAR"}, {Name: "b", Type: "DOUBLE"}, {Name: "c", Type: "BIGINT"}},
		Rows:    [][]any{{"x", 1.5, int64(1)}, {"y", nil, int64(2)}},
	}
	got, err := whole.Pick([]string{"c", "a"})
	if err != nil {
		t.Fatal(err)
	}
	want := &query.Result{
		Columns: []query.Column{{Name: "c", Type: "BIGINT"}, {Name: "a", Type: "VARCHAR"}},
		Rows:    [][]any{{int64(1), "x"}, {int64(2), "y"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := whole.Pick([]string{"a", "d"}); err == nil || err.Error() != `there is no column "d"; there are: a, b, c` {
		t.Errorf("a column that is not there: %v", err)
	}
}
