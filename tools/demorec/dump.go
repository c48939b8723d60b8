package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	marinade "github.com/lst-pipeline/lst-pipeline/plugins/marinade/state"
	solido "github.com/lst-pipeline/lst-pipeline/plugins/solido/state"
	"github.com/lst-pipeline/lst-pipeline/plugins/stakepool/pool"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// dump is an account as a public repository holds it, with where it was found.
type dump struct {
	what    string
	repo    string
	path    string
	commit  string
	taken   time.Time // the day it was committed: it is not younger
	licence string

	owner    solana.PublicKey
	lamports uint64
	data     []byte
}

// readDump reads one file of solana/ and its line in PROVENANCE.md.
func readDump(files fs.FS, name string) (dump, error) {
	d, err := provenanceOf(files, name)
	if err != nil {
		return d, err
	}
	raw, err := fs.ReadFile(files, path.Join("solana", name))
	if err != nil {
		return d, err
	}
	type body struct {
		Lamports *uint64          `json:"lamports"`
		Owner    solana.PublicKey `json:"owner"`
		Data     []string         `json:"data"`
	}
	var file struct {
		Account *body `json:"account"`
		body
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return d, fmt.Errorf("%s: %w", name, err)
	}
	a := file.body
	if file.Account != nil {
		a = *file.Account
	}
	if a.Lamports == nil || len(a.Data) != 2 || a.Data[1] != "base64" {
		return d, fmt.Errorf("%s: no account with lamports and base64 data", name)
	}
	d.owner, d.lamports = a.Owner, *a.Lamports
	if d.data, err = base64.StdEncoding.DecodeString(a.Data[0]); err != nil {
		return d, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// provenanceOf finds a file in the table of solana/PROVENANCE.md: what, file,
// repository, path, commit, day of the commit, sizes, licence.
func provenanceOf(files fs.FS, name string) (dump, error) {
	text, err := fs.ReadFile(files, "solana/PROVENANCE.md")
	if err != nil {
		return dump{}, err
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) < 12 || cells[2] != name {
			continue
		}
		taken, err := time.Parse(time.DateOnly, cells[6])
		if err != nil {
			return dump{}, fmt.Errorf("%s: %w", name, err)
		}
		return dump{what: cells[1], repo: cells[3], path: cells[4], commit: cells[5], taken: taken, licence: cells[10]}, nil
	}
	return dump{}, fmt.Errorf("%s is not in PROVENANCE.md", name)
}

// account decodes a dump with the plugins' own decoders.
func (d dump) account(name string) (a account, err error) {
	address, _, _ := strings.Cut(name, ".")
	if a.Address, err = solana.ParseKey(address); err != nil {
		return a, err
	}
	a.What, a.Owner, a.Lamports = d.what, d.owner, d.lamports
	a.Source = fmt.Sprintf("%s %s @%.7s", d.repo, d.path, d.commit)
	switch {
	case len(d.data) == 0:
	case strings.Contains(d.what, "mint"):
		a.Mint, err = keep(solana.DecodeMint(d.data))
	case d.owner == solana.StakeProgram:
		a.Stake, err = keep(solana.DecodeStakeAccount(d.data))
	case strings.HasPrefix(d.what, "Marinade State"):
		a.Marinade, err = keep(marinade.Decode(d.data))
	case strings.HasSuffix(d.what, "stake pool"):
		a.StakePool, err = keep(pool.Decode(d.data))
	case strings.HasSuffix(d.what, "validator list"):
		a.ValidatorList, err = keep(pool.DecodeListHead(d.data))
	case strings.HasPrefix(d.what, "Lido (Solido) state"):
		a.Solido, err = keep(solido.Decode(d.data))
	default:
		err = fmt.Errorf("%s: no decoder for %q", name, d.what)
	}
	return a, err
}

func keep[T any](v T, err error) (*T, error) { return &v, err }
