package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// unknown is what stands where a figure is not known.
const unknown = "—"

// minus is U+2212; a hyphen stands only in CSV and JSON.
const minus = "\u2212"

func fixed(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.HasPrefix(s, "-") {
		if strings.Trim(s, "-0.") == "" {
			return s[1:] // no minus zero
		}
		return minus + s[1:]
	}
	return s
}

// signed writes a plus before what is above zero.
func signed(v float64, decimals int) string {
	s := fixed(v, decimals)
	if v > 0 && strings.Trim(s, "0.") != "" {
		return "+" + s
	}
	return s
}

// percent of a figure in percent: two decimals for yields.
func percent(v float64, ok bool) string {
	if !ok {
		return unknown
	}
	return fixed(v, 2) + "%"
}

// share has one decimal.
func share(v float64, ok bool) string {
	if !ok {
		return unknown
	}
	return fixed(v, 1) + "%"
}

// signedPercent has two decimals, none from 100 on.
func signedPercent(v float64, ok bool) string {
	if !ok {
		return unknown
	}
	if math.Abs(v) >= 100 {
		return signed(v, 0) + "%"
	}
	return signed(v, 2) + "%"
}

// bps has no decimal from 10 on, one below.
func bps(v float64, ok bool) string {
	if !ok {
		return unknown
	}
	return fixed(v, bpsDecimals(v)) + "bps"
}

func signedBps(v float64, ok bool) string {
	if !ok {
		return unknown
	}
	return signed(v, bpsDecimals(v)) + "bps"
}

func bpsDecimals(v float64) int {
	if math.Abs(v) >= 10 || v == math.Trunc(v) {
		return 0
	}
	return 1
}

func times(v float64, ok bool) string {
	if !ok {
		return unknown
	}
	return fixed(v, 2) + "×"
}

// amount has three significant digits and k, M or B: 9.21M, 593k, 12.3, 0.4.
func amount(v float64, ok bool) string {
	if !ok {
		return unknown
	}
	sign, a := "", math.Abs(v)
	if v < 0 {
		sign = minus
	}
	for i, unit := range []string{"", "k", "M", "B", "T"} {
		scaled := a / math.Pow(1000, float64(i))
		s := threeDigits(scaled)
		if last := unit == "T"; len(strings.TrimLeft(strings.SplitN(s, ".", 2)[0], "0")) <= 3 || last {
			if strings.Trim(s, "0.") == "" {
				return "0"
			}
			return sign + s + unit
		}
	}
	return unknown
}

func threeDigits(a float64) string {
	decimals := 2
	if a > 0 {
		decimals = 2 - int(math.Floor(math.Log10(a)))
	}
	decimals = min(max(decimals, 0), 6)
	s := strconv.FormatFloat(a, 'f', decimals, 64)
	if a < 1 && strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// dollars is an amount with its sign before the $.
func dollars(v float64, ok bool) string {
	s := amount(v, ok)
	if s == unknown {
		return s
	}
	if rest, neg := strings.CutPrefix(s, minus); neg {
		return minus + "$" + rest
	}
	return "$" + s
}

// age of hours: 40m, 3h, 2d.
func age(hours float64, ok bool) string {
	switch {
	case !ok:
		return unknown
	case hours < 0:
		return "0m"
	case hours < 1:
		return fmt.Sprintf("%dm", int(hours*60))
	case hours < 48:
		return fmt.Sprintf("%dh", int(hours))
	}
	return fmt.Sprintf("%dd", int(hours/24))
}

// minute is a UTC time to the minute, ISO 8601 with a space as it stands in text.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// visible makes a text from a chain harmless on a terminal and in a page: control
// characters and what turns the reading direction are replaced.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return '\uFFFD'
		}
		return r
	}, s)
}
