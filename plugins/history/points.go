package main

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/csv"
	"fmt"
	"io/fs"
	"math/big"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// One folder a chain, one file a source. The first line of a file is a comment
// that names the source; the second names the columns. Which columns there are,
// and where every number comes from, is in data/PROVENANCE.md.
//
//go:embed data/*/*.csv
var data embed.FS

// point is one row of a file as an observation without its anchor.
type point struct {
	time time.Time
	obs  sdk.Observation
}

// load reads the points of every chain, oldest first. The files are part of the
// binary, so an error is a defect of the build.
func load(files fs.FS) (map[sdk.ChainID][]point, error) {
	names, err := fs.Glob(files, "data/*/*.csv")
	if err != nil {
		return nil, err
	}
	points := map[sdk.ChainID][]point{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		list, err := parse(path.Base(name), text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		chain := sdk.ChainID(path.Base(path.Dir(name)))
		points[chain] = append(points[chain], list...)
	}
	for _, list := range points {
		slices.SortStableFunc(list, func(x, y point) int { return x.time.Compare(y.time) })
	}
	return points, nil
}

func parse(file string, text []byte) ([]point, error) {
	source, table, ok := bytes.Cut(text, []byte("\n"))
	name, named := strings.CutPrefix(string(source), "# source: ")
	if !ok || !named {
		return nil, fmt.Errorf("line 1 does not name the source")
	}
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("line 2 does not name the columns")
	}
	columns := map[string]int{}
	for i, c := range rows[0] {
		columns[c] = i
	}
	var points []point
	for i, row := range rows[1:] {
		line := i + 3 // the comment, the header, and lines count from 1
		p, err := pointOf(func(column string) string {
			if at, has := columns[column]; has {
				return row[at]
			}
			return ""
		})
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		p.obs.Source = sdk.Source{
			Method: "published series",
			Target: fmt.Sprintf("%s (%s)", file, name),
			Field:  fmt.Sprintf("row %d, value", line),
		}
		points = append(points, p)
	}
	return points, nil
}

// pointOf reads one row through get, which returns "" for a column the file does
// not have.
func pointOf(get func(column string) string) (point, error) {
	at, err := time.Parse(time.RFC3339, get("time"))
	if err != nil {
		return point{}, err
	}
	o := sdk.Observation{
		Token: sdk.TokenID(get("token")), Metric: sdk.MetricID(get("metric")),
		Quality: sdk.Quality(cmp.Or(get("quality"), string(sdk.QualityOK))), Reason: get("reason"),
		Basis: sdk.Published,
	}
	where := sdk.Position{Time: at.UTC()}
	if where.Height, err = number(get("height")); err != nil {
		return point{}, err
	}
	if where.Epoch, err = number(get("epoch")); err != nil {
		return point{}, err
	}
	o.At, o.RefEpoch = &where, where.Epoch
	if text := get("ref_time"); text != "" {
		if o.RefTime, err = time.Parse(time.RFC3339, text); err != nil {
			return point{}, err
		}
	}
	if o.Value, o.Decimals, err = digits(get("value")); err != nil {
		return point{}, err
	}
	if o.Value == nil && o.Reason == "" {
		return point{}, fmt.Errorf("no value and no reason")
	}
	if text := get("divisor"); text != "" {
		var ok bool
		if o.Divisor, ok = new(big.Int).SetString(text, 10); !ok || o.Divisor.Sign() <= 0 {
			return point{}, fmt.Errorf("divisor %q is not a positive integer", text)
		}
	}
	if quote := get("quote"); quote != "" {
		o.Labels = map[string]string{sdk.LabelQuote: quote, sdk.LabelVenue: get("venue")}
	}
	return point{time: where.Time, obs: o}, nil
}

func number(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// digits splits a printed decimal into its integer and the number of decimals, so
// that every printed digit is kept, trailing zeros too. Empty text is unknown.
func digits(text string) (*big.Int, uint8, error) {
	if text == "" {
		return nil, 0, nil
	}
	whole, fraction, _ := strings.Cut(text, ".")
	value, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok || len(fraction) > 77 {
		return nil, 0, fmt.Errorf("value %q is not a plain decimal", text)
	}
	return value, uint8(len(fraction)), nil
}
