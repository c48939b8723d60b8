package config

import (
	"fmt"
	"regexp"
	"strconv"
)

var sizeText = regexp.MustCompile(`^([1-9][0-9]{0,5})(MB|GB)$`)

// parseSize reads an amount of memory in bytes: a whole number of MB or GB, which
// are powers of 1000 as DuckDB reads them.
func parseSize(s string) (int64, error) {
	m := sizeText.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size; write it like 512MB or 2GB", s)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, err
	}
	if m[2] == "GB" {
		n *= 1000
	}
	return n * 1_000_000, nil
}
