package gateway

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// errUnrecorded marks requests a replay cannot answer.
var errUnrecorded = errors.New("not recorded")

// player answers from a folder of recordings.
type player struct {
	dir string

	mu     sync.Mutex
	files  map[string]*track                      // by path
	shared map[sdk.ChainID]func() (*track, error) // pinned exchanges of all files of a chain
}

// track is a recording made searchable.
type track struct {
	quality sdk.Quality
	note    string
	missing bool // there is no such file
	list    []exchange
	byKey   map[string]exchange
}

func newPlayer(dir string) (*player, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("not a folder")
	}
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "open the recordings to replay: %w", err)
	}
	return &player{dir: dir, files: map[string]*track{}, shared: map[sdk.ChainID]func() (*track, error){}}, nil
}

// load reads a file once. A file that does not exist is an empty track.
func (p *player) load(kind, path string) (*track, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, ok := p.files[path]; ok {
		return t, nil
	}
	rec, err := readRecording(filepath.Join(p.dir, path))
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, sdk.Errorf(sdk.KindConfig, "read recording %s: %w", path, err)
	}
	t := &track{quality: rec.Quality, note: rec.Note, missing: missing, list: rec.Exchanges, byKey: map[string]exchange{}}
	for _, x := range rec.Exchanges {
		params, err := canonical(kind, x.Params) // a person may have written the file
		if err != nil {
			return nil, sdk.Errorf(sdk.KindConfig, "read recording %s: params of %s: %w", path, x.Method, err)
		}
		x.Params = params
		t.byKey[x.key()] = x
	}
	p.files[path] = t
	return t, nil
}

// pinned collects what is true for ever in all files of a chain.
func (p *player) pinned(c *chain) (*track, error) {
	p.mu.Lock()
	collect, ok := p.shared[c.ID]
	if !ok {
		collect = sync.OnceValues(func() (*track, error) {
			all := &track{byKey: map[string]exchange{}}
			paths, err := filepath.Glob(filepath.Join(p.dir, string(c.ID), "*", "*.json"))
			if err != nil {
				return nil, sdk.Errorf(sdk.KindConfig, "list recordings of %s: %w", c.ID, err)
			}
			for _, path := range paths { // sorted, so the newest tick wins
				rel, err := filepath.Rel(p.dir, path)
				if err != nil {
					return nil, sdk.Errorf(sdk.KindInternal, "list recordings of %s: %w", c.ID, err)
				}
				t, err := p.load(c.Kind, rel)
				if err != nil {
					return nil, err
				}
				for k, x := range t.byKey {
					if string(x.Result) != "null" && pinned(c.Kind, call{x.Method, x.Params}) {
						all.byKey[k] = x
					}
				}
			}
			return all, nil
		})
		p.shared[c.ID] = collect
	}
	p.mu.Unlock()
	return collect()
}

// answer looks each call up in the place's own file, then, if its block is
// named, in every other file of the chain.
func (p *player) answer(c *chain, at place, calls []call) []reply {
	replies := make([]reply, len(calls))
	for i, one := range calls {
		replies[i] = p.one(c, at, one)
	}
	return replies
}

func (p *player) one(c *chain, at place, one call) reply {
	params, err := canonical(c.Kind, one.params)
	if err != nil {
		return reply{fail: sdk.Errorf(sdk.KindInternal, "chain %s: %s: params are not JSON: %w", c.ID, one.method, err)}
	}
	key := exchange{Method: one.method, Params: params}.key()
	own, err := p.load(c.Kind, at.path())
	if err != nil {
		return reply{fail: err}
	}
	x, ok := own.byKey[key]
	if !ok && pinned(c.Kind, one) {
		all, err := p.pinned(c)
		if err != nil {
			return reply{fail: err}
		}
		x, ok = all.byKey[key]
	}
	if !ok {
		state := "it is not in the file"
		if own.missing {
			state = "there is no such file"
		}
		return reply{fail: sdk.Errorf(sdk.KindConfig, "replay: request %s %s is %w in %s (%s); record it first",
			one.method, shorten(string(params), 200), errUnrecorded, filepath.ToSlash(at.path()), state)}
	}
	return reply{result: x.Result, rpc: x.Error, alias: x.Endpoint}
}

// note returns the header of a place's file, or of the anchor's.
func (p *player) note(c *chain, at place) (sdk.Quality, string) {
	for _, name := range []string{at.name, anchorFile} {
		at.name = name
		if t, err := p.load(c.Kind, at.path()); err == nil && (t.quality != "" || t.note != "") {
			return t.quality, t.note
		}
	}
	return "", ""
}

// RecordedTicks lists the ticks a replay has exchanges for, ascending; of one
// plugin, or of any if plugin is empty. It is an error when not replaying.
func (g *Gateway) RecordedTicks(id sdk.ChainID, plugin string) ([]time.Time, error) {
	if g.player == nil {
		return nil, sdk.Errorf(sdk.KindConfig, "list recorded ticks: the gateway does not replay")
	}
	if plugin == "" {
		plugin = "*"
	}
	paths, err := filepath.Glob(filepath.Join(g.player.dir, string(id), "*", plugin+".json"))
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "list recorded ticks of %s: %w", id, err)
	}
	var ticks []time.Time
	for _, path := range paths {
		if strings.HasPrefix(filepath.Base(path), ".") {
			continue
		}
		if t, err := time.Parse(tickLayout, filepath.Base(filepath.Dir(path))); err == nil {
			ticks = append(ticks, t)
		}
	}
	slices.SortFunc(ticks, time.Time.Compare)
	return slices.CompactFunc(ticks, time.Time.Equal), nil
}
