package query

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

func isNumeric(duckType string) bool {
	switch duckType {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT",
		"UINTEGER", "UBIGINT", "UHUGEINT", "BIGNUM", "FLOAT", "DOUBLE":
		return true
	}
	return strings.HasPrefix(duckType, "DECIMAL")
}

// textOf writes a value that is not nil as text, with all its digits.
func textOf(v any, duckType string) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		return formatFloat(v)
	case *big.Int:
		return v.String()
	case store.Decimal:
		return v.String()
	case store.Interval:
		return v.String()
	case time.Time:
		return formatTime(v, duckType)
	case []byte:
		return `\x` + hex.EncodeToString(v)
	}
	if isNested(v) {
		var out bytes.Buffer
		if err := writeJSON(&out, v, duckType); err == nil {
			return out.String()
		}
	}
	return fmt.Sprint(v)
}

func isNested(v any) bool {
	switch v.(type) {
	case []any, map[string]any, []store.MapEntry:
		return true
	}
	return false
}

// formatFloat writes the shortest digits that read back as the same number,
// without an exponent where that stays readable.
func formatFloat(f float64) string {
	if a := math.Abs(f); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func formatTime(t time.Time, duckType string) string {
	switch {
	case t.Year() > 9999:
		return "infinity"
	case t.Year() < -9999:
		return "-infinity"
	case duckType == "DATE":
		return t.Format(time.DateOnly)
	case strings.HasPrefix(duckType, "TIME") && !strings.HasPrefix(duckType, "TIMESTAMP"):
		return t.Format("15:04:05.999999")
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999999Z07:00")
}

func writeJSON(out *bytes.Buffer, v any, duckType string) error {
	switch v := v.(type) {
	case nil:
		out.WriteString("null")
	case bool, int64, uint64, *big.Int, store.Decimal:
		out.WriteString(textOf(v, duckType))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out.WriteString("null")
			return nil
		}
		out.WriteString(formatFloat(v))
	case []any:
		child := strings.TrimSuffix(duckType, "[]")
		out.WriteString("[")
		for i, item := range v {
			if i > 0 {
				out.WriteString(", ")
			}
			if err := writeJSON(out, item, child); err != nil {
				return err
			}
		}
		out.WriteString("]")
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		entries := make([]store.MapEntry, len(keys))
		for i, k := range keys {
			entries[i] = store.MapEntry{Key: k, Value: v[k]}
		}
		return writeEntries(out, entries)
	case []store.MapEntry:
		return writeEntries(out, v)
	default:
		text, err := json.Marshal(textOf(v, duckType))
		if err != nil {
			return err
		}
		out.Write(text)
	}
	return nil
}

func writeEntries(out *bytes.Buffer, entries []store.MapEntry) error {
	out.WriteString("{")
	for i, e := range entries {
		if i > 0 {
			out.WriteString(", ")
		}
		key, err := json.Marshal(textOf(e.Key, ""))
		if err != nil {
			return err
		}
		out.Write(key)
		out.WriteString(": ")
		if err := writeJSON(out, e.Value, ""); err != nil {
			return err
		}
	}
	out.WriteString("}")
	return nil
}
