package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxDepth is far deeper than any configuration nests.
const maxDepth = 32

// tree is a YAML document as plain values, with the place of each in the source.
// Values are map[string]any, []any, string, int64, uint64, float64, bool and, in
// lists only, nil. A key without a value counts as absent.
type tree struct {
	root any
	// keys and values give places by dotted path, such as "jobs[1].schedule". A
	// list item has no key.
	keys, values map[string]place
	// refused are the paths whose value could not be read and is reported already.
	refused map[string]bool
}

// place is a line and a column, both from 1; the zero place is unknown.
type place struct{ line, col int }

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{t.Position.Line, t.Position.Column}
}

// plainKey needs no quotes in a dotted path.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// child is the dotted path of a key.
func child(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	default:
		return path + "." + key
	}
}

// item is the dotted path of a list's entry.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parseTree reads YAML. Mistakes that leave the rest readable, such as a key that
// is there twice, are returned beside the tree; with broken YAML the tree is nil.
func parseTree(data []byte) (t *tree, found []mistake) {
	file, err := parseYAML(data)
	if err != nil {
		return nil, []mistake{*err}
	}
	t = &tree{
		root: map[string]any{}, keys: map[string]place{}, values: map[string]place{"": {1, 1}}, refused: map[string]bool{},
	}
	b := builder{tree: t}
	docs := 0
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if docs++; docs > 1 {
			b.refuse("", placeOf(doc.Start), "a second YAML document begins here; a configuration is one document")
			break
		}
		t.root = b.value("", doc.Body, 0)
	}
	if t.root == nil {
		t.root = map[string]any{}
	}
	return t, b.found
}

// parseYAML turns the parser's error, and any panic of it, into a mistake.
func parseYAML(data []byte) (file *ast.File, found *mistake) {
	defer func() {
		if r := recover(); r != nil {
			found = &mistake{at: place{1, 1}, text: "not readable as YAML"}
		}
	}()
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, nil
	}
	found = &mistake{text: "broken YAML: " + err.Error()}
	if e, ok := err.(yaml.Error); ok { //nolint:errorlint // the parser returns its own type, unwrapped
		found.at = placeOf(e.GetToken())
		found.text = "broken YAML: " + e.GetMessage()
	}
	return nil, found
}

// builder turns nodes into a tree.
type builder struct {
	tree  *tree
	found []mistake
}

func (b *builder) refuse(path string, at place, format string, args ...any) any {
	b.found = append(b.found, mistake{at: at, path: path, text: fmt.Sprintf(format, args...)})
	b.tree.refused[path] = true
	return nil
}

// value returns the plain value of a node, or nil after noting a mistake.
func (b *builder) value(path string, node ast.Node, depth int) any {
	at := placeOf(node.GetToken())
	b.tree.values[path] = at
	if depth > maxDepth {
		return b.refuse(path, at, "nested too deeply")
	}
	switch n := node.(type) {
	case *ast.MappingNode:
		return b.mapping(path, n.Values, depth)
	case *ast.MappingValueNode:
		return b.mapping(path, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, v := range n.Values {
			list[i] = b.value(item(path, i), v, depth+1)
		}
		return list
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.IntegerNode:
		return n.Value
	case *ast.FloatNode:
		return n.Value
	case *ast.BoolNode:
		return n.Value
	case *ast.NullNode, *ast.CommentGroupNode:
		return nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return b.refuse(path, at, "anchors, aliases and tags are not supported; write the value out, or use job_defaults")
	default:
		return b.refuse(path, at, "%s is not supported in a configuration", strings.ToLower(node.Type().String()))
	}
}

func (b *builder) mapping(path string, entries []*ast.MappingValueNode, depth int) any {
	values := make(map[string]any, len(entries))
	if len(entries) > 0 {
		b.tree.values[path] = placeOf(entries[0].Key.GetToken())
	}
	for _, e := range entries {
		at := placeOf(e.Key.GetToken())
		key, ok := keyOf(e.Key)
		if !ok {
			b.refuse(path, at, "a key must be plain text")
			continue
		}
		p := child(path, key)
		if first, twice := b.tree.keys[p]; twice {
			b.refuse(p, at, "the key is there twice; first at line %d", first.line)
			continue
		}
		b.tree.keys[p] = at
		if v := b.value(p, e.Value, depth+1); v != nil {
			values[key] = v
		}
	}
	return values
}

func keyOf(node ast.MapKeyNode) (string, bool) {
	if node.IsMergeKey() {
		return "", false
	}
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, true
	default:
		return "", false
	}
}

// place returns where a path is, or its nearest ancestor that is written down.
func (t *tree) place(path string) place {
	for {
		if at, ok := t.values[path]; ok && at.line > 0 {
			return at
		}
		if at, ok := t.keys[path]; ok && at.line > 0 {
			return at
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut <= 0 {
			return place{1, 1}
		}
		path = path[:cut]
	}
}

// keyPlace is place for mistakes about a key rather than its value.
func (t *tree) keyPlace(path string) place {
	if at, ok := t.keys[path]; ok && at.line > 0 {
		return at
	}
	return t.place(path)
}

// object and list read a value leniently: a wrong type reads as empty, because
// the schema has already reported it.
func object(v any) map[string]any { m, _ := v.(map[string]any); return m }

func list(v any) []any { l, _ := v.([]any); return l }

func text(v any) string { s, _ := v.(string); return s }
