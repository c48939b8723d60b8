package explain

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Verdict is what reading an observation again gave.
type Verdict struct {
	Equal bool `json:"equal"`
	// Detail says what differs, or what kept it from being read.
	Detail string `json:"detail,omitempty"`
}

// Compare looks for a stored observation among those of a new reading at the same
// place and says whether it is the same. sha256 is the checksum of the plugin that
// read them: the same binary must also have seen the same bytes, another one may
// have asked for more or less in one call.
func Compare(o Observation, again []sdk.Observation, sha256 string) Verdict {
	for _, n := range again {
		if n.Token != o.Token || n.Metric != o.Metric || labels(n.Labels) != o.Labels ||
			n.Source.Method != o.Method || n.Source.Target != o.Target || n.Source.Field != o.Field {
			continue
		}
		var differ []string
		note := func(what, was, is string) {
			if was != is {
				differ = append(differ, fmt.Sprintf("%s was %s, is %s", what, or(was), or(is)))
			}
		}
		note("value", o.Value, integer(n.Value))
		note("divisor", o.Divisor, integer(n.Divisor))
		note("decimals", fmt.Sprint(o.Decimals), fmt.Sprint(n.Decimals))
		if len(differ) > 0 {
			return Verdict{Detail: strings.Join(differ, "; ")}
		}
		if o.Digest == n.Source.Digest {
			return Verdict{Equal: true}
		}
		if strings.HasPrefix(o.Method, "eth_getLogs ") {
			return Verdict{Equal: true, Detail: "the value is the same; the digest is not, because the event was searched for in other blocks"}
		}
		if sha256 == o.PluginSHA256 {
			return Verdict{Detail: fmt.Sprintf("the value is the same, but the answer it is from is not: its digest was %s, is %s", or(o.Digest), or(n.Source.Digest))}
		}
		return Verdict{Equal: true, Detail: "the value is the same; the digest is not, but another build of the plugin read it"}
	}
	return Verdict{Detail: "the plugin does not give this observation any more"}
}

func labels(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	text, err := json.Marshal(m) // sorts the keys, as the store does
	if err != nil {
		return ""
	}
	return string(text)
}

func integer(n *big.Int) string {
	if n == nil {
		return ""
	}
	return n.String()
}

func or(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}
