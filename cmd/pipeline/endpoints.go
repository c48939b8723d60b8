package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/config"
	"github.com/lst-pipeline/lst-pipeline/internal/gateway"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/rest"
)

// How far the head of a chain may be behind this machine's clock before one of the
// two is wrong, and how long one endpoint may take in all.
const (
	headLag         = 2 * time.Minute
	endpointTimeout = 30 * time.Second
)

// checkEndpoints asks each endpoint by itself, all at once.
func checkEndpoints(ctx context.Context, cfg *config.Config, needs map[sdk.ChainID]standstill, paths map[sdk.ChainID][]string) []check {
	var endpoints []gateway.Chain
	var checks []check
	for _, c := range gatewayChains(cfg) {
		if len(c.Endpoints) == 0 {
			checks = append(checks, check{"chain " + string(c.ID), "warn", "it has no endpoint", "add one if a job should read it"})
		}
		for _, e := range c.Endpoints {
			one := c
			one.Endpoints, one.Verify = []gateway.Endpoint{e}, 0
			endpoints = append(endpoints, one)
		}
	}
	found, reaches := make([]check, len(endpoints)), make([]*reach, len(endpoints))
	var all sync.WaitGroup
	for i, c := range endpoints {
		all.Go(func() { found[i], reaches[i] = checkEndpoint(ctx, c, needs[c.ID].most, paths[c.ID]) })
	}
	all.Wait()
	checks = append(checks, found...)
	for i := 0; i < len(endpoints); {
		chain := endpoints[i].ID
		var known []reach
		for ; i < len(endpoints) && endpoints[i].ID == chain; i++ {
			if reaches[i] != nil {
				known = append(known, *reaches[i])
			}
		}
		if need, read := needs[chain]; read && len(known) > 0 {
			checks = append(checks, checkPast(chain, need, known))
		}
	}
	return checks
}

// checkEndpoint asks one endpoint for its identity, its newest final block, its
// head beside our clock, and old state, also that as old as need; one of an API for the
// paths that plugins read. The reach is nil if it was not found out.
func checkEndpoint(ctx context.Context, chain gateway.Chain, need time.Duration, paths []string) (check, *reach) {
	ctx, cancel := context.WithTimeout(ctx, endpointTimeout)
	defer cancel()
	c := check{what: fmt.Sprintf("endpoint %s (%s)", chain.Endpoints[0].Alias, chain.ID), state: "ok"}
	found, reached, err := askEndpoint(ctx, chain, need, paths)
	c.found = strings.Join(found, ", ")
	if err == nil {
		return c, reached
	}
	c.state = "fail"
	c.found = strings.TrimPrefix(c.found+"; "+err.Error(), "; ")
	var skew *skewError
	var depth *depthError
	switch {
	case errors.As(err, &skew):
		c.state, c.todo = "warn", "compare this machine's clock (timedatectl); if it is right, the endpoint lags: prefer another one"
	case errors.As(err, &depth):
		c.todo = "remove archive: true, or use an endpoint that keeps all state"
	case sdk.KindOf(err) == sdk.KindIdentity:
		c.todo = "correct its address: it serves another chain"
	case sdk.KindOf(err) == sdk.KindConfig:
		c.todo = "correct its address, key and headers"
	default:
		c.todo = "check the network, the key and the limits of its plan; jobs use the other endpoints meanwhile"
	}
	return c, reached
}

// skewError says that the head of the chain and our clock are far apart.
type skewError struct{ by time.Duration }

func (e *skewError) Error() string {
	if e.by < 0 {
		return fmt.Sprintf("its newest block is %s ahead of this machine's clock", -e.by)
	}
	return fmt.Sprintf("its newest block is %s old", e.by)
}

// depthError says that old state is not there.
type depthError struct{ err error }

func (e *depthError) Error() string { return fmt.Sprintf("it does not have old state: %v", e.err) }
func (e *depthError) Unwrap() error { return e.err }

func askEndpoint(ctx context.Context, chain gateway.Chain, need time.Duration, paths []string) (found []string, reached *reach, err error) {
	g, err := gateway.New(gateway.Options{Chains: []gateway.Chain{chain}, Attempts: 2, PresentGrace: time.Hour})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	session, err := g.Open(ctx, gateway.Scope{Chain: chain.ID, Plugin: "doctor", Tick: time.Now(), Paths: paths})
	if err != nil {
		return nil, nil, err
	}
	defer session.Close()
	if chain.Kind == gateway.API {
		found, err = askAPI(ctx, session, paths)
		return found, nil, err
	}
	// The gateway knows best what is wrong, and hides the address.
	ask := func(into any, method string, params ...any) error {
		err := call(ctx, session.URL(), into, method, params...)
		if cause := session.Err(); err != nil && cause != nil {
			return cause
		}
		return err
	}

	var head time.Time
	var final string
	var top uint64
	switch chain.Kind {
	case gateway.Solana:
		head, final, err = solanaHead(ctx, g, chain.ID)
	case gateway.Beacon:
		head, final, err = beaconHead(ctx, g, chain.ID, session)
	default:
		top, head, final, err = evmHead(ask)
	}
	if err != nil {
		return nil, nil, err
	}
	found = append(found, "its chain is right", final)
	if chain.Kind == gateway.EVM {
		r, err := evmReach(ask, top, head, need)
		if err != nil {
			return found, nil, err
		}
		if chain.Endpoints[0].Archive && !r.all {
			return found, &r, &depthError{r.end}
		}
		found, reached = append(found, r.String()), &r
	}
	if by := time.Since(head).Round(time.Second); by > headLag || by < -10*time.Second {
		return found, reached, &skewError{by}
	}
	return append(found, fmt.Sprintf("head %s old", time.Since(head).Round(time.Second))), reached, nil
}

type asker func(into any, method string, params ...any) error

func evmHead(ask asker) (top uint64, head time.Time, final string, err error) {
	var latest, finalized struct{ Number, Timestamp string }
	if err := ask(&latest, "eth_getBlockByNumber", "latest", false); err != nil {
		return 0, head, "", err
	}
	if err := ask(&finalized, "eth_getBlockByNumber", "finalized", false); err != nil {
		return 0, head, "", fmt.Errorf("it does not tell the finalised block: %w", err)
	}
	at, err := strconv.ParseInt(latest.Timestamp, 0, 64)
	if err != nil {
		return 0, head, "", errors.New("it answered a block without a time")
	}
	top, err = strconv.ParseUint(latest.Number, 0, 64)
	if err != nil {
		return 0, head, "", errors.New("it answered a block without a number")
	}
	done, err := strconv.ParseUint(finalized.Number, 0, 64)
	if err != nil || done > top {
		return 0, head, "", errors.New("it answered a finalised block that is none")
	}
	return top, time.Unix(at, 0), fmt.Sprintf("block %d, %d of them not final", top, top-done), nil
}

// solanaHead reads the chain's own clock, as the anchors do.
func solanaHead(ctx context.Context, g *gateway.Gateway, chain sdk.ChainID) (head time.Time, final string, err error) {
	a, err := g.Anchor(ctx, chain, time.Now())
	if err != nil {
		return head, "", err
	}
	return a.Time, fmt.Sprintf("slot %d final, epoch %d", a.Height, a.Epoch), nil
}

// beaconHead counts the slots, of 12 s, from the finalised block to the head.
func beaconHead(ctx context.Context, g *gateway.Gateway, chain sdk.ChainID, session *gateway.Session) (head time.Time, final string, err error) {
	a, err := g.Anchor(ctx, chain, time.Now())
	if err != nil {
		return head, "", err
	}
	raw, err := rest.Get(ctx, session.URL(), "/eth/v1/beacon/headers/head")
	if cause := session.Err(); cause != nil {
		return head, "", cause
	}
	if err != nil {
		return head, "", err
	}
	var answer struct {
		Data struct {
			Header struct {
				Message struct {
					Slot uint64 `json:"slot,string"`
				} `json:"message"`
			} `json:"header"`
		} `json:"data"`
	}
	err = json.Unmarshal(raw.Body, &answer)
	top := answer.Data.Header.Message.Slot
	if err != nil || top < a.Height {
		return head, "", errors.New("it does not tell its head")
	}
	ahead := top - a.Height
	return a.Time.Add(time.Duration(ahead) * 12 * time.Second), fmt.Sprintf("slot %d, %d of them not final", top, ahead), nil
}

// askAPI asks for every path that a plugin reads.
func askAPI(ctx context.Context, session *gateway.Session, paths []string) (found []string, err error) {
	if len(paths) == 0 {
		return []string{"not asked: no plugin reads it"}, nil
	}
	for _, path := range paths {
		if _, err := rest.Get(ctx, session.URL(), path); err != nil {
			return found, err // of the gateway, with its kind
		}
		found = append(found, "it answers "+path)
	}
	return found, nil
}

// call asks one JSON-RPC question.
func call(ctx context.Context, address string, into any, method string, params ...any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return errors.New("no answer in time") // err shows the session's address
	}
	defer resp.Body.Close()
	var answer struct {
		Result json.RawMessage
		Error  *struct {
			Code    int
			Message string
			Data    any
		}
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 8<<20)).Decode(&answer); err != nil {
		return fmt.Errorf("%s: the answer is no JSON-RPC", method)
	}
	if answer.Error != nil {
		if kind, ok := sdk.GatewayKind(answer.Error.Code, answer.Error.Data); ok {
			return sdk.Errorf(kind, "%s", answer.Error.Message)
		}
		return fmt.Errorf("%s: %s", method, answer.Error.Message)
	}
	if len(answer.Result) == 0 || string(answer.Result) == "null" {
		return fmt.Errorf("%s: no result", method)
	}
	return json.Unmarshal(answer.Result, into)
}
