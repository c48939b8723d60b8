// Package config is what a person writes and the code that reads it: the
// commented default configuration, its JSON Schema, and a loader that reports
// every mistake at once with its line, its column and the source.
//
// The schema is the single place for keys, types and default values. Load fills
// the defaults in, so the rest of the program reads plain values and never asks
// whether something was set.
//
// The package promises nothing about what the names stand for: whether a plugin
// exists is found out by the host, whether an endpoint answers by the gateway.
package config

import (
	_ "embed" // the default files are part of the program
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
)

// The files of this folder.
var (
	// Default is the configuration that `pipeline init` writes.
	//go:embed pipeline.yaml
	Default []byte
	// Demo is the configuration of `pipeline demo`. It needs no endpoint.
	//go:embed demo.yaml
	Demo []byte
	// Schema is the JSON Schema of a configuration, for editors.
	//go:embed schema.json
	Schema []byte
)

// Config is a configuration that has been checked, with every default filled in
// and every path absolute.
type Config struct {
	// Path is the file it was read from; empty if it came from memory.
	Path string `json:"-"`
	// Root is the folder relative paths start from: the parent of the file's
	// folder if that folder is called config, else the file's folder.
	Root string `json:"-"`
	// LeftOut tells, one line each, which optional endpoints were left out and
	// why.
	LeftOut []string `json:"-"`

	Database    string      `json:"database"`
	Plugins     Plugins     `json:"plugins"`
	Chains      []Chain     `json:"chains"`
	JobDefaults JobDefaults `json:"job_defaults"`
	Jobs        []Job       `json:"jobs"`
	Query       Query       `json:"query"`
	Publish     Publish     `json:"publish"`
	Notify      []Notify    `json:"notify"`
	Serve       Serve       `json:"serve"`
	Log         Log         `json:"log"`
}

// Plugins says where plugin executables are.
type Plugins struct {
	// Dir is never empty after Load: it defaults to the folder plugins beside the
	// running executable.
	Dir string `json:"dir"`
	// MaxRSS is the resident memory from which a plugin is killed; see MaxRSSBytes.
	MaxRSS string `json:"max_rss"`
}

// MaxRSSBytes is MaxRSS in bytes.
func (p Plugins) MaxRSSBytes() int64 {
	n, _ := parseSize(p.MaxRSS) // checked by the schema
	return n
}

// The kinds of chain.
const (
	EVM    = "evm"
	Solana = "solana"
	Beacon = "beacon"
	API    = "api" // no chain, but an HTTP API that plugins read like one
)

// PresentOnly reports that a kind of chain answers only for now.
func PresentOnly(kind string) bool { return kind == Solana || kind == API }

// Chain is one chain with its endpoints in order of preference.
type Chain struct {
	Name        string `json:"name"`
	Title       string `json:"title"` // defaults to Name
	Kind        string `json:"kind"`  // EVM, Solana, Beacon or API
	NativeAsset string `json:"native_asset"`
	// NetworkID is the EVM chain id endpoints must answer; 0: not asked.
	NetworkID uint64 `json:"network_id"`
	// Genesis is the Solana genesis hash, or the beacon chain's genesis validators
	// root, that endpoints must answer; empty: not asked.
	Genesis string `json:"genesis"`
	// Verify is how many endpoints are asked for the same block: 1 or 2.
	Verify int `json:"verify"`
	// Settle is how long after a tick it is read: by then its block should be final.
	// It is 0 where only the present can be read (Solana, an API).
	Settle *Duration `json:"settle"`
	// Recordings is a folder that `pipeline run --record` wrote: past ticks in it are
	// read from it; empty: there is none. Only where the past cannot be read (Solana, an
	// API).
	Recordings string `json:"recordings"`
	// Endpoints may be empty: replay and offline plugins need none.
	Endpoints []Endpoint `json:"endpoints"`
}

// Endpoint is one JSON-RPC server, beacon node or API.
type Endpoint struct {
	Alias   string            `json:"alias"`
	URL     Secret            `json:"url"`
	Headers map[string]Secret `json:"headers"`
	// RatePerSecond is a budget of JSON-RPC calls; 0: none.
	RatePerSecond float64  `json:"rate_per_second"`
	Burst         int      `json:"burst"` // 0: one second's worth
	MaxBatch      int      `json:"max_batch"`
	Timeout       Duration `json:"timeout"`
	Archive       bool     `json:"archive"`
	Optional      bool     `json:"optional"`
}

// JobDefaults is what a job uses where it says nothing itself. Load has merged
// them into every Job.
type JobDefaults struct {
	Timezone   string   `json:"timezone"`
	Jitter     Duration `json:"jitter"`
	CatchUp    string   `json:"catch_up"`
	CatchUpMax int      `json:"catch_up_max"`
	Timeout    Duration `json:"timeout"`
	Attempts   int      `json:"attempts"`
	Required   bool     `json:"required"`
}

// Job is what to read and when.
type Job struct {
	Name string `json:"name"`
	// Schedule is a cron expression; empty means only on request.
	Schedule string `json:"schedule"`
	Timezone string `json:"timezone"`
	// Jitter is the most that is added to a tick; see Offset.
	Jitter     Duration `json:"jitter"`
	CatchUp    string   `json:"catch_up"` // skip | last | all
	CatchUpMax int      `json:"catch_up_max"`
	Plugins    []string `json:"plugins"`
	Chains     []string `json:"chains"` // empty: every configured chain the plugin reads
	Tokens     []string `json:"tokens"` // empty: every token the plugin knows
	// Options are settings by plugin and key.
	Options  map[string]map[string]string `json:"options"`
	Timeout  Duration                     `json:"timeout"` // of one task
	Attempts int                          `json:"attempts"`
	// Required jobs make `pipeline status` fail when they are stale.
	Required bool `json:"required"`
}

// Ticks returns the job's schedule. A job that runs only on request has the zero
// Schedule, which never fires. The error is always nil for a job that Load
// returned.
func (j Job) Ticks() (schedule.Schedule, error) {
	if j.Schedule == "" {
		return schedule.Schedule{}, nil
	}
	return schedule.Parse(j.Schedule, j.Timezone)
}

// Offset returns the part of Jitter that is added to each of the job's ticks.
func (j Job) Offset() time.Duration {
	return schedule.Jitter(j.Name, j.Jitter.Duration)
}

// Query is how questions are answered.
type Query struct {
	// AsOf is an RFC 3339 moment; empty means now. See Moment.
	AsOf string `json:"as_of"`
	// Params are defaults for parameters of named queries, by parameter name.
	Params map[string]string `json:"params"`
}

// Moment returns AsOf in UTC and whether it is set.
func (q Query) Moment() (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, q.AsOf)
	return t.UTC(), err == nil
}

// Publish is where copies for readers go. Nothing is published if Dir is empty.
type Publish struct {
	Dir   string   `json:"dir"`
	Every Duration `json:"every"`
	Keep  int      `json:"keep"`
}

// Notify is one receiver of alerts: a webhook or a command.
type Notify struct {
	Name    string   `json:"name"`
	Webhook Secret   `json:"webhook"` // zero if Command is set
	Command []string `json:"command"` // program and arguments; JSON on its standard input
	// Events are of stale, failed, frozen, depeg, rate_drop, quarantine and
	// disagreement.
	Events []string `json:"events"`
	// DepegBPS is the discount from which depeg is told, in basis points.
	DepegBPS float64 `json:"depeg_bps"`
}

// Serve is the daemon.
type Serve struct {
	Listen    string   `json:"listen"` // host:port
	Grace     Duration `json:"grace"`
	Heartbeat Duration `json:"heartbeat"`
}

// Log is the log on standard error.
type Log struct {
	Format string `json:"format"` // auto | text | json
	Level  string `json:"level"`  // debug | info | warn | error
}

// Chain returns the chain of that name and whether there is one.
func (c *Config) Chain(name string) (Chain, bool) {
	for _, chain := range c.Chains {
		if chain.Name == name {
			return chain, true
		}
	}
	return Chain{}, false
}

// Job returns the job of that name and whether there is one.
func (c *Config) Job(name string) (Job, bool) {
	for _, job := range c.Jobs {
		if job.Name == name {
			return job, true
		}
	}
	return Job{}, false
}
