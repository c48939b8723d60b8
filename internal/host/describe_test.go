package host

import (
	"strings"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestDescriptionTheWarehouseCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	good := func() sdk.Description {
		return sdk.Description{
			Name: "lido", Version: "1.0.0",
			Protocols: []sdk.Protocol{{ID: "lido", Name: "Lido", Status: "live"}},
			Tokens: []sdk.Token{
				{ID: "steth", Protocol: "lido", Chain: "ethereum", Symbol: "stETH", Underlying: "ETH", Accrual: sdk.Rebase},
				{ID: "wsteth", Protocol: "lido", Chain: "ethereum", Symbol: "wstETH", Underlying: "ETH", Accrual: sdk.Wrapper, RateOf: "steth"},
				{ID: "vault", Protocol: "lido", Chain: "ethereum", Symbol: "vault", Underlying: "steth", Accrual: sdk.Basket},
			},
			Metrics: []sdk.MetricID{sdk.LSTSupply},
			Chains:  []sdk.ChainNeed{{Chain: "ethereum"}},
		}
	}
	if err := checkDescription(good(), "lido"); err != nil {
		t.Fatalf("the description to break is broken already: %v", err)
	}
	for says, breakIt := range map[string]func(*sdk.Description){
		`calls itself "lidoo"`:              func(d *sdk.Description) { d.Name = "lidoo" },
		"no version":                        func(d *sdk.Description) { d.Version = "" },
		"names no chain":                    func(d *sdk.Description) { d.Chains = nil },
		`path "/v1/../admin" is not like`:   func(d *sdk.Description) { d.Chains[0].Paths = []string{"/v1/rate", "/v1/../admin"} },
		"nor can its past be read":          func(d *sdk.Description) { d.Chains[0].Paths, d.Chains[0].ReadsPast = []string{"/v1"}, true },
		"a chain has no id":                 func(d *sdk.Description) { d.Chains[0].Chain = "" },
		`chain "ethereum" is named twice`:   func(d *sdk.Description) { d.Chains = append(d.Chains, d.Chains[0]) },
		"a protocol has no id":              func(d *sdk.Description) { d.Protocols[0].ID = "" },
		`protocol "lido" is named twice`:    func(d *sdk.Description) { d.Protocols = append(d.Protocols, d.Protocols[0]) },
		"needs a name and a status":         func(d *sdk.Description) { d.Protocols[0].Status = "" },
		"a token has no id":                 func(d *sdk.Description) { d.Tokens[0].ID = "" },
		"two tokens have one id":            func(d *sdk.Description) { d.Tokens[1].ID = "steth" },
		`protocol "jito", which is not`:     func(d *sdk.Description) { d.Tokens[0].Protocol = "jito" },
		"needs a chain, a symbol":           func(d *sdk.Description) { d.Tokens[0].Underlying = "" },
		`accrual "magic"`:                   func(d *sdk.Description) { d.Tokens[0].Accrual = "magic" },
		`wrapper "wsteth" must name`:        func(d *sdk.Description) { d.Tokens[1].RateOf = "" },
		`metric "tlv" is not in`:            func(d *sdk.Description) { d.Metrics[0] = "tlv" },
		`metric "tvl_native" is derived by`: func(d *sdk.Description) { d.Metrics[0] = sdk.TVLNative },
		"names no metric":                   func(d *sdk.Description) { d.Metrics = nil },
	} {
		d := good()
		breakIt(&d)
		if err := checkDescription(d, "lido"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	d := good()
	d.Version, d.Metrics = "", nil
	if err := checkDescription(d, "lido"); err == nil || !strings.Contains(err.Error(), "no version; it names no metric") {
		t.Errorf("not every mistake is named: %v", err)
	}
}
