package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Plugin is a plugin found beside the pipeline, started once and asked what it is.
type Plugin struct {
	Binary      host.Binary
	Description sdk.Description
	// Err says why the plugin cannot be used; the others still can.
	Err error
	// process stays up from discovery to its first work, which saves a start.
	process *host.Process
}

// Find lists the plugins of dir, or only the named ones. A plugin that cannot be
// used (it is not there, anybody may change it) is in the list with its error; the
// error returned is about the folder itself.
func Find(dir string, names []string) ([]*Plugin, error) {
	binaries, err := host.Find(dir)
	var plugins []*Plugin
	for _, b := range binaries {
		plugins = append(plugins, &Plugin{Binary: b})
	}
	var several interface{ Unwrap() []error }
	switch {
	case err == nil:
	case errors.As(err, &several):
		for _, e := range several.Unwrap() {
			bad, ok := errors.AsType[*host.Error](e)
			if !ok {
				return nil, err
			}
			plugins = append(plugins, &Plugin{Binary: host.Binary{Name: bad.Plugin}, Err: e})
		}
	default:
		return nil, err
	}
	if len(names) > 0 {
		plugins = slices.DeleteFunc(plugins, func(p *Plugin) bool { return !slices.Contains(names, p.Binary.Name) })
	}
	return Expect(plugins, dir, names), nil
}

// Expect adds to the list, each with its error, the named plugins that are not in
// it.
func Expect(plugins []*Plugin, dir string, names []string) []*Plugin {
	for _, n := range names {
		if !slices.ContainsFunc(plugins, func(p *Plugin) bool { return p.Binary.Name == n }) {
			plugins = append(plugins, &Plugin{Binary: host.Binary{Name: n},
				Err: sdk.Errorf(sdk.KindConfig, "plugin %q is not in %s: build it (make build), or correct the name in the configuration", n, dir)})
		}
	}
	return plugins
}

// Discover is Find and Start.
func Discover(ctx context.Context, h *host.Host, dir string, names []string) ([]*Plugin, error) {
	plugins, err := Find(dir, names)
	if err != nil {
		return nil, err
	}
	return plugins, Start(ctx, h, plugins)
}

// Start starts the plugins that Find found side by side and asks each for its
// description. What goes wrong with one is its error; the error returned is the
// context's.
func Start(ctx context.Context, h *host.Host, plugins []*Plugin) error {
	var wait sync.WaitGroup
	for _, p := range plugins {
		if p.Err != nil {
			continue
		}
		wait.Go(func() {
			p.process, p.Err = h.Start(ctx, p.Binary)
			if p.Err == nil {
				p.Description = p.process.Description()
			}
		})
	}
	wait.Wait()
	return ctx.Err()
}

// Register writes what the plugins say about themselves into the dimensions.
func Register(ctx context.Context, s *store.Store, plugins []*Plugin, r *Runner) error {
	for _, p := range plugins {
		if p.Err != nil {
			continue
		}
		if err := s.PutDimensions(ctx, p.Description, p.Binary.Name, r.now()); err != nil {
			return fmt.Errorf("register plugin %s: %w", p.Binary.Name, err)
		}
	}
	return nil
}

// take hands over the process of the discovery, or starts a new one.
func (p *Plugin) take(ctx context.Context, h *host.Host) (*host.Process, error) {
	if up := p.process; up != nil {
		p.process = nil
		if !up.Exited() {
			return up, nil
		}
	}
	return h.Start(ctx, p.Binary)
}

// Stop ends the process of the discovery if no work has taken it yet.
func (p *Plugin) Stop() {
	if p.process != nil {
		p.process.Stop()
		p.process = nil
	}
}

// Emits reports whether the plugin says that it reads the metric.
func (p *Plugin) Emits(metric sdk.MetricID) bool {
	return slices.Contains(p.Description.Metrics, metric)
}

// need returns how the plugin uses a chain.
func (p *Plugin) need(chain sdk.ChainID) (sdk.ChainNeed, bool) {
	for _, n := range p.Description.Chains {
		if n.Chain == chain {
			return n, true
		}
	}
	return sdk.ChainNeed{}, false
}

// ReadsChain reports whether the plugin reads a chain. Only such a plugin is read by a
// job that does not name it.
func (p *Plugin) ReadsChain() bool {
	return slices.ContainsFunc(p.Description.Chains, func(n sdk.ChainNeed) bool { return !n.Offline && !n.IsAPI() })
}

// readsOneOf reports whether the plugin reads at least one of the chains.
func (p *Plugin) readsOneOf(chains []sdk.ChainID) bool {
	return slices.ContainsFunc(p.Description.Chains, func(n sdk.ChainNeed) bool {
		return !n.Offline && slices.Contains(chains, n.Chain)
	})
}

// tokens indexes every token the plugins declare.
func tokens(plugins []*Plugin, log *slog.Logger) map[sdk.TokenID]sdk.Token {
	all := map[sdk.TokenID]sdk.Token{}
	for _, p := range plugins {
		for _, t := range p.Description.Tokens {
			if _, twice := all[t.ID]; twice {
				log.Warn("token declared by two plugins; the first one counts", "token", t.ID, "plugin", p.Binary.Name)
				continue
			}
			all[t.ID] = t
		}
	}
	return all
}
