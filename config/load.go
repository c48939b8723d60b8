package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// DefaultPath is where the command line looks for a configuration.
const DefaultPath = "config/pipeline.yaml"

// settle is how long an Ethereum block takes to be final: between 64 and 96 slots of
// 12 s, and a moment to be told of it.
const settle = 20 * time.Minute

// maxFile is far more than any configuration.
const maxFile = 4 << 20

// Load reads, checks and completes the configuration at path. Its error has the
// kind sdk.KindConfig and tells of every mistake at once, each with its line,
// its column, its dotted path and the source with secrets masked.
//
// Secrets are looked up now: an environment variable or file that is missing is a
// mistake, unless the endpoint says optional: true, which leaves it out.
func Load(path string) (*Config, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, sdk.Errorf(sdk.KindConfig, "configuration %s does not exist; write one with `pipeline init`, or name yours with --config", path)
	case err != nil:
		return nil, sdk.Errorf(sdk.KindConfig, "configuration cannot be read: %w", err)
	case info.IsDir():
		return nil, sdk.Errorf(sdk.KindConfig, "configuration %s is a folder; name the file in it", path)
	case info.Size() > maxFile:
		return nil, sdk.Errorf(sdk.KindConfig, "configuration %s is larger than %d bytes", path, maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "configuration cannot be read: %w", err)
	}
	return Parse(path, data)
}

// Parse is Load for a configuration in memory. The name stands in messages and,
// as a path that need not exist, decides where relative paths start.
func Parse(name string, data []byte) (*Config, error) {
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, sdk.Errorf(sdk.KindConfig, "%s is not UTF-8 text", name)
	}
	root, err := rootOf(name)
	if err != nil {
		return nil, err
	}
	t, found := parseTree(data)
	if t == nil {
		return nil, report(name, data, found)
	}
	sh := loadShape()
	found = append(found, sh.violations(t)...)
	found = append(found, check(t, root)...)
	if err := report(name, data, found); err != nil {
		return nil, err
	}

	// From here on the document is valid; what fails now is a defect of ours.
	inheritDefaults(sh, object(t.root))
	sh.fill(t.root, sh.plain)
	c := &Config{Path: name, Root: root}
	if err := decode(t.root, c); err != nil {
		return nil, fmt.Errorf("%s passed its checks but cannot be decoded: %w", name, err)
	}
	if err := c.complete(); err != nil {
		return nil, sdk.Errorf(sdk.KindConfig, "%s: %w", name, err)
	}
	return c, nil
}

// rootOf returns the folder relative paths start from.
func rootOf(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("find the folder of configuration %s: %w", name, err)
	}
	dir := filepath.Dir(abs)
	if filepath.Base(dir) == "config" {
		return filepath.Dir(dir), nil
	}
	return dir, nil
}

// inheritDefaults copies what a job does not say from job_defaults.
func inheritDefaults(sh shape, root map[string]any) {
	defaults := object(root["job_defaults"])
	if defaults == nil {
		defaults = map[string]any{}
		root["job_defaults"] = defaults
	}
	sh.fill(defaults, object(object(sh.plain["properties"])["job_defaults"]))
	for _, j := range list(root["jobs"]) {
		job := object(j)
		for key, v := range defaults {
			if _, set := job[key]; !set {
				job[key] = clone(v)
			}
		}
	}
}

// decode turns a valid tree into the struct. A key the struct lacks is an error,
// so that schema and struct cannot drift apart unseen.
func decode(value any, c *Config) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(c)
}

// complete resolves secrets and paths and sets the defaults that are not
// constants.
func (c *Config) complete() error {
	c.Database = absolute(c.Root, c.Database)
	c.Publish.Dir = absolute(c.Root, c.Publish.Dir)
	if c.Plugins.Dir == "" {
		exe, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find the folder of the pipeline executable, set plugins.dir instead: %w", err)
		}
		c.Plugins.Dir = filepath.Join(filepath.Dir(exe), "plugins")
	}
	c.Plugins.Dir = absolute(c.Root, c.Plugins.Dir)
	for i := range c.Chains {
		chain := &c.Chains[i]
		if chain.Title == "" {
			chain.Title = chain.Name
		}
		chain.Recordings = absolute(c.Root, chain.Recordings)
		if chain.Settle == nil {
			chain.Settle = &Duration{}
			if !PresentOnly(chain.Kind) {
				chain.Settle.Duration = settle
			}
		}
		kept := chain.Endpoints[:0]
		for _, e := range chain.Endpoints {
			err := e.resolve(c.Root)
			switch {
			case err == nil:
				kept = append(kept, e)
			case e.Optional:
				c.LeftOut = append(c.LeftOut, fmt.Sprintf("endpoint %s of chain %s is left out: %v", e.Alias, chain.Name, err))
			default:
				return err
			}
		}
		chain.Endpoints = kept
	}
	for i := range c.Notify {
		var err error
		if c.Notify[i].Webhook, err = c.Notify[i].Webhook.resolve(c.Root); err != nil {
			return err
		}
	}
	return nil
}

// resolve looks up the secrets of an endpoint.
func (e *Endpoint) resolve(root string) (err error) {
	if e.URL, err = e.URL.resolve(root); err != nil {
		return err
	}
	for name, h := range e.Headers {
		if e.Headers[name], err = h.resolve(root); err != nil {
			return err
		}
	}
	return nil
}
