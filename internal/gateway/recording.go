package gateway

import (
	"bytes"
	"encoding/json"
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

// A recording is one file a task, DIR/<chain>/<tick>/<plugin>.json, or
// anchor.json for the blocks that prove the tick's anchor. It holds no URL and
// no key, is sorted by request, and is meant to be read and compared by people.

// anchorFile is the name of the recording of a tick's anchor.
const anchorFile = "anchor"

// tickLayout is the folder of a tick, in UTC.
const tickLayout = "2006-01-02T15-04-05Z"

// place is where the exchanges of one task are kept.
type place struct {
	chain sdk.ChainID
	tick  time.Time
	name  string // plugin, or anchorFile
}

// path is relative to the folder of the recording.
func (p place) path() string {
	return filepath.Join(string(p.chain), p.tick.UTC().Format(tickLayout), p.name+".json")
}

// recording is the content of one file. Quality and Note are written by people
// and kept when the exchanges are recorded again.
type recording struct {
	Quality   sdk.Quality `json:"quality"`
	Note      string      `json:"note"`
	Exchanges []exchange  `json:"exchanges"`
}

// exchange is one call and its final outcome.
type exchange struct {
	Method   string          `json:"method"`
	Params   json.RawMessage `json:"params"` // canonical
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *rpcError       `json:"error,omitempty"`
	Endpoint string          `json:"endpoint"`
}

func (x exchange) key() string { return x.Method + " " + string(x.Params) }

// tape collects the exchanges of a session. A request made twice keeps its last
// answer.
type tape struct {
	mu    sync.Mutex
	byKey map[string]exchange
}

func newTape() *tape { return &tape{byKey: map[string]exchange{}} }

func (t *tape) add(kind string, c call, r reply) {
	params, err := canonical(kind, c.params)
	if err != nil {
		return // an endpoint answered, so the params were JSON
	}
	x := exchange{Method: c.method, Params: params, Result: r.result, Error: r.rpc, Endpoint: r.alias}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byKey[x.key()] = x
}

func (t *tape) exchanges() []exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]exchange, 0, len(t.byKey))
	for _, x := range t.byKey {
		list = append(list, x)
	}
	return list
}

// recorder writes recordings.
type recorder struct {
	dir string
	mu  sync.Mutex // one merge at a time
}

func newRecorder(dir string) (*recorder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "make the folder for recordings: %w", err)
	}
	return &recorder{dir: dir}, nil
}

// save merges exchanges into the file of a place and replaces it atomically.
func (r *recorder) save(p place, list []exchange) error {
	if len(list) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	path := filepath.Join(r.dir, p.path())
	old, err := readRecording(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return sdk.Errorf(sdk.KindConfig, "merge into recording %s: %w; move the file away", p.path(), err)
	}
	merged := map[string]exchange{}
	for _, x := range slices.Concat(old.Exchanges, list) {
		merged[x.key()] = x
	}
	next := recording{Quality: old.Quality, Note: old.Note}
	for _, x := range merged {
		next.Exchanges = append(next.Exchanges, x)
	}
	slices.SortFunc(next.Exchanges, func(a, b exchange) int { return strings.Compare(a.key(), b.key()) })
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(next); err != nil {
		return sdk.Errorf(sdk.KindInternal, "encode recording %s: %w", p.path(), err)
	}
	if err := writeAtomically(path, b.Bytes()); err != nil {
		return sdk.Errorf(sdk.KindTransient, "write recording %s: %w", p.path(), err)
	}
	return nil
}

// writeAtomically leaves either the old file or the whole new one.
func writeAtomically(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".recording-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// readRecording reads a file and compacts its results, so that what a replay
// serves has the bytes a node sends.
func readRecording(path string) (recording, error) {
	var rec recording
	raw, err := os.ReadFile(path)
	if err != nil {
		return rec, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&rec); err != nil {
		return rec, err
	}
	for i := range rec.Exchanges {
		x := &rec.Exchanges[i]
		if x.Result != nil {
			x.Result = compact(x.Result)
		}
		if x.Error != nil && x.Error.Data != nil {
			x.Error.Data = compact(x.Error.Data)
		}
		x.Params = compact(x.Params)
	}
	return rec, nil
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}
