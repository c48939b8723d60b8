package wire

import (
	"fmt"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
)

// FromBatch decodes a batch that answers a request with the given number of
// anchors. It refuses a batch as a whole: an error names the column and the row,
// and no observation is returned. Rows with equal labels share one map, which
// must not be written to.
func FromBatch(m *pluginv1.ObservationBatch, anchors int) ([]sdk.Observation, error) {
	if m == nil {
		return nil, fmt.Errorf("batch: missing")
	}
	rows := int64(m.Rows)
	if rows > MaxRows {
		return nil, fmt.Errorf("batch: rows: %d, the limit is %d", rows, MaxRows)
	}
	d := decoder{rows: int(rows), words: m.Dictionary}
	if rows > 0 && (len(m.Dictionary) == 0 || m.Dictionary[0] != "") {
		return nil, fmt.Errorf("batch: dictionary: entry 0 must be the empty string")
	}
	if rows > 0 && (len(m.Token) == 0 || len(m.Metric) == 0) {
		return nil, fmt.Errorf("batch: token and metric: every row needs them")
	}

	// Lengths first: after this every column can be indexed by row.
	d.length("token", len(m.Token))
	d.length("metric", len(m.Metric))
	d.length("anchor", len(m.Anchor))
	d.length("value", len(m.Value))
	d.length("divisor", len(m.Divisor))
	d.length("decimals", len(m.Decimals))
	d.length("position", len(m.Position))
	d.length("ref_time_s", len(m.RefTimeS))
	d.length("ref_epoch", len(m.RefEpoch))
	d.length("quality", len(m.Quality))
	d.length("reason", len(m.Reason))
	d.length("basis", len(m.Basis))
	d.length("method", len(m.Method))
	d.length("target", len(m.Target))
	d.length("field", len(m.Field))
	d.length("digest", len(m.Digest))
	d.length("labels", len(m.Labels))
	if d.err != nil {
		return nil, d.err
	}
	positions, err := fromPositions(m.Positions)
	if err != nil {
		return nil, err
	}

	obs := make([]sdk.Observation, d.rows)
	for i := range obs {
		o := &obs[i]
		o.Token = sdk.TokenID(d.word("token", m.Token, i))
		o.Metric = sdk.MetricID(d.word("metric", m.Metric, i))
		if o.Token == "" || o.Metric == "" {
			d.fail("token and metric", i, fmt.Errorf("must not be empty"))
		}
		if len(m.Anchor) > 0 {
			o.Anchor = int(m.Anchor[i])
		}
		if o.Anchor >= anchors {
			d.fail("anchor", i, fmt.Errorf("index %d, the request has %d anchors", o.Anchor, anchors))
		}
		d.integers(o, m, i)
		if len(m.Position) > 0 && m.Position[i] > 0 {
			if n := int64(m.Position[i]); n > int64(len(positions)) {
				d.fail("position", i, fmt.Errorf("index %d, there are %d positions", n, len(positions)))
			} else {
				at := positions[n-1]
				o.At = &at
			}
		}
		if len(m.RefTimeS) > 0 {
			t, err := fromSeconds(m.RefTimeS[i])
			d.fail("ref_time_s", i, err)
			o.RefTime = t
		}
		if len(m.RefEpoch) > 0 {
			o.RefEpoch = m.RefEpoch[i]
		}
		o.Quality = sdk.Quality(d.word("quality", m.Quality, i))
		o.Reason = d.word("reason", m.Reason, i)
		o.Basis = sdk.Basis(d.word("basis", m.Basis, i))
		o.Source = sdk.Source{
			Method: d.word("method", m.Method, i),
			Target: d.word("target", m.Target, i),
			Field:  d.word("field", m.Field, i),
			Digest: d.word("digest", m.Digest, i),
		}
		if len(m.Labels) > 0 && m.Labels[i] > 0 {
			if n := int64(m.Labels[i]); n > int64(len(m.LabelSets)) {
				d.fail("labels", i, fmt.Errorf("index %d, there are %d label sets", n, len(m.LabelSets)))
			} else if set := m.LabelSets[n-1].GetLabels(); len(set) > 0 {
				o.Labels = set
			}
		}
		if d.err != nil {
			return nil, d.err
		}
	}
	return obs, nil
}

// decoder keeps the first error of a batch.
type decoder struct {
	rows  int
	words []string
	err   error
}

func (d *decoder) length(column string, n int) {
	if d.err == nil && n != 0 && n != d.rows {
		d.err = fmt.Errorf("batch: %s: %d entries for %d rows", column, n, d.rows)
	}
}

func (d *decoder) fail(column string, row int, err error) {
	if d.err == nil && err != nil {
		d.err = fmt.Errorf("batch: %s: row %d: %w", column, row, err)
	}
}

func (d *decoder) word(column string, indexes []uint32, row int) string {
	if len(indexes) == 0 {
		return ""
	}
	if n := int64(indexes[row]); n >= int64(len(d.words)) {
		d.fail(column, row, fmt.Errorf("index %d, the dictionary has %d entries", n, len(d.words)))
		return ""
	}
	return d.words[indexes[row]]
}

func (d *decoder) integers(o *sdk.Observation, m *pluginv1.ObservationBatch, i int) {
	var err error
	if len(m.Value) > 0 {
		o.Value, err = FromInteger(m.Value[i])
		d.fail("value", i, err)
	}
	if len(m.Divisor) > 0 {
		o.Divisor, err = FromInteger(m.Divisor[i])
		d.fail("divisor", i, err)
		if !isPositive(o.Divisor) {
			d.fail("divisor", i, fmt.Errorf("must be positive"))
		}
	}
	if len(m.Decimals) > 0 {
		if m.Decimals[i] > 255 {
			d.fail("decimals", i, fmt.Errorf("%d, the limit is 255", m.Decimals[i]))
		}
		o.Decimals = uint8(m.Decimals[i])
	}
}

func fromPositions(msgs []*pluginv1.Position) ([]sdk.Position, error) {
	positions := make([]sdk.Position, len(msgs))
	for i, p := range msgs {
		var err error
		if positions[i], err = FromPosition(p); err != nil {
			return nil, fmt.Errorf("batch: positions: entry %d: %w", i, err)
		}
	}
	return positions, nil
}
