package main

import (
	"io/fs"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// hostility is one way for a chain to misbehave, and what must come of it.
type hostility struct {
	name  string
	spoil func(t *testing.T, n *chaintest.Net)
	// ledger is what ingest_task must say, by plugin: "state|class|error", of which
	// the error is a pattern. Plugins not named here must have all their rows.
	ledger map[string]string
	// held are the rows of quarantine as "token|metric|check|reason", the reason a
	// pattern.
	held []string
	// unknown are facts that must be there without a number: "token|metric|reason".
	unknown []string
	// shared plugins use the spoilt endpoint and may or may not come too late.
	shared []string
}

func onContract(address string, f chaintest.Fault) func(*testing.T, *chaintest.Net) {
	return func(_ *testing.T, n *chaintest.Net) { n.SpoilEthereum(chaintest.Contract(address), f) }
}

func onEthereum(mark string, f chaintest.Fault) func(*testing.T, *chaintest.Net) {
	return func(_ *testing.T, n *chaintest.Net) { n.SpoilEthereum(mark, f) }
}

func onSolana(mark string, f chaintest.Fault) func(*testing.T, *chaintest.Net) {
	return func(_ *testing.T, n *chaintest.Net) { n.SpoilSolana(mark, f) }
}

// same gives several plugins one expectation.
func same(want string, plugins ...string) map[string]string {
	m := map[string]string{}
	for _, p := range plugins {
		m[p] = want
	}
	return m
}

var maxUint256 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))

// hostileEthereum and hostileSolana are what the two chains do.
var hostileEthereum = []hostility{
	{
		name: "a json-rpc error nobody knows", spoil: onContract(chaintest.StETH, chaintest.RPCError(-32000, "something odd")),
		ledger: same("failed|transient|eth_call failed: something odd", "lido"),
	}, {
		name: "internal errors for everything", spoil: onEthereum("", chaintest.RPCError(-32603, "internal error")),
		ledger: same("failed|transient|endpoint \"eth\".*json-rpc error -32603", "chainlink", "lido", "rocketpool"),
	}, {
		name: "garbage for one contract", spoil: onContract(chaintest.StETH, chaintest.Garbage),
		ledger: same("failed|transient|endpoint \"eth\".*not JSON", "lido"),
	}, {
		name: "another chain's id", spoil: onEthereum("eth_chainId", chaintest.Result("eth_chainId", "0x5")),
		ledger: same("failed|identity|endpoint \"eth\": serves another chain: it answers \"5\", want chain id 1", "chainlink", "lido", "rocketpool"),
	}, {
		name: "429 for an hour", spoil: onContract(chaintest.StETH, chaintest.Status(http.StatusTooManyRequests, "3600")),
		ledger: same("failed|transient|http 429.*asks to be left alone for 1h0m0s", "lido"), shared: []string{"chainlink", "rocketpool"},
	}, {
		name: "answers that break off", spoil: onContract(chaintest.RETH, chaintest.Truncated),
		ledger: same("failed|transient|cut short", "rocketpool"),
	}, {
		name: "a contract that keeps silent", spoil: onContract(chaintest.RETH, chaintest.Silent),
		ledger: same("failed|transient|no answer in time", "rocketpool"),
	}, {
		name: "a block that was reorganised", spoil: func(_ *testing.T, n *chaintest.Net) { n.Ethereum.Reorganise() },
		ledger: same("failed|transient|header not found", "chainlink", "lido", "rocketpool"),
	}, {
		name: "2^256-1 for the backing", spoil: func(_ *testing.T, n *chaintest.Net) { n.Ethereum.Answer(chaintest.TotalPooledEther, maxUint256) },
		held: []string{
			"steth|exchange_rate|bounds|outside 0.5 to 100",
			"steth|backing_internal_native|bounds|backing_internal_native is 1157920892.*, outside 0 to 1000000000000",
		},
		unknown: []string{"steth|backing_native|the contract answered 2\\^256-1"},
	}, {
		name: "2^256-1 for the deposit pool", spoil: func(_ *testing.T, n *chaintest.Net) { n.Ethereum.Answer(chaintest.PoolBalance, maxUint256) },
		held: []string{"reth|buffer_native|bounds|buffer_native is 1157920892.*, outside 0 to 1000000000000"},
	}, {
		name: "a price below zero", spoil: func(_ *testing.T, n *chaintest.Net) {
			n.Ethereum.Answer(chaintest.LatestRound(chaintest.ETHUSD), 7, maxUint256, time.Now().Unix()-3600, time.Now().Unix()-3600, 7)
		},
		unknown: []string{"ETH|USD/chainlink|the feed answered -1, which is no price"},
	}, {
		name: "a negative balance of the depositors", spoil: func(_ *testing.T, n *chaintest.Net) {
			n.Ethereum.Answer(chaintest.PoolNodeBalance, new(big.Int).Exp(big.NewInt(10), big.NewInt(22), nil))
		},
		unknown: []string{"reth|buffer_native|the depositors' balance of the pool is -9975000000000000000000 wei"},
	},
}

var hostileSolana = []hostility{
	{
		name: "garbage for everything", spoil: onSolana("", chaintest.Garbage),
		ledger: same("failed|transient|endpoint \"sol\".*not JSON", "marinade", "stakepool"),
	}, {
		name: "another cluster's genesis", spoil: onSolana("getGenesisHash", chaintest.Result("getGenesisHash", "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY")),
		ledger: same("failed|identity|endpoint \"sol\": serves another chain: it answers \"4uhc", "marinade", "stakepool"),
	}, {
		name: "429 without end", spoil: onSolana(chaintest.MarinadeState, chaintest.Status(http.StatusTooManyRequests, "")),
		ledger: same("failed|transient|http 429", "marinade"), shared: []string{"stakepool"},
	}, {
		name: "a chain that keeps silent", spoil: onSolana("", chaintest.Silent),
		ledger: same("failed|transient|no answer in time|the time for this call is over", "marinade", "stakepool"),
	}, {
		name: "an account that is null", spoil: func(_ *testing.T, n *chaintest.Net) { n.Solana.Remove(solana.MustKey(chaintest.MarinadeState)) },
		ledger: same("have|no_data|account 8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC does not exist", "marinade"),
	}, {
		name: "an account of another owner", spoil: func(t *testing.T, n *chaintest.Net) {
			key := solana.MustKey(chaintest.JitoPool)
			account := chaintest.SolanaState(t, time.Now()).Accounts[key]
			account.Owner = solana.SystemProgram
			n.Solana.Set(key, account)
		},
		ledger: same("partial|identity|jitosol: .*account Jito4APyf642JPZPx3hGc6WWJ8zPKtRbRs4P815Awbb belongs to program 11111111111111111111111111111111", "stakepool"),
	}, {
		name: "an account of unknown layout", spoil: func(t *testing.T, n *chaintest.Net) {
			key := solana.MustKey(chaintest.MarinadeState)
			account := chaintest.SolanaState(t, time.Now()).Accounts[key]
			account.Data = append([]byte{1, 2, 3, 4, 5, 6, 7, 8}, account.Data[8:]...)
			n.Solana.Set(key, account)
		},
		ledger: same("failed|layout|marinade state: field discriminator", "marinade"),
	},
}

// with adds another hostility, of the other chain.
func (h hostility) with(o hostility) hostility {
	sum := hostility{
		name: h.name + ", " + o.name, ledger: map[string]string{},
		spoil:   func(t *testing.T, n *chaintest.Net) { h.spoil(t, n); o.spoil(t, n) },
		held:    slices.Concat(h.held, o.held),
		unknown: slices.Concat(h.unknown, o.unknown),
		shared:  slices.Concat(h.shared, o.shared),
	}
	maps.Copy(sum.ledger, h.ledger)
	maps.Copy(sum.ledger, o.ledger)
	return sum
}

// TestEveryHostilityHasItsName runs the pipeline once against each hostile chain:
// the ledger names what happened, no wrong number is stored, and what other plugins
// read is. One run takes a hostility of each chain, as they cannot meet.
func TestEveryHostilityHasItsName(t *testing.T) {
	t.Parallel()
	var sound soundNumbers
	for i := range max(len(hostileEthereum), len(hostileSolana)) {
		var h hostility
		switch {
		case i >= len(hostileSolana):
			h = hostileEthereum[i]
		case i >= len(hostileEthereum):
			h = hostileSolana[i]
		default:
			h = hostileEthereum[i].with(hostileSolana[i])
		}
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			h.run(t, &sound)
		})
	}
}

func (h hostility) run(t *testing.T, sound *soundNumbers) {
	o := patient
	o.exchange, o.task = time.Second, 12*time.Second
	s := newSite(t, o)
	h.spoil(t, s.net)
	end := s.run("run", "--record", filepath.Join(s.dir, "recordings"))
	want := exitOK
	for _, outcome := range h.ledger {
		if !strings.HasPrefix(outcome, "have") {
			want = exitIncomplete
		}
	}
	if end.code != want {
		t.Errorf("exit code %d, want %d\n%s", end.code, want, end.stderr)
	}
	tasks := s.ask(`SELECT plugin, state, error_class, error, rows FROM ingest_task ORDER BY 1`)
	for _, row := range tasks {
		h.checkTask(t, row)
	}
	if len(tasks) != 1+len(o.plugins) {
		t.Errorf("the ledger has %v", tasks)
	}
	// cbETH is declared by the plugin history, which the site does not have.
	checkRows(t, "quarantine", h.held, s.ask(`SELECT token_id, metric_id, check_name, reason FROM quarantine WHERE token_id <> 'cbeth'`), true)
	checkRows(t, "unknown", h.unknown, s.ask(`SELECT token_id, metric_id, reason FROM metric_now WHERE value IS NULL
		UNION ALL SELECT base_id, quote || '/' || venue, reason FROM fact_price WHERE price IS NULL`), false)
	for _, wrong := range sound.others(t, s) {
		t.Errorf("a number no sound chain gives: %s", wrong)
	}
	s.noSecret(end)
}

// checkTask compares a row of the ledger with what is expected of its plugin.
func (h hostility) checkTask(t *testing.T, row string) {
	t.Helper()
	cells := strings.SplitN(row, "|", 4)
	plugin, got := cells[0], strings.Join(cells[1:], "|")
	want, spoilt := h.ledger[plugin]
	switch {
	case !spoilt && slices.Contains(h.shared, plugin) && strings.HasPrefix(got, "failed|transient|"):
	case !spoilt:
		want = `have|NULL|NULL\|[1-9]`
		fallthrough
	default:
		state, pattern := cut2(want)
		gotState, text := cut2(got)
		if state != gotState || !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("%s is %s, want %s", plugin, got, want)
		}
	}
}

// cut2 splits "state|class|text" before the text.
func cut2(s string) (head, text string) {
	parts := strings.SplitN(s, "|", 3)
	return parts[0] + "|" + parts[1], parts[2]
}

// checkRows finds every wanted row, whose last cell is a pattern; exact allows no
// other rows.
func checkRows(t *testing.T, what string, want, got []string, exact bool) {
	t.Helper()
	for _, w := range want {
		i := strings.LastIndex(w, "|") + 1
		pattern := regexp.MustCompile("^" + regexp.QuoteMeta(w[:i]) + ".*" + w[i:]) // text|text|pattern
		at := slices.IndexFunc(got, pattern.MatchString)
		if at < 0 {
			t.Errorf("%s lacks %s", what, w)
			continue
		}
		got = slices.Delete(slices.Clone(got), at, at+1)
	}
	if exact {
		for _, g := range got {
			t.Errorf("%s has %s", what, g)
		}
	}
}

// soundNumbers are the numbers of a sound run, by the tick it read.
type soundNumbers struct {
	mu     sync.Mutex
	byTick map[string][]string
}

const numbers = `SELECT token_id, metric_id, coalesce(value_exact::VARCHAR, value::VARCHAR) FROM metric_now
	WHERE value IS NOT NULL
	UNION ALL SELECT base_id, quote || '/' || venue, price_exact::VARCHAR FROM fact_price WHERE price IS NOT NULL`

// others returns the numbers in the site's warehouse that a sound run of the same
// tick does not store.
func (n *soundNumbers) others(t *testing.T, s *site) (wrong []string) {
	t.Helper()
	tick := s.ask(`SELECT max(tick) FROM ingest_task`)[0]
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byTick[tick] == nil {
		sound := newSite(t, patient)
		if end := sound.run("run"); end.code != exitOK {
			t.Fatalf("a sound run ends with %d\n%s", end.code, end.stderr)
		}
		if at := sound.ask(`SELECT max(tick) FROM ingest_task`)[0]; at != tick {
			t.Skipf("the day changed between two runs (%s, %s): nothing to compare with", tick, at)
		}
		n.byTick = map[string][]string{tick: sound.ask(numbers)}
	}
	for _, row := range s.ask(numbers) {
		if !slices.Contains(n.byTick[tick], row) {
			wrong = append(wrong, row)
		}
	}
	return wrong
}

// noSecret looks for the endpoint's key, and for the endpoint's address, in all
// that a run left: what it printed, the database, recordings, temporary files.
func (s *site) noSecret(end ended) {
	s.t.Helper()
	secrets := []string{chaintest.Secret, strings.TrimPrefix(s.net.EthereumURL, "http://"), strings.TrimPrefix(s.net.SolanaURL, "http://")}
	for i, u := range secrets {
		secrets[i], _, _ = strings.Cut(u, "/")
	}
	look := func(where, text string) {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				s.t.Errorf("%s holds %s", where, secret)
			}
		}
	}
	look("standard output", end.stdout)
	look("standard error", end.stderr)
	for _, root := range []string{s.dir, s.temp} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "plugins" {
				return fs.SkipDir
			}
			if err != nil || !d.Type().IsRegular() || d.Name() == "pipeline.yaml" {
				return err
			}
			data, err := os.ReadFile(path)
			look(path, string(data))
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
}
