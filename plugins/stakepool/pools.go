package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/card"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

//go:embed protocol.yaml
var identity []byte

//go:embed pools.yaml
var poolList []byte

// programs are the deployments of the stake pool program. They run one binary.
var programs = map[string]solana.PublicKey{
	"spl":           solana.MustKey("SPoo1Ku8WFXoNDMHPsrGSTSG1Y47rzgn41SLUNakuHy"),
	"sanctum":       solana.MustKey("SP12tWFxD9oJsVWNavTTBZvMbA6gkAmxtVgxdqvyvhY"),
	"sanctum-multi": solana.MustKey("SPMBzsVUuoHA4Jm6KunbsotaahvVikZs1JyTW6iJvbn"),
}

// An epoch is the step of every pool's rate; two missed ones mean frozen.
const (
	expectedUpdate = 48 * time.Hour
	staleAfter     = 96 * time.Hour
)

// entry is one pool of pools.yaml.
type entry struct {
	Token         string `yaml:"token"`
	Symbol        string `yaml:"symbol"`
	Protocol      string `yaml:"protocol"`
	Name          string `yaml:"name"`
	Program       string `yaml:"program"`
	Pool          string `yaml:"pool"`
	Mint          string `yaml:"mint"`
	ValidatorList string `yaml:"validator_list"`
	Reserve       string `yaml:"reserve"`
	Status        string `yaml:"status"`
	Launched      string `yaml:"launched"`
	Governance    string `yaml:"governance"`
	NodeSet       string `yaml:"node_set"`
	Website       string `yaml:"website"`
	Fees          []struct {
		Type      string `yaml:"type"`
		BPS       string `yaml:"bps"`
		Recipient string `yaml:"recipient"`
		From      string `yaml:"from"`
		To        string `yaml:"to"`
		Source    string `yaml:"source"`
	} `yaml:"fees"`
}

// target is what is read of one pool.
type target struct {
	token         sdk.TokenID
	program       solana.PublicKey
	pool          solana.PublicKey
	mint          solana.PublicKey
	validatorList solana.PublicKey
	reserve       solana.PublicKey // zero: ask the pool
	// Derived addresses of the pool.
	withdrawAuthority solana.PublicKey
	depositAuthority  solana.PublicKey
}

// parsePools reads the list of pools: what they are, and where they are.
func parsePools(source []byte) (d sdk.Description, targets []target, err error) {
	var entries []entry
	if err := yaml.NewDecoder(bytes.NewReader(source), yaml.Strict()).Decode(&entries); err != nil {
		return d, nil, sdk.Errorf(sdk.KindConfig, "list of pools: %s", yaml.FormatError(err, false, true))
	}
	for _, e := range entries {
		t, err := e.target()
		if err != nil {
			return d, nil, fmt.Errorf("list of pools: %s: %w", e.Token, err)
		}
		targets = append(targets, t)
		d.Protocols = append(d.Protocols, e.protocol())
		d.Tokens = append(d.Tokens, sdk.Token{
			ID: t.token, Protocol: sdk.ProtocolID(e.Protocol), Chain: solana.Chain,
			Symbol: e.Symbol, Address: e.Mint, Decimals: solana.LamportDecimals, Underlying: "SOL",
			Accrual: sdk.ExchangeRate, ExpectedUpdate: expectedUpdate, StaleAfter: staleAfter,
		})
	}
	return d, targets, nil
}

func (e entry) target() (t target, err error) {
	program, ok := programs[e.Program]
	if !ok {
		return t, sdk.Errorf(sdk.KindConfig, "program %q is not a known deployment", e.Program)
	}
	t = target{token: sdk.TokenID(e.Token), program: program}
	for _, k := range []struct {
		text string
		key  *solana.PublicKey
	}{{e.Pool, &t.pool}, {e.Mint, &t.mint}, {e.ValidatorList, &t.validatorList}, {e.Reserve, &t.reserve}} {
		if k.text == "" && k.key == &t.reserve {
			continue
		}
		if *k.key, err = solana.ParseKey(k.text); err != nil {
			return t, err
		}
	}
	if t.withdrawAuthority, _, err = solana.Derive(program, t.pool, "withdraw"); err != nil {
		return t, err
	}
	t.depositAuthority, _, err = solana.Derive(program, t.pool, "deposit")
	return t, err
}

func (e entry) protocol() sdk.Protocol {
	p := sdk.Protocol{
		ID: sdk.ProtocolID(e.Protocol), Name: e.Name, Status: e.Status, Launched: e.Launched,
		Governance: e.Governance, NodeSet: e.NodeSet, Website: e.Website,
		TVLBasis: "total_lamports of the stake pool: stake with validators and the reserve, as of the pool's last update",
	}
	if p.Status == "" {
		p.Status = "live"
	}
	for _, f := range e.Fees {
		p.Fees = append(p.Fees, sdk.AdvertisedFee(f))
	}
	return p
}

// New makes the fetcher. It panics on a mistake in the embedded lists, which is a
// defect of the build.
func New() sdk.Fetcher {
	d := card.MustParse(identity)
	pools, targets, err := parsePools(poolList)
	if err != nil {
		panic(err)
	}
	d.Protocols, d.Tokens = pools.Protocols, pools.Tokens
	return fetcher{description: d, targets: targets}
}
