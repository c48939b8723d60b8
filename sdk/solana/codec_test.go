package solana_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

// everything uses each kind of field once.
type everything struct {
	A uint8
	B bool
	C uint32
	D uint64
	E int64
	F solana.PublicKey
	G *solana.PublicKey
	H [3]byte
}

func (e *everything) layout(c *solana.Codec) {
	c.Const("magic", 0xca, 0xfe)
	c.U8("a", &e.A)
	c.Bool("b", &e.B)
	c.U32("c", &e.C)
	c.U64("d", &e.D)
	c.I64("e", &e.E)
	c.Key("f", &e.F)
	c.OptionKey("g", &e.G)
	c.Skip("gap", 2)
	c.Raw("h", e.H[:])
}

func drawKey(t *rapid.T, label string) (k solana.PublicKey) {
	copy(k[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label))
	return k
}

func TestCodecReadsWhatItWrote(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := everything{
			A: rapid.Uint8().Draw(t, "a"), B: rapid.Bool().Draw(t, "b"), C: rapid.Uint32().Draw(t, "c"),
			D: rapid.Uint64().Draw(t, "d"), E: rapid.Int64().Draw(t, "e"), F: drawKey(t, "f"),
		}
		if rapid.Bool().Draw(t, "set") {
			k := drawKey(t, "g")
			in.G = &k
		}
		w := solana.Encoding("thing", 96)
		in.layout(w)
		if w.Err() != nil {
			t.Fatal(w.Err())
		}
		var out everything
		r := solana.Decoding("thing", w.Bytes())
		out.layout(r)
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Fatalf("differs (-wrote +read):\n%s", diff)
		}
	})
}

func TestCodecErrorsNameFieldAndOffset(t *testing.T) {
	t.Parallel()
	good := func() []byte {
		w := solana.Encoding("thing", 96)
		new(everything).layout(w)
		return w.Bytes()
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"data that ends early":         {good()[:6], "thing: field c at offset 4: needs 4 bytes, the account has 6"},
		"a wrong constant":             {append([]byte{0xca, 0xff}, good()[2:]...), "thing: field magic at offset 0: is caff, want cafe"},
		"a bool that is neither":       {append([]byte{0xca, 0xfe, 0, 2}, good()[4:]...), "thing: field b at offset 3: is 2, want 0 or 1"},
		"an option that is neither":    {append(append(good()[:56:56], 7), good()[57:]...), "thing: field g at offset 56: is 7, want 0 or 1"},
		"an option that needs its key": {append(good()[:56:56], 1), "thing: field g at offset 57: needs 32 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out everything
			r := solana.Decoding("thing", c.data)
			out.layout(r)
			if r.Err() == nil || !strings.HasPrefix(r.Err().Error(), c.want) {
				t.Errorf("error is %v, want %s", r.Err(), c.want)
			}
			if sdk.KindOf(r.Err()) != sdk.KindLayout {
				t.Errorf("kind is %q", sdk.KindOf(r.Err()))
			}
		})
	}
}

func TestCodecDoesNotWriteBeyondItsSize(t *testing.T) {
	t.Parallel()
	w := solana.Encoding("thing", 10)
	new(everything).layout(w)
	if w.Err() == nil {
		t.Error("no error")
	}
}

func FuzzSharedLayouts(f *testing.F) {
	f.Add([]byte{})
	f.Add(solana.Mint{Initialized: true}.Encode())
	f.Add(solana.TokenAccount{}.Encode())
	f.Add(solana.StakeAccount{State: solana.StakeDelegated}.Encode())
	f.Add(solana.Clock{Slot: 1}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		_, e1 := solana.DecodeMint(data)
		_, e2 := solana.DecodeTokenAccount(data)
		_, e3 := solana.DecodeStakeAccount(data)
		_, e4 := solana.DecodeClock(data)
		_, e5 := solana.DecodeEpochSchedule(data)
		for _, err := range []error{e1, e2, e3, e4, e5} {
			if err != nil && sdk.KindOf(err) != sdk.KindLayout {
				t.Errorf("kind of %v is %q", err, sdk.KindOf(err))
			}
		}
	})
}
