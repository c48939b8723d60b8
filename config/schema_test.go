package config_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lst-pipeline/lst-pipeline/config"
)

type node = map[string]any

func schemaRoot(t *testing.T) node {
	t.Helper()
	var root node
	if err := json.Unmarshal(config.Schema, &root); err != nil {
		t.Fatal(err)
	}
	return root
}

func deref(root, n node) node {
	ref, ok := n["$ref"].(string)
	if !ok {
		return n
	}
	merged := maps.Clone(root["$defs"].(node)[strings.TrimPrefix(ref, "#/$defs/")].(node))
	for k, v := range n {
		if k != "$ref" {
			merged[k] = v
		}
	}
	return deref(root, merged)
}

// schemaKeys lists every key of the schema by dotted path; [] stands for the
// items of a list and * for any key.
func schemaKeys(t *testing.T, root, n node, path string, keys map[string]node) {
	t.Helper()
	n = deref(root, n)
	if n["writeOnly"] == true {
		return // a secret, whose form is its own
	}
	if props, ok := n["properties"].(node); ok {
		if n["additionalProperties"] != false {
			t.Errorf("%s lets unknown keys pass", path)
		}
		for key, sub := range props {
			p := strings.TrimPrefix(path+"."+key, ".")
			keys[p] = deref(root, sub.(node))
			schemaKeys(t, root, sub.(node), p, keys)
		}
	}
	if items, ok := n["items"].(node); ok {
		schemaKeys(t, root, items, path+"[]", keys)
	}
	if more, ok := n["additionalProperties"].(node); ok {
		schemaKeys(t, root, more, path+".*", keys)
	}
}

// structKeys does the same for a type.
func structKeys(typ reflect.Type, path string, keys map[string]bool) {
	switch {
	case typ == reflect.TypeFor[config.Secret](), typ == reflect.TypeFor[config.Duration]():
	case typ.Kind() == reflect.Struct:
		for f := range typ.Fields() {
			if tag := f.Tag.Get("json"); tag != "-" {
				p := strings.TrimPrefix(path+"."+tag, ".")
				keys[p] = true
				structKeys(f.Type, p, keys)
			}
		}
	case typ.Kind() == reflect.Slice:
		structKeys(typ.Elem(), path+"[]", keys)
	case typ.Kind() == reflect.Map:
		structKeys(typ.Elem(), path+".*", keys)
	}
}

func TestSchemaAndStructHaveTheSameKeys(t *testing.T) {
	t.Parallel()
	root := schemaRoot(t)
	inSchema, inStruct := map[string]node{}, map[string]bool{}
	schemaKeys(t, root, root, "", inSchema)
	structKeys(reflect.TypeFor[config.Config](), "", inStruct)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(inSchema)), slices.Sorted(maps.Keys(inStruct))); diff != "" {
		t.Errorf("keys (-schema +struct):\n%s", diff)
	}
	for path, n := range inSchema {
		if d, _ := n["description"].(string); !strings.HasSuffix(d, ".") {
			t.Errorf("%s has no description that is a sentence", path)
		}
	}
}

// explained reads pipeline.yaml as a person does: keys that are commented out
// count, and a comment explains the key below it and the one after that. It
// returns which of the schema's keys are written, and which of those explained.
func explained(keys map[string]node) (written, told map[string]bool) {
	written, told = map[string]bool{}, map[string]bool{}
	uncomment := regexp.MustCompile(`^(\s*)# (.*)$`)
	keyLine := regexp.MustCompile(`^(\s*)(- )?([a-z_]+):( .*)?$`)
	type level struct {
		indent int
		path   string
	}
	var stack []level
	sinceProse := 9
	for line := range strings.Lines(string(config.Default)) {
		line = strings.TrimRight(line, "\n")
		bare := line
		for uncomment.MatchString(bare) {
			bare = uncomment.ReplaceAllString(bare, "$1$2")
		}
		path := ""
		if m := keyLine.FindStringSubmatch(bare); m != nil {
			indent := len(m[1]) + len(m[2])
			for len(stack) > 0 && stack[len(stack)-1].indent >= indent {
				stack = stack[:len(stack)-1]
			}
			parent := ""
			if len(stack) > 0 {
				parent = stack[len(stack)-1].path
			}
			for _, p := range []string{parent + "[]." + m[3], strings.TrimPrefix(parent+"."+m[3], ".")} {
				if _, ok := keys[p]; ok {
					path = p
					stack = append(stack, level{indent, p})
				}
			}
		}
		switch {
		case path != "":
			sinceProse++
			written[path] = true
			told[path] = told[path] || sinceProse <= 2
		case strings.HasPrefix(strings.TrimSpace(line), "#"):
			sinceProse = 0
		default:
			sinceProse = 9
		}
	}
	return written, told
}

// A person learns the keys from pipeline.yaml, so each of them stands there, set
// or commented out, with a comment. A section is explained by its keys.
func TestEveryKeyIsExplainedInTheDefaultConfiguration(t *testing.T) {
	t.Parallel()
	root := schemaRoot(t)
	keys := map[string]node{}
	schemaKeys(t, root, root, "", keys)
	written, told := explained(keys)
	for path, n := range keys {
		if inherited, ok := strings.CutPrefix(path, "jobs[]."); ok && written["job_defaults."+inherited] {
			continue // explained once, for all jobs
		}
		_, section := n["properties"]
		switch {
		case !written[path]:
			t.Errorf("%s is not in pipeline.yaml", path)
		case !told[path] && !section:
			t.Errorf("%s has no comment in pipeline.yaml", path)
		}
	}
}

// The values a commented-out key shows must be its defaults, or the file lies.
func TestShownDefaultsAreTheDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("config/pipeline.yaml", config.Default)
	if err != nil {
		t.Fatal(err)
	}
	commented := strings.NewReplacer("        # burst:", "        burst:", "        # max_batch:", "        max_batch:",
		"        # timeout:", "        timeout:").Replace(string(config.Default))
	if commented == string(config.Default) {
		t.Fatal("pipeline.yaml shows no default of an endpoint")
	}
	uncommented, err := config.Parse("config/pipeline.yaml", []byte(commented))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, uncommented, cmp.Comparer(func(a, b config.Secret) bool { return a.Reveal() == b.Reveal() })); diff != "" {
		t.Errorf("the shown values change the configuration:\n%s", diff)
	}
	minimal, err := config.Parse("config/pipeline.yaml", []byte(smallest))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(minimal.Serve, c.Serve); diff != "" {
		t.Errorf("serve (-default +shown):\n%s", diff)
	}
	if diff := cmp.Diff(minimal.Log, c.Log); diff != "" {
		t.Errorf("log (-default +shown):\n%s", diff)
	}
	if diff := cmp.Diff(minimal.JobDefaults, c.JobDefaults); diff != "" {
		t.Errorf("job_defaults (-default +shown):\n%s", diff)
	}
	if minimal.Publish.Every != c.Publish.Every || minimal.Publish.Keep != c.Publish.Keep {
		t.Errorf("publish: default %+v, shown %+v", minimal.Publish, c.Publish)
	}
}
