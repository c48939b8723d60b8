package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

// alias is the endpoint the recordings name.
const alias = "recorded"

// record lets the plugins read every moment and writes what passed the gateway
// below dir.
func record(ctx context.Context, b book, pluginDir, dir string) (err error) {
	binaries, err := host.Find(pluginDir)
	if err != nil {
		return err
	}
	h := host.New(host.Options{})
	defer func() { err = errors.Join(err, h.Close()) }()
	for _, m := range b.Moments {
		if err := recordMoment(ctx, h, binaries, m, dir); err != nil {
			return fmt.Errorf("%s at %s: %w", m.Chain, m.Tick.Format(time.RFC3339), err)
		}
	}
	return nil
}

func recordMoment(ctx context.Context, h *host.Host, binaries []host.Binary, m moment, dir string) (err error) {
	chain := gateway.Chain{ID: m.Chain, Kind: gateway.EVM, NetworkID: 1}
	var node http.Handler
	if m.Chain == solana.Chain {
		chain.Kind, chain.NetworkID, chain.Genesis = gateway.Solana, 0, solanatest.MainnetGenesis
		node = solanaNode(m)
	} else if node, err = newEVMNode(m); err != nil {
		return err
	}
	url, stop, err := serve(node)
	if err != nil {
		return err
	}
	defer stop()
	chain.Endpoints = []gateway.Endpoint{{Alias: alias, URL: url}}

	if err := writeHeader(dir, m, "anchor", m.Estimated); err != nil {
		return err
	}
	g, err := gateway.New(gateway.Options{Chains: []gateway.Chain{chain}, Record: dir, Now: func() time.Time { return m.Tick }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	anchor, err := anchorOf(ctx, g, m)
	if err != nil {
		return err
	}
	for _, t := range m.Tasks {
		at := slices.IndexFunc(binaries, func(b host.Binary) bool { return b.Name == t.Plugin })
		if at < 0 {
			return fmt.Errorf("plugin %s is not built; run make build", t.Plugin)
		}
		if err := writeHeader(dir, m, t.Plugin, join(m.Estimated, t.Estimated)); err != nil {
			return err
		}
		if err := recordTask(ctx, h, binaries[at], g, anchor, t); err != nil {
			return fmt.Errorf("plugin %s: %w", t.Plugin, err)
		}
	}
	return nil
}

// recordTask lets one plugin read. A plugin that fails on what is recorded, or
// reads nothing, has no place in the demo.
func recordTask(ctx context.Context, h *host.Host, binary host.Binary, g *gateway.Gateway, anchor sdk.Anchor, t task) error {
	process, err := h.Start(ctx, binary)
	if err != nil {
		return err
	}
	defer process.Stop()
	session, err := g.Open(ctx, gateway.Scope{Chain: anchor.Chain, Plugin: t.Plugin, Tick: anchor.Tick})
	if err != nil {
		return err
	}
	sink := &solanatest.Sink{}
	err = process.Fetch(ctx, sdk.Request{
		Chain: anchor.Chain, Anchors: []sdk.Anchor{anchor}, Endpoint: session.URL(), Tokens: t.Tokens,
	}, sink)
	session.Close()
	if err = errors.Join(err, session.Err()); err != nil {
		return err
	}
	for _, f := range sink.Failures() {
		return fmt.Errorf("token %q: %s", f.Token, f.Message)
	}
	for _, token := range t.Tokens {
		if len(sink.Rows(token)) == 0 {
			return fmt.Errorf("token %q: nothing was read", token)
		}
	}
	return nil
}

// anchorOf is the anchor of a moment as a replay will find it.
func anchorOf(ctx context.Context, g *gateway.Gateway, m moment) (sdk.Anchor, error) {
	if m.Chain == solana.Chain {
		return g.Anchor(ctx, m.Chain, m.Tick)
	}
	return sdk.Anchor{Chain: m.Chain, Height: m.Height, Time: m.Time, Finality: sdk.Finalized, Tick: m.Tick}, nil
}

// header is the head of a recording, and for the anchor of an EVM chain its whole
// content: no source holds the hashes of the blocks, so the gateway cannot search
// for them, only replay them.
type header struct {
	Quality   sdk.Quality `json:"quality"`
	Note      string      `json:"note"`
	Exchanges []exchange  `json:"exchanges"`
}

type exchange struct {
	Method   string          `json:"method"`
	Params   json.RawMessage `json:"params"`
	Result   json.RawMessage `json:"result"`
	Endpoint string          `json:"endpoint"`
}

// writeHeader starts the recording of a plugin, or of the anchor; the gateway
// keeps the header and adds what passes.
func writeHeader(dir string, m moment, name, estimated string) error {
	h := header{Note: "made by tools/demorec from numbers of public repositories, see demo/PROVENANCE.md", Exchanges: []exchange{}}
	if estimated != "" {
		h.Quality, h.Note = sdk.QualityEstimated, estimated
	}
	if name == "anchor" && m.Chain != solana.Chain {
		hex := func(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }
		h.Exchanges = append(h.Exchanges, exchange{
			Method:   "eth_getBlockByNumber",
			Params:   json.RawMessage(`["` + hex(m.Height) + `",false]`),
			Result:   json.RawMessage(`{"number":"` + hex(m.Height) + `","timestamp":"` + hex(uint64(m.Time.Unix())) + `"}`),
			Endpoint: alias,
		})
	}
	text, err := encode(h)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, string(m.Chain), m.Tick.UTC().Format("2006-01-02T15-04-05Z"), name+".json")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// join joins what is estimated, each thing once.
func join(reasons ...string) string {
	return strings.Join(slices.DeleteFunc(reasons, func(r string) bool { return r == "" }), "; ")
}

func solanaNode(m moment) http.Handler {
	schedule := solanatest.MainnetSchedule
	state := solanatest.State{
		Slot: m.Height, Schedule: &schedule, Accounts: map[solana.PublicKey]solanatest.Account{},
		Clock: solana.Clock{
			Epoch: m.Epoch, LeaderScheduleEpoch: m.Epoch + 1,
			EpochStart: m.EpochStart.Unix(), Time: m.Time.Unix(),
		},
	}
	for _, a := range m.Accounts {
		state.Accounts[a.Address] = solanatest.Account{Owner: a.Owner, Lamports: a.Lamports, Data: a.data()}
	}
	return solanatest.NewNode(state)
}

// serve puts a handler on a loopback port.
func serve(node http.Handler) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: node, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with Close
	}()
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close()
		<-done
	}, nil
}
