package host

import (
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"
)

// rssEvery is how often the memory of a plugin is looked at. A plugin may pass its
// cap between two looks; the limit of the service or container bounds that.
const rssEvery = 500 * time.Millisecond

// watchMemory ends the process and all it has started when they take more resident
// memory than limit bytes. It returns when the process has ended.
func (p *Process) watchMemory(limit int64) {
	look := time.NewTicker(rssEvery)
	defer look.Stop()
	for {
		select {
		case <-p.child.done:
			return
		case <-look.C:
		}
		used, pids, err := p.family()
		if err != nil || used <= limit {
			continue
		}
		p.child.killBecause(fmt.Sprintf("it took %d MiB of memory with all it started, its cap (plugins.max_rss) is %d MiB", used>>20, limit>>20))
		for _, pid := range pids { // those that left the group
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		return
	}
}

// Usage is what one plugin has cost since the host began.
type Usage struct {
	Plugin string
	// Running is how many processes it has now and RSS their resident memory in
	// bytes, as far as the system tells.
	Running int
	RSS     int64
	// PeakRSS is the most resident memory, in bytes, that the process which ended last
	// was seen to take; 0 if none has ended, or the system does not tell.
	PeakRSS int64
	// Starts counts processes; Crashes those that ended without being asked to, by
	// themselves or because the host had to kill them.
	Starts, Crashes uint64
}

// usage counts what has ended.
type usage struct {
	starts, crashes uint64
	peak            int64 // of the last one
}

// Usage tells what each plugin that was ever started costs, by name.
func (h *Host) Usage() []Usage {
	h.mu.Lock()
	running := slices.Collect(maps.Keys(h.processes))
	all := map[string]*Usage{}
	for name, u := range h.used {
		all[name] = &Usage{Plugin: name, PeakRSS: u.peak, Starts: u.starts, Crashes: u.crashes}
	}
	h.mu.Unlock()
	for _, p := range running {
		if p.child == nil || p.Exited() {
			continue
		}
		u := all[p.binary.Name]
		u.Running++
		if rss, err := p.RSS(); err == nil {
			u.RSS += rss
		}
	}
	list := make([]Usage, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[name])
	}
	return list
}
