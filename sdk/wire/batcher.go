package wire

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
)

// Batcher collects observations into a message by column. Its zero value is an
// empty batch. It is not safe for concurrent use.
type Batcher struct {
	msg       *pluginv1.ObservationBatch
	size      int
	words     map[string]uint32
	positions map[sdk.Position]uint32
	labels    map[string]uint32
}

// Len is the number of rows in the batch.
func (b *Batcher) Len() int {
	if b.msg == nil {
		return 0
	}
	return int(b.msg.Rows)
}

// Full reports that the batch should be flushed before more is added.
func (b *Batcher) Full() bool { return b.Len() >= BatchRows || b.size >= BatchBytes }

// Add appends one observation. An error means that the observation cannot be
// sent and that the batch is unchanged in rows.
func (b *Batcher) Add(o sdk.Observation) error {
	if b.Len() >= MaxRows {
		return fmt.Errorf("batch is full: %d rows", MaxRows)
	}
	if o.Token == "" || o.Metric == "" {
		return refuse(o, "token and metric", fmt.Errorf("must not be empty"))
	}
	value, err := ToInteger(o.Value)
	if err != nil {
		return refuse(o, "value", err)
	}
	if !isPositive(o.Divisor) {
		return refuse(o, "divisor", fmt.Errorf("%s is not positive", o.Divisor))
	}
	divisor, err := ToInteger(o.Divisor)
	if err != nil {
		return refuse(o, "divisor", err)
	}
	if o.Anchor < 0 || int64(o.Anchor) > int64(^uint32(0)) {
		return refuse(o, "anchor", fmt.Errorf("%d is not an index into the request's anchors", o.Anchor))
	}
	if _, err := fromSeconds(toSeconds(o.RefTime)); err != nil {
		return refuse(o, "ref_time", err)
	}
	for _, text := range []struct{ column, value string }{
		{"token", string(o.Token)},
		{"metric", string(o.Metric)},
		{"quality", string(o.Quality)},
		{"reason", o.Reason},
		{"basis", string(o.Basis)},
		{"method", o.Source.Method},
		{"target", o.Source.Target},
		{"field", o.Source.Field},
		{"digest", o.Source.Digest},
	} {
		if !utf8.ValidString(text.value) {
			return refuse(o, text.column, errNotText)
		}
	}
	for k, v := range o.Labels {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return refuse(o, "labels", errNotText)
		}
	}
	if o.At != nil {
		if err := checkPosition(*o.At); err != nil {
			return refuse(o, "position", err)
		}
	}

	if b.msg == nil {
		b.reset()
	}
	m := b.msg
	m.Rows++
	m.Token = append(m.Token, b.word(string(o.Token)))
	m.Metric = append(m.Metric, b.word(string(o.Metric)))
	m.Anchor = append(m.Anchor, uint32(o.Anchor))
	m.Value = append(m.Value, value)
	m.Divisor = append(m.Divisor, divisor)
	m.Decimals = append(m.Decimals, uint32(o.Decimals))
	m.Position = append(m.Position, b.position(o.At))
	m.RefTimeS = append(m.RefTimeS, toSeconds(o.RefTime))
	m.RefEpoch = append(m.RefEpoch, o.RefEpoch)
	m.Quality = append(m.Quality, b.word(string(o.Quality)))
	m.Reason = append(m.Reason, b.word(o.Reason))
	m.Basis = append(m.Basis, b.word(string(o.Basis)))
	m.Method = append(m.Method, b.word(o.Source.Method))
	m.Target = append(m.Target, b.word(o.Source.Target))
	m.Field = append(m.Field, b.word(o.Source.Field))
	m.Digest = append(m.Digest, b.word(o.Source.Digest))
	m.Labels = append(m.Labels, b.labelSet(o.Labels))
	b.size += rowOverhead + len(value) + len(divisor)
	return nil
}

// Flush returns the batch and starts a new one. It returns nil when the batch is
// empty.
func (b *Batcher) Flush() *pluginv1.ObservationBatch {
	m := b.msg
	if m == nil {
		return nil
	}
	*b = Batcher{}
	for _, column := range []*[]uint32{
		&m.Anchor, &m.Decimals, &m.Position, &m.Quality, &m.Reason, &m.Basis,
		&m.Method, &m.Target, &m.Field, &m.Digest, &m.Labels,
	} {
		dropUnused(column, func(v uint32) bool { return v != 0 })
	}
	dropUnused(&m.RefTimeS, func(v int64) bool { return v != 0 })
	dropUnused(&m.RefEpoch, func(v uint64) bool { return v != 0 })
	dropUnused(&m.Value, func(v []byte) bool { return len(v) != 0 })
	dropUnused(&m.Divisor, func(v []byte) bool { return len(v) != 0 })
	return m
}

// rowOverhead is a generous estimate of what a row costs besides its integers:
// seventeen columns of one to five bytes.
const rowOverhead = 48

var errNotText = fmt.Errorf("is not valid UTF-8; hex or quote raw bytes")

func refuse(o sdk.Observation, column string, err error) error {
	return fmt.Errorf("observation of %q %q at anchor %d: %s: %w", o.Token, o.Metric, o.Anchor, column, err)
}

// dropUnused empties a column that no row uses, as the wire allows.
func dropUnused[T any](column *[]T, used func(T) bool) {
	if !slices.ContainsFunc(*column, used) {
		*column = nil
	}
}

func (b *Batcher) reset() {
	*b = Batcher{
		msg:       &pluginv1.ObservationBatch{Dictionary: []string{""}},
		words:     map[string]uint32{"": 0},
		positions: map[sdk.Position]uint32{},
		labels:    map[string]uint32{},
	}
}

func (b *Batcher) word(s string) uint32 {
	i, ok := b.words[s]
	if !ok {
		i = uint32(len(b.msg.Dictionary))
		b.words[s] = i
		b.msg.Dictionary = append(b.msg.Dictionary, s)
		b.size += len(s) + 6
	}
	return i
}

func (b *Batcher) position(at *sdk.Position) uint32 {
	if at == nil {
		return 0
	}
	i, ok := b.positions[*at]
	if !ok {
		b.msg.Positions = append(b.msg.Positions, ToPosition(*at))
		i = uint32(len(b.msg.Positions))
		b.positions[*at] = i
		b.size += len(at.Hash) + rowOverhead
	}
	return i
}

func (b *Batcher) labelSet(labels map[string]string) uint32 {
	if len(labels) == 0 {
		return 0
	}
	keys := make([]string, 0, len(labels))
	for k := range labels {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var id strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&id, "%q=%q,", k, labels[k])
	}
	i, ok := b.labels[id.String()]
	if !ok {
		set := make(map[string]string, len(labels))
		for k, v := range labels {
			set[k] = v
		}
		b.msg.LabelSets = append(b.msg.LabelSets, &pluginv1.LabelSet{Labels: set})
		i = uint32(len(b.msg.LabelSets))
		b.labels[id.String()] = i
		b.size += id.Len() + rowOverhead
	}
	return i
}

// ToBatch encodes observations as one message, nil for none.
func ToBatch(obs []sdk.Observation) (*pluginv1.ObservationBatch, error) {
	var b Batcher
	for _, o := range obs {
		if err := b.Add(o); err != nil {
			return nil, err
		}
	}
	return b.Flush(), nil
}

// checkPosition refuses what FromPosition would refuse on the other side.
func checkPosition(p sdk.Position) error {
	if !utf8.ValidString(p.Hash) {
		return fmt.Errorf("hash: %w", errNotText)
	}
	for _, s := range []int64{toSeconds(p.Time), toSeconds(p.EpochStart)} {
		if _, err := fromSeconds(s); err != nil {
			return err
		}
	}
	return nil
}

// isPositive says whether x may divide: nil means 1.
func isPositive(x *big.Int) bool { return x == nil || x.Sign() > 0 }
