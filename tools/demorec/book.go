package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/common"

	marinade "github.com/lst-pipeline/lst-pipeline/plugins/marinade/state"
	solido "github.com/lst-pipeline/lst-pipeline/plugins/solido/state"
	"github.com/lst-pipeline/lst-pipeline/plugins/stakepool/pool"
	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// book is moments.json: every number the recordings are made of.
type book struct {
	About   string   `json:"about"`
	Sources []source `json:"sources"` // those the entries name
	Moments []moment `json:"moments"` // ascending by tick
	History []task   `json:"history"` // of the plugin history, which needs no recording
}

// source is where numbers come from.
type source struct {
	Name    string `json:"name"`
	Licence string `json:"licence"`
}

// moment is one point of one chain with what is known of it.
type moment struct {
	Chain  sdk.ChainID `json:"chain"`
	Tick   time.Time   `json:"tick"`
	Height uint64      `json:"height"` // block or slot
	Time   time.Time   `json:"time"`
	// Epoch and its bounds are set on Solana.
	Epoch      uint64     `json:"epoch,omitempty"`
	EpochStart *time.Time `json:"epoch_start,omitempty"`
	EpochEnd   *time.Time `json:"epoch_end,omitempty"`
	// Estimated says what of the position is derived; empty if none of it is.
	Estimated string    `json:"estimated,omitempty"`
	Tasks     []task    `json:"tasks"`
	Calls     []answer  `json:"calls,omitempty"`
	Accounts  []account `json:"accounts,omitempty"`
}

// task is what one plugin reads at the moment.
type task struct {
	Plugin string        `json:"plugin"`
	Chain  sdk.ChainID   `json:"chain,omitempty"` // set where the moment does not say it
	Tick   time.Time     `json:"tick,omitzero"`
	Tokens []sdk.TokenID `json:"tokens,omitempty"` // empty: all
	Note   string        `json:"note"`
	// Estimated says what of the plugin's own numbers is derived.
	Estimated string `json:"estimated,omitempty"`
}

// answer is what a contract says to one call, in words of 32 bytes.
type answer struct {
	What   string         `json:"what"`
	To     common.Address `json:"to"`
	Method string         `json:"method"` // "getUint(bytes32) returns (uint256)"
	Args   []string       `json:"args,omitempty"`
	Words  []string       `json:"words"` // decimal integers, or addresses as 0x…
	Source string         `json:"source"`
}

// account is a Solana account as decoded; at most one of the layouts is set, none
// for an account that holds lamports only. Integers beyond 2^53 are meant: read
// them as integers.
type account struct {
	What     string           `json:"what"`
	Address  solana.PublicKey `json:"address"`
	Owner    solana.PublicKey `json:"owner"`
	Lamports uint64           `json:"lamports"`
	Source   string           `json:"source"`

	Marinade      *marinade.State      `json:"marinade_state,omitempty"`
	StakePool     *pool.Pool           `json:"stake_pool,omitempty"`
	ValidatorList *pool.ListHead       `json:"validator_list_head,omitempty"`
	Solido        *solido.State        `json:"solido_state,omitempty"`
	Mint          *solana.Mint         `json:"mint,omitempty"`
	Stake         *solana.StakeAccount `json:"stake_account,omitempty"`
}

// data writes the account's bytes anew from its numbers.
func (a account) data() []byte {
	switch {
	case a.Marinade != nil:
		return a.Marinade.Encode()
	case a.StakePool != nil:
		return a.StakePool.Encode()
	case a.ValidatorList != nil:
		// Only the head is known here, and only the head is asked for.
		return pool.List{MaxValidators: a.ValidatorList.MaxValidators, Validators: make([]pool.Validator, a.ValidatorList.Count)}.Encode()
	case a.Solido != nil:
		return a.Solido.Encode()
	case a.Mint != nil:
		return a.Mint.Encode()
	case a.Stake != nil:
		return a.Stake.Encode()
	}
	return nil
}

func readBook(path string) (b book, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return b, fmt.Errorf("%w; name the recorded sources with -from", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		return b, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// tasks lists all tasks in the order they are to be replayed.
func (b book) tasks() []task {
	var all []task
	for _, m := range b.Moments {
		for _, t := range m.Tasks {
			t.Chain, t.Tick = m.Chain, m.Tick
			all = append(all, t)
		}
	}
	return append(all, b.History...)
}

// files are the texts of the demo beside its recordings, by name.
func (b book) files() (map[string][]byte, error) {
	moments, err := encode(b)
	if err != nil {
		return nil, err
	}
	type entry struct {
		Plugin string        `json:"plugin"`
		Chain  sdk.ChainID   `json:"chain"`
		Tick   time.Time     `json:"tick"`
		Tokens []sdk.TokenID `json:"tokens,omitempty"`
		Note   string        `json:"note"`
	}
	manifest := struct {
		About string  `json:"about"`
		Tasks []entry `json:"tasks"`
	}{About: b.About}
	for _, t := range b.tasks() {
		manifest.Tasks = append(manifest.Tasks, entry{t.Plugin, t.Chain, t.Tick, t.Tokens, t.Note})
	}
	list, err := encode(manifest)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{momentsFile: moments, manifestFile: list, provenanceFile: []byte(b.provenance())}, nil
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return out.Bytes(), err
}
