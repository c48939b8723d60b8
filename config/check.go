package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// checker looks for the mistakes a schema cannot express. It reads the tree
// leniently, so that it also works beside mistakes of the schema.
type checker struct {
	tree  *tree
	root  string // folder relative paths start from
	found []mistake
}

func check(t *tree, root string) []mistake {
	c := &checker{tree: t, root: root}
	top := object(t.root)
	chains := c.chains(list(top["chains"]))
	c.jobs(list(top["jobs"]), chains)
	c.receivers(list(top["notify"]))
	return c.found
}

func (c *checker) refuse(path, format string, args ...any) {
	c.found = append(c.found, mistake{at: c.tree.place(path), path: path, text: fmt.Sprintf(format, args...)})
}

// unique refuses a name that is in seen already, and notes it otherwise.
func (c *checker) unique(seen map[string]string, path string, v any, what string) {
	name := text(v)
	if name == "" {
		return
	}
	if first, twice := seen[name]; twice {
		c.refuse(path, "%s %q is there twice; first at line %d", what, name, c.tree.place(first).line)
		return
	}
	seen[name] = path
}

// chains checks the chains and returns their names.
func (c *checker) chains(chains []any) []string {
	names, aliases := map[string]string{}, map[string]string{}
	for i, v := range chains {
		path, chain := item("chains", i), object(v)
		c.unique(names, child(path, "name"), chain["name"], "chain")
		kind := text(chain["kind"])
		switch kind {
		case EVM:
			if _, set := chain["genesis"]; set {
				c.refuse(child(path, "genesis"), "belongs to chains of kind solana or beacon; an evm chain has network_id")
			}
		case Solana, Beacon:
			if _, set := chain["network_id"]; set {
				c.refuse(child(path, "network_id"), "belongs to chains of kind evm; a %s chain has genesis", kind)
			}
		case API:
			for _, key := range []string{"network_id", "genesis"} {
				if _, set := chain[key]; set {
					c.refuse(child(path, key), "belongs to chains; nothing in an API's answers says which chain it serves")
				}
			}
		}
		if _, set := chain["settle"]; set && PresentOnly(kind) {
			c.refuse(child(path, "settle"), "belongs to chains whose past can be read; one of kind %s answers only for now", kind)
		}
		if _, set := chain["recordings"]; set && !PresentOnly(kind) {
			c.refuse(child(path, "recordings"), "belongs to chains of kind solana or api; the past of one of kind %s is read from the chain itself", kind)
		}
		endpoints := list(chain["endpoints"])
		if fmt.Sprint(chain["verify"]) == "2" {
			switch {
			case slices.Contains([]string{Solana, Beacon, API}, kind):
				c.refuse(child(path, "verify"), "2 belongs to chains of kind evm; reads of one of kind %s cannot be compared between endpoints", kind)
			case len(endpoints) == 1:
				c.refuse(child(path, "verify"), "2 needs a second endpoint")
			}
		}
		for j, e := range endpoints {
			at, endpoint := item(child(path, "endpoints"), j), object(e)
			c.unique(aliases, child(at, "alias"), endpoint["alias"], "endpoint")
			optional := endpoint["optional"] == true
			c.secret(child(at, "url"), endpoint["url"], optional, checkAddress)
			headers := child(at, "headers")
			for _, name := range slices.Sorted(maps.Keys(object(endpoint["headers"]))) {
				c.secret(child(headers, name), object(endpoint["headers"])[name], optional, checkHeader)
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (c *checker) jobs(jobs []any, chains []string) {
	names := map[string]string{}
	for i, v := range jobs {
		path, job := item("jobs", i), object(v)
		c.unique(names, child(path, "name"), job["name"], "job")
		for j, name := range list(job["chains"]) {
			if s := text(name); s != "" && !slices.Contains(chains, s) {
				c.refuse(item(child(path, "chains"), j), "there is no chain %q here; configured are %s", s, strings.Join(chains, ", "))
			}
		}
		plugins := list(job["plugins"])
		options := child(path, "options")
		for _, plugin := range slices.Sorted(maps.Keys(object(job["options"]))) {
			if len(plugins) > 0 && !slices.Contains(plugins, any(plugin)) {
				at := child(options, plugin)
				c.found = append(c.found, mistake{at: c.tree.keyPlace(at), path: at,
					text: fmt.Sprintf("this job has no plugin %q, so nothing would read these options", plugin)})
			}
		}
	}
}

func (c *checker) receivers(receivers []any) {
	names := map[string]string{}
	for i, v := range receivers {
		path, n := item("notify", i), object(v)
		c.unique(names, child(path, "name"), n["name"], "receiver")
		_, webhook := n["webhook"]
		_, command := n["command"]
		if n != nil && webhook == command {
			c.refuse(path, "a receiver has either a webhook or a command")
		}
		c.secret(child(path, "webhook"), n["webhook"], false, checkAddress)
	}
}

var variableName = regexp.MustCompile(variable)

// secret checks that a secret can be looked up and is what it should be. No
// message holds any of it.
func (c *checker) secret(path string, v any, optional bool, valid func(string) error) {
	var s Secret
	switch v := v.(type) {
	case string:
		s.text = v
	case map[string]any:
		s.env, s.file = text(v["env"]), text(v["file"])
		if len(v) != 1 || s.env == "" && s.file == "" || s.env != "" && !variableName.MatchString(s.env) {
			return // reported by the schema
		}
	default:
		return // absent, or reported by the schema
	}
	resolved, err := s.resolve(c.root)
	if err != nil {
		hint := ""
		if strings.HasPrefix(path, "chains") {
			hint = "; provide it, or leave the endpoint out when it is missing with optional: true"
		}
		if !optional {
			c.refuse(path, "%v%s", err, hint)
		}
		return
	}
	if err := valid(resolved.Reveal()); err != nil && !resolved.IsZero() {
		if resolved.text == s.text {
			c.refuse(path, "is %v", err)
		} else {
			c.refuse(path, "what %s holds is %v", resolved.Origin(), err)
		}
	}
}

// checkHeader refuses what cannot be sent as the value of an HTTP header.
func checkHeader(s string) error {
	if strings.ContainsAny(s, "\r\n\x00") {
		return fmt.Errorf("more than one line, which no HTTP header can be")
	}
	return nil
}
