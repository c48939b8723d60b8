package gateway

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Scope says whose session it is. It is the session's place in recordings.
type Scope struct {
	Chain  sdk.ChainID
	Plugin string
	Tick   time.Time // the first tick of the task
	Paths  []string  // of an API: all that may be asked, by GET
}

// Session is the door of one task to one chain. It is safe for concurrent use.
type Session struct {
	g      *Gateway
	chain  *chain
	scope  Scope
	token  string
	ctx    context.Context
	cancel context.CancelFunc
	tally  *tally
	calls  sync.WaitGroup
	once   sync.Once

	mu     sync.Mutex
	closed bool
	err    error
	seen   map[[sha256.Size]byte]string
	tape   *tape // nil unless recording
}

// Open starts a session. It answers until Close or until ctx is done.
func (g *Gateway) Open(ctx context.Context, scope Scope) (*Session, error) {
	c, err := g.chain(scope.Chain)
	if err != nil {
		return nil, err
	}
	if !safeName.MatchString(scope.Plugin) || scope.Plugin == anchorFile {
		return nil, sdk.Errorf(sdk.KindConfig, "open a session: plugin name %q must match %s and not be %q", scope.Plugin, safeName, anchorFile)
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails since Go 1.24
	s := &Session{g: g, chain: c, scope: scope, token: hex.EncodeToString(secret[:]), tally: newTally(),
		seen: map[[sha256.Size]byte]string{}}
	s.ctx, s.cancel = context.WithCancel(ctx)
	if g.recorder != nil {
		s.tape = newTape()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		s.cancel()
		return nil, sdk.Errorf(sdk.KindTransient, "open a session: %w", errClosed)
	}
	g.sessions[s.token] = s
	return s, nil
}

// URL is the address for the plugin: a loopback port and an unguessable path.
func (s *Session) URL() string { return s.g.base + s.token }

// Seen reports whether a result with this SHA-256 (hex, of the raw
// bytes) passed through the session, and the alias of the endpoint it came from.
func (s *Session) Seen(digest string) (alias string, ok bool) {
	raw, err := hex.DecodeString(digest)
	if err != nil || len(raw) != sha256.Size {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	alias, ok = s.seen[[sha256.Size]byte(raw)]
	return alias, ok
}

// Stats returns the cost so far. It stays readable after Close.
func (s *Session) Stats() SessionStats { return s.tally.session() }

// Note returns the quality and the note in the header of the recording being
// replayed, or of the recorded anchor of the tick; both empty otherwise.
func (s *Session) Note() (quality sdk.Quality, note string) {
	if s.g.player == nil {
		return "", ""
	}
	return s.g.player.note(s.chain, s.place())
}

// Err returns the first trouble the gateway could not overcome, with its kind:
// an unrecorded request, the wrong chain, two endpoints that disagree, retries
// spent. It explains a failure; a plugin that coped with it has not failed.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close stops answering, waits for requests under way, and writes the
// recording. A recording that cannot be written is logged and becomes Err.
func (s *Session) Close() {
	s.g.mu.Lock()
	delete(s.g.sessions, s.token)
	s.g.mu.Unlock()
	s.once.Do(s.end) // a second Close waits for the first
}

func (s *Session) end() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.calls.Wait()
	if s.tape == nil {
		return
	}
	if err := s.g.recorder.save(s.place(), s.tape.exchanges()); err != nil {
		s.fail(err)
		s.g.log.Error("recording not written", slog.String("chain", string(s.scope.Chain)),
			slog.String("plugin", s.scope.Plugin), slog.Any("error", err))
	}
}

func (s *Session) place() place {
	return place{chain: s.scope.Chain, tick: s.scope.Tick, name: s.scope.Plugin}
}

func (s *Session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// enter counts a request under way; it reports false once the session is closed.
func (s *Session) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.calls.Add(1)
	return true
}

// do answers calls, refusing those that are no reads, and notes what passed.
func (s *Session) do(ctx context.Context, calls []call) []reply {
	ctx, cancel := context.WithTimeout(ctx, s.g.opts.CallTimeout)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()

	replies := make([]reply, len(calls))
	var allowed []call
	var index []int
	for i, c := range calls {
		if !s.mayRead(c.method) {
			replies[i].fail = sdk.Errorf(sdk.KindConfig, "method %q is %w: a plugin may only read %s%s", shorten(c.method, 64), errRefused, s.chain.ID, s.declared())
			continue
		}
		allowed = append(allowed, c)
		index = append(index, i)
	}
	if len(allowed) > 0 {
		d := demand{archive: s.g.archive(s.scope.Tick), tallies: tallies{s.tally}}
		for k, r := range s.g.answer(ctx, s.chain, s.place(), allowed, d) {
			replies[index[k]] = r
			s.note(allowed[k], r)
		}
	}
	return replies
}

// mayRead reports whether the plugin may use a method. What is a read of an API only
// the plugin knows, so it has said before which paths it will ask for.
func (s *Session) mayRead(method string) bool {
	if s.chain.Kind == API {
		path, isGet := strings.CutPrefix(method, http.MethodGet+" ")
		return isGet && slices.Contains(s.scope.Paths, path)
	}
	return mayRead(s.chain.Kind, method)
}

// declared says what may be read of an API.
func (s *Session) declared() string {
	if s.chain.Kind != API {
		return ""
	}
	return fmt.Sprintf(", and of that by GET the paths its card declares: %q", s.scope.Paths)
}

// note remembers a reply: its digest, its recording, its error.
func (s *Session) note(c call, r reply) {
	if r.alias != "" {
		tallies{s.tally}.used(r.alias)
	}
	if s.tape != nil && r.fail == nil {
		s.tape.add(s.chain.Kind, c, r)
	}
	switch {
	case r.fail != nil:
		if errors.Is(r.fail, errUnrecorded) {
			tallies{s.tally}.trouble(classUnrecorded)
		}
		if s.ctx.Err() == nil { // after that, the end of the task is the reason
			s.fail(r.fail)
		}
	case r.result != nil:
		s.mu.Lock()
		s.seen[sha256.Sum256(r.result)] = r.alias
		s.mu.Unlock()
	}
}
