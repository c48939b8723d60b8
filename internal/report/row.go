package report

import (
	"math/big"
	"strconv"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/query"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// A row is one row of an answer, read by column name.
type row struct {
	at     map[string]int
	values []any
}

func rows(res *query.Result) []row {
	at := make(map[string]int, len(res.Columns))
	for i, c := range res.Columns {
		at[c.Name] = i
	}
	list := make([]row, len(res.Rows))
	for i, v := range res.Rows {
		list[i] = row{at, v}
	}
	return list
}

func (r row) value(column string) any {
	i, ok := r.at[column]
	if !ok {
		return nil
	}
	return r.values[i]
}

// text is a text harmless on a terminal; false when unknown.
func (r row) text(column string) (string, bool) {
	s, ok := r.value(column).(string)
	return visible(s), ok
}

func (r row) textOr(column, unknown string) string {
	if s, ok := r.text(column); ok {
		return s
	}
	return unknown
}

// number is a figure for drawing and rounding; false when unknown.
func (r row) number(column string) (float64, bool) {
	switch v := r.value(column).(type) {
	case float64:
		return v, v-v == 0
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return f, true
	case store.Decimal:
		f, err := strconv.ParseFloat(v.String(), 64)
		return f, err == nil
	}
	return 0, false
}

func (r row) moment(column string) (time.Time, bool) {
	t, ok := r.value(column).(time.Time)
	return t, ok
}

func (r row) flag(column string) bool {
	b, _ := r.value(column).(bool)
	return b
}
