package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestABrokenFileIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	const head = "# source: s\ntoken,metric,time,value,divisor,reason\n"
	for _, tt := range []struct{ name, text, want string }{
		{"no source", "token,metric,time,value\n", "line 1 does not name the source"},
		{"no columns", "# source: s\n", "line 2 does not name the columns"},
		{"a time that is none", head + "reth,exchange_rate,yesterday,1,,\n", `line 3: parsing time "yesterday"`},
		{"an exponent", head + "reth,exchange_rate,2023-01-01T00:00:00Z,1e5,,\n", `line 3: value "1e5" is not a plain decimal`},
		{"a divisor of zero", head + "reth,exchange_rate,2023-01-01T00:00:00Z,1,0,\n", `divisor "0" is not a positive integer`},
		{"unknown without a reason", head + "reth,exchange_rate,2023-01-01T00:00:00Z,,,\n", "no value and no reason"},
		{"a missing cell", head + "reth,exchange_rate,2023-01-01T00:00:00Z,1\n", "wrong number of fields"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(fstest.MapFS{"data/ethereum/x.csv": {Data: []byte(tt.text)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "data/ethereum/x.csv") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
