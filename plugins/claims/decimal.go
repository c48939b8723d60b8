package main

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// decimalText is a JSON number that may be a yield or a price of one token in another.
var decimalText = regexp.MustCompile(`^(-?[0-9]{1,9})(?:\.([0-9]{1,40}))?(?:[eE]([-+]?[0-9]{1,2}))?$`)

// mostDecimals is what an observation can carry, less two for a per cent.
const mostDecimals = 75

// decimal reads a number to the last digit its source wrote, as value ÷ 10^decimals.
func decimal(n json.Number) (value *big.Int, decimals uint8, ok bool) {
	m := decimalText.FindStringSubmatch(n.String())
	if m == nil {
		return nil, 0, false
	}
	whole, fraction, exponent := m[1], m[2], 0
	if m[3] != "" {
		exponent, _ = strconv.Atoi(strings.TrimPrefix(m[3], "+")) // two digits
	}
	scale := len(fraction) - exponent
	if scale < 0 || scale > mostDecimals {
		return nil, 0, false
	}
	value, ok = new(big.Int).SetString(whole+fraction, 10)
	return value, uint8(scale), ok
}

// ratio is a number as a ratio of integers, and whether it is one.
func ratio(n json.Number) (*big.Rat, bool) {
	value, decimals, ok := decimal(n)
	if !ok {
		return nil, false
	}
	return new(big.Rat).SetFrac(value, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)), true
}
