package query

import (
	"fmt"
	"slices"
	"strings"
)

// Pick keeps the named columns, in the order of names. The error says which there
// are.
func (r *Result) Pick(names []string) (*Result, error) {
	picked := &Result{Rows: make([][]any, len(r.Rows))}
	for _, name := range names {
		i := slices.IndexFunc(r.Columns, func(c Column) bool { return c.Name == name })
		if i < 0 {
			have := make([]string, len(r.Columns))
			for n, c := range r.Columns {
				have[n] = c.Name
			}
			return nil, fmt.Errorf("there is no column %q; there are: %s", name, strings.Join(have, ", "))
		}
		picked.Columns = append(picked.Columns, r.Columns[i])
		for n, row := range r.Rows {
			picked.Rows[n] = append(picked.Rows[n], row[i])
		}
	}
	return picked, nil
}
