package host

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// checkDescription refuses a description the warehouse could not hold. It names
// every mistake.
func checkDescription(d sdk.Description, name string) error {
	var bad []string
	mistake := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }

	if d.Name != name {
		mistake("it calls itself %q, its file is named %q", d.Name, name)
	}
	if d.Version == "" {
		mistake("it has no version")
	}
	if len(d.Chains) == 0 {
		mistake("it names no chain")
	}
	chains := map[sdk.ChainID]bool{}
	for _, c := range d.Chains {
		switch {
		case c.Chain == "":
			mistake("a chain has no id")
		case chains[c.Chain]:
			mistake("chain %q is named twice", c.Chain)
		}
		if err := c.Check(); err != nil {
			mistake("chain %q: %v", c.Chain, err)
		}
		chains[c.Chain] = true
	}
	protocols := map[sdk.ProtocolID]bool{}
	for _, p := range d.Protocols {
		switch {
		case p.ID == "":
			mistake("a protocol has no id")
		case protocols[p.ID]:
			mistake("protocol %q is named twice", p.ID)
		case p.Name == "" || p.Status == "":
			mistake("protocol %q needs a name and a status", p.ID)
		}
		protocols[p.ID] = true
	}
	tokens := map[sdk.TokenID]bool{}
	for _, t := range d.Tokens {
		tokens[t.ID] = true
	}
	if len(tokens) < len(d.Tokens) {
		mistake("two tokens have one id")
	}
	for _, t := range d.Tokens {
		switch {
		case t.ID == "":
			mistake("a token has no id")
		case !protocols[t.Protocol]:
			mistake("token %q belongs to protocol %q, which is not described", t.ID, t.Protocol)
		case t.Chain == "" || t.Symbol == "" || t.Underlying == "":
			mistake("token %q needs a chain, a symbol and an underlying asset", t.ID)
		}
		switch t.Accrual {
		case sdk.Rebase, sdk.ExchangeRate, sdk.Basket, sdk.Bridged, sdk.Benchmark:
		case sdk.Wrapper:
			if t.RateOf == "" || t.RateOf == t.ID {
				mistake("wrapper %q must name the token whose rate it shares", t.ID)
			}
		default:
			mistake("token %q has accrual %q, which the host does not know", t.ID, t.Accrual)
		}
	}
	for _, id := range d.Metrics {
		switch def, ok := sdk.LookupMetric(id); {
		case !ok:
			mistake("metric %q is not in the catalogue", id)
		case def.Derived:
			mistake("metric %q is derived by the host; a plugin must not emit it", id)
		}
	}
	if len(d.Metrics) == 0 {
		mistake("it names no metric")
	}
	if len(bad) == 0 {
		return nil
	}
	return errors.New(strings.Join(bad, "; "))
}
