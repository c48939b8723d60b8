package card

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

var (
	nameForm    = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	versionForm = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	bpsForm     = regexp.MustCompile(`^\d+(\.\d+)?$`)

	statuses = []string{"live", "deposits_closed", "sunset", "dead"}
	nodeSets = []string{"permissionless", "permissioned", "mixed"}
	feeTypes = []string{"reward", "deposit", "withdraw", "instant"}
	accruals = []string{
		string(sdk.Rebase), string(sdk.ExchangeRate), string(sdk.Basket), string(sdk.Wrapper),
		string(sdk.Bridged), string(sdk.Benchmark),
	}
)

// checker collects mistakes of meaning and shows each at its place in source.
type checker struct {
	source []byte
	errs   []error
}

// fail reports a mistake at path, a YAML path such as "$.tokens[0].id".
func (k *checker) fail(path, format string, args ...any) {
	msg := strings.TrimPrefix(path, "$.") + ": " + fmt.Sprintf(format, args...)
	if excerpt := k.excerpt(path); excerpt != "" {
		msg += "\n" + excerpt
	}
	k.errs = append(k.errs, errors.New(msg))
}

// excerpt finds the lines of path, or of its parent when the key is missing.
func (k *checker) excerpt(path string) string {
	for path != "$" && path != "" {
		if p, err := yaml.PathString(path); err == nil {
			if lines, err := p.AnnotateSource(k.source, false); err == nil {
				return strings.TrimRight(string(lines), "\n")
			}
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return ""
}

func (k *checker) required(path, value string) {
	if strings.TrimSpace(value) == "" {
		k.fail(path, "is required")
	}
}

func (k *checker) oneOf(path, value string, allowed []string) {
	if !slices.Contains(allowed, value) {
		k.fail(path, "is %q, must be one of %s", value, strings.Join(allowed, ", "))
	}
}

func (k *checker) form(path, value string, form *regexp.Regexp, want string) {
	if !form.MatchString(value) {
		k.fail(path, "is %q, must be %s", value, want)
	}
}

func (k *checker) date(path, value string) {
	if value == "" {
		return
	}
	if _, err := time.Parse(time.DateOnly, value); err != nil {
		k.fail(path, "is %q, must be a date YYYY-MM-DD", value)
	}
}

// unique reports a repeated id and remembers it otherwise.
func (k *checker) unique(path, id string, seen map[string]bool) {
	if seen[id] {
		k.fail(path, "%q is there twice", id)
	}
	seen[id] = true
}

func (c file) check(source []byte) error {
	k := &checker{source: source}
	k.form("$.name", c.Name, nameForm, "lower-case letters, digits, - and _")
	k.form("$.version", c.Version, versionForm, "a semantic version such as 0.1.0")
	k.required("$.summary", c.Summary)

	protocols := map[string]bool{}
	for i, p := range c.Protocols {
		p.check(k, fmt.Sprintf("$.protocols[%d]", i), protocols)
	}
	chains := map[string]bool{}
	for i, n := range c.Chains {
		at := fmt.Sprintf("$.chains[%d]", i)
		k.required(at+".chain", n.Chain)
		k.unique(at+".chain", n.Chain, chains)
		if n.MaxAnchors < 0 {
			k.fail(at+".max_anchors", "is %d, must not be negative", n.MaxAnchors)
		}
		if err := n.need().Check(); err != nil {
			k.fail(at+".paths", "%v", err)
		}
	}
	if len(c.Chains) == 0 {
		k.fail("$.chains", "at least one chain is required")
	}
	tokens := map[string]bool{}
	for i, t := range c.Tokens {
		t.check(k, fmt.Sprintf("$.tokens[%d]", i), protocols, chains, tokens)
	}
	metrics := map[string]bool{}
	for i, m := range c.Metrics {
		at := fmt.Sprintf("$.metrics[%d]", i)
		k.unique(at, m, metrics)
		switch def, ok := sdk.LookupMetric(sdk.MetricID(m)); {
		case !ok:
			k.fail(at, "%q is not in the catalogue of metrics", m)
		case def.Derived:
			k.fail(at, "%q is derived by the host, a plugin must not emit it", m)
		}
	}
	if len(c.Metrics) == 0 {
		k.fail("$.metrics", "at least one metric is required")
	}
	return errors.Join(k.errs...)
}

func (p protocol) check(k *checker, at string, seen map[string]bool) {
	k.form(at+".id", p.ID, nameForm, "lower-case letters, digits, - and _")
	k.unique(at+".id", p.ID, seen)
	k.required(at+".name", p.Name)
	k.oneOf(at+".status", p.Status, statuses)
	k.date(at+".launched", p.Launched)
	k.date(at+".deposits_closed", p.DepositsClosed)
	k.date(at+".sunset", p.Sunset)
	if p.NodeSet != "" {
		k.oneOf(at+".node_set", p.NodeSet, nodeSets)
	}
	for i, f := range p.Fees {
		fee := fmt.Sprintf("%s.fees[%d]", at, i)
		k.oneOf(fee+".type", f.Type, feeTypes)
		k.form(fee+".bps", f.BPS, bpsForm, "decimal text in basis points")
		k.date(fee+".from", f.From)
		k.date(fee+".to", f.To)
		k.required(fee+".source", f.Source)
	}
}

func (t token) check(k *checker, at string, protocols, chains, seen map[string]bool) {
	k.form(at+".id", t.ID, nameForm, "lower-case letters, digits, - and _")
	k.unique(at+".id", t.ID, seen)
	if !protocols[t.Protocol] {
		k.fail(at+".protocol", "%q is not one of this card's protocols", t.Protocol)
	}
	if !chains[t.Chain] {
		k.fail(at+".chain", "%q is not one of this card's chains", t.Chain)
	}
	k.required(at+".symbol", t.Symbol)
	k.required(at+".underlying", t.Underlying)
	k.oneOf(at+".accrual", t.Accrual, accruals)
	if t.Accrual == string(sdk.Wrapper) && t.RateOf == "" {
		k.fail(at+".rate_of", "is required for a wrapper")
	}
	if t.ExpectedUpdate < 0 || t.StaleAfter < 0 {
		k.fail(at, "durations must not be negative")
	}
	if t.StaleAfter > 0 && t.StaleAfter < t.ExpectedUpdate {
		k.fail(at+".stale_after", "is shorter than expected_update")
	}
}
