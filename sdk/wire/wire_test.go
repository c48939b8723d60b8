package wire

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
)

var exact = cmp.Options{
	cmp.Comparer(func(a, b *big.Int) bool {
		return (a == nil) == (b == nil) && (a == nil || a.Cmp(b) == 0)
	}),
	cmpopts.EquateEmpty(),
}

// overWire sends m through its bytes, so that nothing is shared with the sender.
func overWire[M proto.Message](t interface{ Fatalf(string, ...any) }, m M) M {
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	out := m.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(b, out); err != nil {
		t.Fatalf("unmarshal: %v", err)
	}
	return out.(M)
}

func TestObservationsSurviveTheWire(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		anchors := rapid.IntRange(1, 4).Draw(t, "anchors")
		want := rapid.SliceOfN(observation(anchors), 1, 20).Draw(t, "observations")
		batch, err := ToBatch(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := FromBatch(overWire(t, batch), anchors)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, exact); diff != "" {
			t.Fatalf("sent and received differ (-sent +received):\n%s", diff)
		}
	})
}

func TestRequestsSurviveTheWire(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		chain := sdk.ChainID(name().Draw(t, "chain"))
		want := sdk.Request{
			Chain:    chain,
			Anchors:  rapid.SliceOfN(anchor(chain), 1, 4).Draw(t, "anchors"),
			Endpoint: text().Draw(t, "endpoint"),
			Options:  rapid.MapOf(text(), text()).Draw(t, "options"),
		}
		slices.SortFunc(want.Anchors, func(a, b sdk.Anchor) int {
			return big.NewInt(0).SetUint64(a.Height).Cmp(big.NewInt(0).SetUint64(b.Height))
		})
		for range rapid.IntRange(0, 2).Draw(t, "tokens") {
			want.Tokens = append(want.Tokens, sdk.TokenID(text().Draw(t, "token")))
		}
		got, err := FromRequest(overWire(t, ToRequest(want)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, exact); diff != "" {
			t.Fatalf("sent and received differ (-sent +received):\n%s", diff)
		}
	})
}

func TestDescriptionsSurviveTheWire(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := sdk.Description{
			Name: text().Draw(t, "name"), Version: text().Draw(t, "version"), Summary: text().Draw(t, "summary"),
			Protocols: rapid.SliceOfN(protocol(), 0, 2).Draw(t, "protocols"),
			Tokens:    rapid.SliceOfN(token(), 0, 2).Draw(t, "tokens"),
			Metrics:   []sdk.MetricID{sdk.LSTSupply, sdk.MetricID(text().Draw(t, "metric"))},
			Chains: []sdk.ChainNeed{{
				Chain: sdk.ChainID(text().Draw(t, "chain")), ReadsPast: rapid.Bool().Draw(t, "past"),
				From: rapid.Uint64().Draw(t, "from"), Offline: rapid.Bool().Draw(t, "offline"),
				MaxAnchors: rapid.IntRange(0, math.MaxInt32).Draw(t, "max anchors"),
				Paths:      rapid.SliceOfN(text(), 1, 3).Draw(t, "paths"),
			}},
		}
		got, err := FromDescription(overWire(t, ToDescription(want)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, exact); diff != "" {
			t.Fatalf("sent and received differ (-sent +received):\n%s", diff)
		}
	})
}

func TestFailuresSurviveTheWire(t *testing.T) {
	t.Parallel()
	want := sdk.Failure{Anchor: 2, Token: "reth", Kind: sdk.KindLayout, Message: "stake pool: 611 bytes, want 612"}
	m, err := ToFailure(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := FromFailure(overWire(t, m), 3)
	if err != nil || got != want {
		t.Errorf("FromFailure = %v, %v; want %v", got, err, want)
	}
	if _, err := FromFailure(m, 2); err == nil {
		t.Error("an anchor out of range passed")
	}
	m, err = ToFailure(sdk.Failure{Kind: "odd", Message: "quoted \xff\xfe" + strings.Repeat("x", 2*MaxMessage)})
	if err != nil {
		t.Fatal(err)
	}
	got, err = FromFailure(overWire(t, m), 1)
	if err != nil || got.Kind != sdk.KindInternal || len(got.Message) > MaxMessage+10 {
		t.Errorf("a failure with raw bytes arrived as kind %s with %d bytes, %v", got.Kind, len(got.Message), err)
	}
}

func TestIntegersAreShortestTwosComplement(t *testing.T) {
	t.Parallel()
	for hex, decimal := range map[string]string{
		"\x00":                              "0",
		"\x01":                              "1",
		"\x7f":                              "127",
		"\x00\x80":                          "128",
		"\xff":                              "-1",
		"\x80":                              "-128",
		"\xff\x7f":                          "-129",
		"\x00" + strings.Repeat("\xff", 32): "115792089237316195423570985008687907853269984665640564039457584007913129639935",
	} {
		x, _ := new(big.Int).SetString(decimal, 10)
		got, err := ToInteger(x)
		if err != nil || string(got) != hex {
			t.Errorf("ToInteger(%s) = %x, %v; want %x", decimal, got, err, hex)
		}
		back, err := FromInteger([]byte(hex))
		if err != nil || back.Cmp(x) != 0 {
			t.Errorf("FromInteger(%x) = %s, %v; want %s", hex, back, err, decimal)
		}
	}
	if got, err := ToInteger(nil); got != nil || err != nil {
		t.Errorf("ToInteger(nil) = %x, %v; unknown is no bytes", got, err)
	}
	huge := new(big.Int).Lsh(big.NewInt(1), 8*MaxValueBytes-1)
	if _, err := ToInteger(huge); err == nil {
		t.Error("2^511 needs 65 bytes and passed")
	}
	if got, err := ToInteger(huge.Neg(huge)); err != nil || len(got) != MaxValueBytes {
		t.Errorf("-2^511 took %d bytes, %v; it fits %d", len(got), err, MaxValueBytes)
	}
}

// good is a batch that decodes; each malformed one below changes one thing.
func good() *pluginv1.ObservationBatch {
	batch, err := ToBatch([]sdk.Observation{
		{
			Token: "reth", Metric: sdk.ExchangeRateMetric, Anchor: 1, Value: big.NewInt(3), Divisor: big.NewInt(2),
			Decimals: 18, RefTime: time.Unix(1700000000, 0), RefEpoch: 7, Quality: sdk.QualityOK, Reason: "r",
			Basis: sdk.OnChain, Labels: map[string]string{"quote": "ETH"}, At: &sdk.Position{Height: 9},
			Source: sdk.Source{Method: "m", Target: "t", Field: "f", Digest: "d"},
		},
		{Token: "reth", Metric: sdk.LSTSupply, Reason: "no answer"},
	})
	if err != nil {
		panic(err)
	}
	return batch
}

func TestMalformedBatchIsAnErrorThatNamesTheColumn(t *testing.T) {
	t.Parallel()
	if _, err := FromBatch(good(), 2); err != nil {
		t.Fatalf("the batch to break is broken already: %v", err)
	}
	for name, test := range map[string]struct {
		breakIt func(*pluginv1.ObservationBatch)
		names   string
	}{
		"a short token column":                {func(m *pluginv1.ObservationBatch) { m.Token = m.Token[:1] }, "token"},
		"no token column":                     {func(m *pluginv1.ObservationBatch) { m.Token = nil }, "token"},
		"no metric column":                    {func(m *pluginv1.ObservationBatch) { m.Metric = nil }, "metric"},
		"an empty token":                      {func(m *pluginv1.ObservationBatch) { m.Token[1] = 0 }, "token"},
		"a long anchor column":                {func(m *pluginv1.ObservationBatch) { m.Anchor = append(m.Anchor, 0) }, "anchor"},
		"a short value column":                {func(m *pluginv1.ObservationBatch) { m.Value = m.Value[:1] }, "value"},
		"a short divisor column":              {func(m *pluginv1.ObservationBatch) { m.Divisor = m.Divisor[:1] }, "divisor"},
		"a short decimals column":             {func(m *pluginv1.ObservationBatch) { m.Decimals = m.Decimals[:1] }, "decimals"},
		"a short position column":             {func(m *pluginv1.ObservationBatch) { m.Position = m.Position[:1] }, "position"},
		"a short reference time column":       {func(m *pluginv1.ObservationBatch) { m.RefTimeS = m.RefTimeS[:1] }, "ref_time_s"},
		"a short reference epoch column":      {func(m *pluginv1.ObservationBatch) { m.RefEpoch = m.RefEpoch[:1] }, "ref_epoch"},
		"a short quality column":              {func(m *pluginv1.ObservationBatch) { m.Quality = m.Quality[:1] }, "quality"},
		"a short reason column":               {func(m *pluginv1.ObservationBatch) { m.Reason = m.Reason[:1] }, "reason"},
		"a short basis column":                {func(m *pluginv1.ObservationBatch) { m.Basis = m.Basis[:1] }, "basis"},
		"a short method column":               {func(m *pluginv1.ObservationBatch) { m.Method = m.Method[:1] }, "method"},
		"a short target column":               {func(m *pluginv1.ObservationBatch) { m.Target = m.Target[:1] }, "target"},
		"a short field column":                {func(m *pluginv1.ObservationBatch) { m.Field = m.Field[:1] }, "field"},
		"a short digest column":               {func(m *pluginv1.ObservationBatch) { m.Digest = m.Digest[:1] }, "digest"},
		"a short labels column":               {func(m *pluginv1.ObservationBatch) { m.Labels = m.Labels[:1] }, "labels"},
		"fewer rows than entries":             {func(m *pluginv1.ObservationBatch) { m.Rows = 1 }, "token"},
		"no rows but entries":                 {func(m *pluginv1.ObservationBatch) { m.Rows = 0 }, "token"},
		"four billion rows in a small batch":  {func(m *pluginv1.ObservationBatch) { m.Rows = math.MaxUint32 }, "rows"},
		"a word outside the dictionary":       {func(m *pluginv1.ObservationBatch) { m.Field[0] = 99 }, "field"},
		"a dictionary without the empty word": {func(m *pluginv1.ObservationBatch) { m.Dictionary[0] = "x" }, "dictionary"},
		"no dictionary":                       {func(m *pluginv1.ObservationBatch) { m.Dictionary = nil }, "dictionary"},
		"an anchor the request has not":       {func(m *pluginv1.ObservationBatch) { m.Anchor[0] = 2 }, "anchor"},
		"the largest anchor":                  {func(m *pluginv1.ObservationBatch) { m.Anchor[0] = math.MaxUint32 }, "anchor"},
		"a value of 65 bytes":                 {func(m *pluginv1.ObservationBatch) { m.Value[0] = make([]byte, 65) }, "value"},
		"a divisor of zero":                   {func(m *pluginv1.ObservationBatch) { m.Divisor[0] = []byte{0} }, "divisor"},
		"a divisor below zero":                {func(m *pluginv1.ObservationBatch) { m.Divisor[0] = []byte{0xff} }, "divisor"},
		"256 decimals":                        {func(m *pluginv1.ObservationBatch) { m.Decimals[0] = 256 }, "decimals"},
		"a position that is not there":        {func(m *pluginv1.ObservationBatch) { m.Position[0] = 2 }, "position"},
		"a position outside time":             {func(m *pluginv1.ObservationBatch) { m.Positions[0].TimeS = math.MaxInt64 }, "time_s"},
		"a reference time before 1970":        {func(m *pluginv1.ObservationBatch) { m.RefTimeS[0] = -1 }, "ref_time_s"},
		"labels that are not there":           {func(m *pluginv1.ObservationBatch) { m.Labels[0] = math.MaxUint32 }, "labels"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			batch := good()
			test.breakIt(batch)
			obs, err := FromBatch(batch, 2)
			if err == nil || obs != nil {
				t.Fatalf("FromBatch = %d rows, %v; want an error and no rows", len(obs), err)
			}
			if !strings.Contains(err.Error(), test.names) {
				t.Errorf("error %q does not name %q", err, test.names)
			}
		})
	}
	if _, err := FromBatch(nil, 1); err == nil {
		t.Error("a missing batch passed")
	}
}

func TestBatcherRefusesWhatTheOtherSideWouldRefuse(t *testing.T) {
	t.Parallel()
	huge := new(big.Int).Lsh(big.NewInt(1), 600)
	for name, o := range map[string]sdk.Observation{
		"no token":                    {Metric: "m"},
		"no metric":                   {Token: "t"},
		"a value of 76 bytes":         {Token: "t", Metric: "m", Value: huge},
		"a divisor of zero":           {Token: "t", Metric: "m", Divisor: new(big.Int)},
		"a divisor of 76 bytes":       {Token: "t", Metric: "m", Divisor: huge},
		"a negative anchor":           {Token: "t", Metric: "m", Anchor: -1},
		"raw bytes as a reason":       {Token: "t", Metric: "m", Reason: "\xff"},
		"raw bytes as a label":        {Token: "t", Metric: "m", Labels: map[string]string{"a": "\xff"}},
		"raw bytes as a hash":         {Token: "t", Metric: "m", At: &sdk.Position{Hash: "\xff"}},
		"a reference time after 9999": {Token: "t", Metric: "m", RefTime: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"a position before 1970":      {Token: "t", Metric: "m", At: &sdk.Position{Time: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b Batcher
			if err := b.Add(o); err == nil {
				t.Error("it was accepted")
			}
			if b.Len() != 0 || b.Flush() != nil {
				t.Error("it left a row behind")
			}
		})
	}
}

func TestBatcherIsFullByRowsOrByBytes(t *testing.T) {
	t.Parallel()
	var b Batcher
	for !b.Full() {
		if err := b.Add(sdk.Observation{Token: "t", Metric: "m"}); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() != BatchRows {
		t.Errorf("full at %d small rows, want %d", b.Len(), BatchRows)
	}
	b.Flush()
	for i := 0; !b.Full(); i++ {
		reason := strings.Repeat("x", 64<<10) + string(rune('a'+i%26)) + string(rune('a'+i/26))
		if err := b.Add(sdk.Observation{Token: "t", Metric: "m", Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	if size := proto.Size(b.Flush()); size > 2*BatchBytes {
		t.Errorf("full at %d bytes, want about %d", size, BatchBytes)
	}
}

func TestUnusedColumnsCostNothing(t *testing.T) {
	t.Parallel()
	var rows []sdk.Observation
	for range 1000 {
		rows = append(rows, sdk.Observation{Token: "reth", Metric: sdk.LSTSupply, Value: big.NewInt(1)})
	}
	batch, err := ToBatch(rows)
	if err != nil {
		t.Fatal(err)
	}
	if size := proto.Size(batch); size > 6*1000 {
		t.Errorf("a row of three columns costs %d bytes", size/1000)
	}
}

func TestMalformedRequestsAndDescriptionsAreErrors(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*pluginv1.FetchRequest{
		"no chain":            {Anchors: []*pluginv1.Anchor{{}}},
		"no anchor":           {Chain: "ethereum"},
		"descending anchors":  {Chain: "ethereum", Anchors: []*pluginv1.Anchor{{Height: 2}, {Height: 1}}},
		"an anchor in 292277": {Chain: "ethereum", Anchors: []*pluginv1.Anchor{{TimeS: math.MaxInt64}}},
		"a missing request":   nil,
	} {
		if _, err := FromRequest(m); err == nil {
			t.Errorf("%s passed", name)
		}
	}
	for name, m := range map[string]*pluginv1.DescribeResponse{
		"a token of 256 decimals":      {Tokens: []*pluginv1.Token{{Decimals: 256}}},
		"a token stale after forever":  {Tokens: []*pluginv1.Token{{StaleAfterS: math.MaxInt64}}},
		"a token expected in the past": {Tokens: []*pluginv1.Token{{ExpectedUpdateS: -1}}},
		"four billion anchors":         {Chains: []*pluginv1.ChainNeed{{MaxAnchors: math.MaxUint32}}},
	} {
		if _, err := FromDescription(m); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}

// FuzzFromBatch: whatever bytes arrive, decoding gives rows that can be sent
// again and arrive the same, or an error.
func FuzzFromBatch(f *testing.F) {
	b, err := proto.Marshal(good())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 2)
	f.Add([]byte{}, 1)
	f.Fuzz(func(t *testing.T, b []byte, anchors int) {
		var m pluginv1.ObservationBatch
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		obs, err := FromBatch(&m, anchors)
		if err != nil {
			if obs != nil {
				t.Fatal("rows beside an error")
			}
			return
		}
		again, err := ToBatch(obs)
		if err != nil {
			t.Fatalf("decoded rows cannot be encoded: %v", err)
		}
		if len(obs) == 0 {
			return
		}
		back, err := FromBatch(overWire(t, again), anchors)
		if err != nil {
			t.Fatalf("encoded rows cannot be decoded: %v", err)
		}
		if diff := cmp.Diff(obs, back, exact); diff != "" {
			t.Fatalf("rows changed on the way:\n%s", diff)
		}
	})
}
