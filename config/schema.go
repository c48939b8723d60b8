package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/lst-pipeline/lst-pipeline/internal/schedule"
)

// shape is the schema twice: compiled for validation, and as plain values, from
// which defaults and the names of keys are read.
type shape struct {
	compiled *jsonschema.Schema
	plain    map[string]any
}

// loadShape compiles the embedded schema once. It can fail only if schema.json is
// wrong, which a test excludes.
var loadShape = sync.OnceValue(func() shape {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		panic(fmt.Sprintf("config: schema.json: %v", err))
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	for name, check := range formats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			s, ok := v.(string)
			if !ok {
				return nil // its type is another keyword's business
			}
			return check(s)
		}})
	}
	const location = "schema.json"
	if err := c.AddResource(location, doc); err != nil {
		panic(fmt.Sprintf("config: schema.json: %v", err))
	}
	return shape{compiled: c.MustCompile(location), plain: doc.(map[string]any)}
})

// formats are the texts with a grammar of their own. Their errors end a sentence
// that begins with the value.
var formats = map[string]func(string) error{
	"cron":     func(s string) error { _, err := schedule.Parse(s, ""); return err },
	"timezone": func(s string) error { _, err := schedule.LoadZone(s); return err },
	"moment": func(s string) error {
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return fmt.Errorf("%q is not a moment; write it like 2023-12-15T18:00:00Z", s)
		}
		return nil
	},
	"duration-text": func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is not a duration; write it like 90s, 15m or 24h", s)
		}
		return nil
	},
	"positive-duration": func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 {
			return fmt.Errorf("%q is not a duration above zero; write it like 90s, 15m or 24h", s)
		}
		return nil
	},
	"size": func(s string) error { _, err := parseSize(s); return err },
	"listen-address": func(s string) error {
		_, port, err := net.SplitHostPort(s)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return fmt.Errorf("%q is not an address to listen on; write host:port, for example 127.0.0.1:9464", s)
		}
		return nil
	},
}

// variable is the pattern of the name of an environment variable.
const variable = "^[A-Za-z_][A-Za-z0-9_]*$"

// patterns says in words what a pattern of the schema asks for.
var patterns = map[string]string{
	"^[a-z][a-z0-9_-]{0,62}$":                        "want lower-case letters, digits, - and _, beginning with a letter",
	"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$":              "want letters, digits, -, _ and ., beginning with a letter or digit",
	"^[A-Z][A-Z0-9]{0,15}$":                          "want an asset in capitals, for example ETH",
	"^([1-9A-HJ-NP-Za-km-z]{32,44}|0x[0-9a-f]{64})$": "want a hash in base58, as getGenesisHash answers it, or a genesis validators root in lower-case hex",
}

// errAddress is what is wrong with a URL, without the URL.
var errAddress = errors.New("not a full http(s) address, for example https://host/path")

func checkAddress(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errAddress
	}
	return nil
}

// violations checks the tree against the schema.
func (s shape) violations(t *tree) []mistake {
	err := s.compiled.Validate(t.root)
	if err == nil {
		return nil
	}
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return []mistake{{at: place{1, 1}, text: err.Error()}}
	}
	return s.collect(t, v, nil)
}

// collect walks to the leaves of a validation error.
func (s shape) collect(t *tree, v *jsonschema.ValidationError, found []mistake) []mistake {
	for _, cause := range v.Causes {
		found = s.collect(t, cause, found)
	}
	if len(v.Causes) > 0 {
		return found
	}
	path, got, node := s.locate(t, v.InstanceLocation)
	at := func(text string, args ...any) mistake {
		return mistake{at: t.place(path), path: path, text: fmt.Sprintf(text, args...)}
	}
	secret := node["writeOnly"] == true
	switch k := v.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		known := slices.Sorted(maps.Keys(object(node["properties"])))
		for _, key := range k.Properties {
			p := child(path, key)
			text := fmt.Sprintf("unknown key; known here: %s", strings.Join(known, ", "))
			if near := nearest(key, known); near != "" {
				text = fmt.Sprintf("unknown key; did you mean %s?", near)
			}
			found = append(found, mistake{at: t.keyPlace(p), path: p, text: text})
		}
		return found
	case *kind.Required:
		for _, key := range k.Missing {
			if t.refused[path] || t.refused[child(path, key)] {
				continue
			}
			found = append(found, mistake{at: t.place(path), path: path, text: fmt.Sprintf("the key %s is missing", key)})
		}
		return found
	case *kind.Type:
		return append(found, at("is %s; want %s", typeName(k.Got), typeNames(k.Want)))
	case *kind.Format:
		return append(found, at("%v", k.Err))
	case *kind.Enum:
		return append(found, at("%s is not known here; want %s", show(got), oneOf(k.Want)))
	case *kind.Pattern:
		if k.Want == variable {
			return append(found, at("is not the name of an environment variable")) // it may be the secret itself
		}
		return append(found, at("%s does not fit; %s", show(got), patterns[k.Want]))
	case *kind.MinLength:
		return append(found, at("is empty"))
	case *kind.MinItems:
		return append(found, at("is empty; want at least %d", k.Want))
	case *kind.UniqueItems:
		p := item(path, k.Duplicates[1])
		return append(found, mistake{at: t.place(p), path: p, text: show(list(got)[k.Duplicates[1]]) + " is there twice"})
	case *kind.MinProperties, *kind.MaxProperties:
		if secret {
			return append(found, at("want either env or file"))
		}
	case *kind.Minimum:
		return append(found, at("%s is too small; want at least %s", show(got), k.Want.RatString()))
	case *kind.Maximum:
		return append(found, at("%s is too large; want at most %s", show(got), k.Want.RatString()))
	case *kind.ExclusiveMinimum:
		return append(found, at("%s is too small; want more than %s", show(got), k.Want.RatString()))
	}
	return append(found, at("is not valid here"))
}

// locate follows a location of the validator through the value and the schema.
func (s shape) locate(t *tree, location []string) (path string, value any, node map[string]any) {
	value, node = t.root, s.plain
	for _, step := range location {
		node = s.deref(node)
		switch v := value.(type) {
		case map[string]any:
			path, value = child(path, step), v[step]
			if next := object(object(node["properties"])[step]); next != nil {
				node = next
			} else {
				node = object(node["additionalProperties"])
			}
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return path, value, s.deref(node)
			}
			path, value, node = item(path, i), v[i], object(node["items"])
		}
	}
	return path, value, s.deref(node)
}

// deref follows $ref into $defs, keeping what stands beside it.
func (s shape) deref(node map[string]any) map[string]any {
	ref := text(node["$ref"])
	if ref == "" {
		return node
	}
	merged := maps.Clone(object(object(s.plain["$defs"])[strings.TrimPrefix(ref, "#/$defs/")]))
	for k, v := range node {
		if k != "$ref" {
			merged[k] = v
		}
	}
	return s.deref(merged)
}

// fill adds the defaults of the schema to a valid value, in place.
func (s shape) fill(value any, node map[string]any) {
	node = s.deref(node)
	switch v := value.(type) {
	case map[string]any:
		for key, sub := range object(node["properties"]) {
			sub := s.deref(object(sub))
			if _, set := v[key]; !set {
				def, ok := sub["default"]
				if !ok {
					continue
				}
				v[key] = clone(def)
			}
			s.fill(v[key], sub)
		}
	case []any:
		for _, e := range v {
			s.fill(e, object(node["items"]))
		}
	}
}

// clone copies a default, so that filling one value does not change the schema.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for k, e := range v {
			c[k] = clone(e)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = clone(e)
		}
		return c
	}
	return v
}

// show prints a value that is no secret, for a message.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case nil:
		return "nothing"
	case map[string]any:
		return "a map"
	case []any:
		return "a list"
	}
	return fmt.Sprint(v)
}

var typeWords = map[string]string{
	"object": "a map of keys", "array": "a list", "string": "text", "integer": "a whole number",
	"number": "a number", "boolean": "a boolean (true or false)", "null": "empty",
}

func typeName(t string) string {
	if word, ok := typeWords[t]; ok {
		return word
	}
	return t
}

func typeNames(types []string) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = typeName(t)
	}
	return strings.Join(words, " or ")
}

func oneOf(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
	}
	return "one of " + strings.Join(words, ", ")
}

// nearest returns the known word that differs from word by at most two letters,
// or "".
func nearest(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(word, k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove or replace to get from a
// to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost++
			}
			left = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
