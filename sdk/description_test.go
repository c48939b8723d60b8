package sdk_test

import (
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestPathsOfAnAPIArePlain(t *testing.T) {
	t.Parallel()
	for path, fine := range map[string]bool{
		"/v1/protocol/steth/apr/sma": true, "/msol/apy/30d": true, "/a.json": true,
		"": false, "/": false, "v1/rate": false, "/v1/": false, "//v1": false, "/v1/../admin": false, "/./v1": false,
		"/v1?key=1": false, "/v1#a": false, "/v1/%2e%2e": false, "/v1 /a": false, "/v1\n": false, "http://a.example/v1": false,
	} {
		if err := (sdk.ChainNeed{Paths: []string{path}}).Check(); (err == nil) != fine {
			t.Errorf("%q: %v", path, err)
		}
	}
}
