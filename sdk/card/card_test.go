package card_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
)

const good = `name: lido
version: 0.1.0
summary: Lido on Ethereum.
protocols:
  - id: lido
    name: Lido
    status: live
    launched: 2020-12-18
    node_set: mixed
    fees:
      - type: reward
        bps: "1000"
        recipient: operators and treasury
        source: https://docs.lido.fi
tokens:
  - id: steth
    protocol: lido
    chain: ethereum
    symbol: stETH
    address: "0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84"
    decimals: 18
    underlying: ETH
    accrual: rebase
    expected_update: 24h
    stale_after: 50h
  - id: wsteth
    protocol: lido
    chain: ethereum
    symbol: wstETH
    decimals: 18
    underlying: ETH
    accrual: wrapper
    rate_of: steth
    rate_never_falls: true
chains:
  - chain: ethereum
    reads_past: true
    from: 11473216
    max_anchors: 50
  - chain: lido-api
    paths: [/v1/protocol/steth/apr/sma]
metrics: [exchange_rate, lst_supply]
`

func TestParseReadsEveryKey(t *testing.T) {
	t.Parallel()
	got, err := card.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := sdk.Description{
		Name: "lido", Version: "0.1.0", Summary: "Lido on Ethereum.",
		Protocols: []sdk.Protocol{{
			ID: "lido", Name: "Lido", Status: "live", Launched: "2020-12-18", NodeSet: "mixed",
			Fees: []sdk.AdvertisedFee{{Type: "reward", BPS: "1000", Recipient: "operators and treasury", Source: "https://docs.lido.fi"}},
		}},
		Tokens: []sdk.Token{
			{
				ID: "steth", Protocol: "lido", Chain: "ethereum", Symbol: "stETH",
				Address: "0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84", Decimals: 18, Underlying: "ETH",
				Accrual: sdk.Rebase, ExpectedUpdate: 24 * time.Hour, StaleAfter: 50 * time.Hour,
			},
			{ID: "wsteth", Protocol: "lido", Chain: "ethereum", Symbol: "wstETH", Decimals: 18, Underlying: "ETH", Accrual: sdk.Wrapper, RateOf: "steth", RateNeverFalls: true},
		},
		Chains: []sdk.ChainNeed{{Chain: "ethereum", ReadsPast: true, From: 11473216, MaxAnchors: 50},
			{Chain: "lido-api", Paths: []string{"/v1/protocol/steth/apr/sma"}}},
		Metrics: []sdk.MetricID{sdk.ExchangeRateMetric, sdk.LSTSupply},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("card differs (-want +got):\n%s", diff)
	}
}

func TestParseNamesEveryMistake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"an unknown key":                      {"symbol: stETH", "symbl: stETH", []string{"[19:5]", "symbl"}},
		"a wrong type":                        {"decimals: 18", "decimals: many", []string{"[21:15]", "many"}},
		"decimals that do not fit":            {"decimals: 18", "decimals: 256", []string{"[21:15]"}},
		"a duration without a unit":           {"expected_update: 24h", "expected_update: 24 hours", []string{"24 hours"}},
		"a metric the catalogue lacks":        {"lst_supply]", "lst_suply]", []string{"metrics[1]", "lst_suply", "not in the catalogue"}},
		"a derived metric":                    {"lst_supply]", "tvl_native]", []string{"derived by the host"}},
		"a token twice":                       {"id: wsteth", "id: steth", []string{"tokens[1].id", "there twice"}},
		"a wrapper of nothing":                {"    rate_of: steth\n", "", []string{"tokens[1].rate_of", "required for a wrapper"}},
		"a chain that is not declared":        {"chain: ethereum\n    symbol: stETH", "chain: polygon\n    symbol: stETH", []string{"tokens[0].chain", "polygon"}},
		"a date that is none":                 {"2020-12-18", "18.12.2020", []string{"launched", "YYYY-MM-DD"}},
		"a status nobody knows":               {"status: live", "status: alive", []string{"status", "deposits_closed"}},
		"a fee that is not decimal":           {`bps: "1000"`, `bps: "10%"`, []string{"fees[0].bps"}},
		"a frozen limit before the next step": {"stale_after: 50h", "stale_after: 5h", []string{"stale_after", "shorter"}},
		"a version that is none":              {"version: 0.1.0", "version: one", []string{"version", "0.1.0"}},
		"a second document":                   {"metrics: [exchange_rate, lst_supply]\n", "metrics: [lst_supply]\n---\nname: b\n", []string{"more than one"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := strings.Replace(good, c.old, c.new, 1)
			if source == good {
				t.Fatalf("%q is not in the card", c.old)
			}
			_, err := card.Parse([]byte(source))
			if err == nil {
				t.Fatal("no error")
			}
			if sdk.KindOf(err) != sdk.KindConfig {
				t.Errorf("kind is %q", sdk.KindOf(err))
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestParseReportsMistakesOfMeaningTogether(t *testing.T) {
	t.Parallel()
	source := strings.NewReplacer("status: live", "status: alive", "accrual: rebase", "accrual: grow").Replace(good)
	_, err := card.Parse([]byte(source))
	if err == nil || !strings.Contains(err.Error(), "alive") || !strings.Contains(err.Error(), "grow") {
		t.Errorf("want both mistakes, got:\n%v", err)
	}
	if !strings.Contains(err.Error(), ">  7 |") {
		t.Errorf("error has no excerpt with the line:\n%v", err)
	}
}

func TestParseKnowsEveryAccrualOfTheHost(t *testing.T) {
	t.Parallel()
	for _, want := range []sdk.Accrual{sdk.Rebase, sdk.ExchangeRate, sdk.Basket, sdk.Bridged, sdk.Benchmark} {
		d, err := card.Parse([]byte(strings.Replace(good, "accrual: rebase", "accrual: "+string(want), 1)))
		if err != nil {
			t.Errorf("%s: %v", want, err)
		} else if got := d.Tokens[0].Accrual; got != want {
			t.Errorf("%s was read as %s", want, got)
		}
	}
}

func TestParseRefusesAnEmptyCard(t *testing.T) {
	t.Parallel()
	if _, err := card.Parse(nil); err == nil {
		t.Error("no error")
	}
}

func TestMustParsePanicsOnABrokenCard(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	card.MustParse([]byte("name: x"))
}
