package main

import (
	"slices"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// The options of a job.
const (
	optionAlso       = "also"              // tokens of extra feeds: "weeth,ezeth"
	optionMaxAge     = "max_age."          // + pair: a Go duration
	optionDeprecated = "deprecated_after." // + pair: a date, or empty for never
)

// selected returns the feeds a request is for, with its options applied.
// Mistakes in options are errors of kind config.
func selected(req sdk.Request) ([]feed, error) {
	list := slices.Clone(feeds)
	var also []string
	for key, value := range req.Options {
		if key == optionAlso {
			also = splitList(value)
			continue
		}
		prefix, pair, _ := strings.Cut(key, ".")
		i := slices.IndexFunc(list, func(f feed) bool { return f.pair() == pair })
		if i < 0 {
			return nil, sdk.Errorf(sdk.KindConfig, "option %q of chainlink: there is no such option or feed", key)
		}
		var err error
		switch prefix + "." {
		case optionMaxAge:
			list[i].maxAge, err = time.ParseDuration(value)
		case optionDeprecated:
			list[i].deprecated = time.Time{}
			if value != "" {
				list[i].deprecated, err = time.Parse(time.DateOnly, value)
			}
		default:
			return nil, sdk.Errorf(sdk.KindConfig, "option %q of chainlink: there is no such option", key)
		}
		if err != nil {
			return nil, sdk.Errorf(sdk.KindConfig, "option %q of chainlink: %w", key, err)
		}
	}
	for _, token := range also {
		if !slices.ContainsFunc(list, func(f feed) bool { return f.extra && string(f.token) == token }) {
			return nil, sdk.Errorf(sdk.KindConfig, "option %q of chainlink: there is no extra feed of %q", optionAlso, token)
		}
	}
	return slices.DeleteFunc(list, func(f feed) bool {
		return !req.Wants(f.token) || f.extra && !slices.Contains(also, string(f.token))
	}), nil
}

func splitList(text string) []string {
	var out []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
