package transforms

import (
	"math/big"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Settings are the limits the checks use. A zero field means its default.
type Settings struct {
	// RateMin and RateMax bound an exchange rate, native per share.
	RateMin, RateMax *big.Rat
	// NativeMax bounds every amount in a native asset or in shares; more than any
	// chain's whole supply.
	NativeMax *big.Rat
	// IdentityTolerance is how far, relative to backing_native, supply × rate may
	// be off before the three are held.
	IdentityTolerance *big.Rat
	// Jumps bound the change of a series against its last trusted value if that is
	// at most JumpWindow old. Beyond them a value is held.
	Jumps      map[sdk.MetricID]Jump
	JumpWindow time.Duration
	// SmallJump is the change, as a fraction, up to which a series is not judged by
	// its own updates.
	SmallJump *big.Rat
	// RateDigits is how many significant digits a printed rate needs; with fewer
	// it is labelled estimated.
	RateDigits int
	// Drift is how much later than its anchor a value may be where an anchor
	// names a moment and not a block (no hash): a Solana node answers for its
	// newest finalised slot.
	Drift time.Duration
}

// Jump bounds one change of a series, as fractions of the last value.
type Jump struct {
	Drop, Rise *big.Rat // nil: unbounded
	// NeverFalls holds any fall, however old the last value is: a counter.
	NeverFalls bool
	// Updates is how many times its usual update a series may change; 0: it is not
	// judged by its updates.
	Updates int64
}

// DefaultSettings returns the limits used for zero fields.
func DefaultSettings() Settings {
	half := big.NewRat(1, 2)
	return Settings{
		RateMin: half, RateMax: big.NewRat(100, 1),
		NativeMax:         big.NewRat(1_000_000_000_000, 1),
		IdentityTolerance: big.NewRat(1, 1000),
		Jumps: map[sdk.MetricID]Jump{
			sdk.ExchangeRateMetric: {Drop: big.NewRat(5, 100), Rise: big.NewRat(3, 100), Updates: 5},
			// Half a pool does not leave between two readings; half an answer may
			// go missing (nodes have returned partial sets of accounts).
			sdk.BackingNative: {Drop: half},
			sdk.LSTSupply:     {Drop: half},
			sdk.ChainHeight:   {NeverFalls: true},
			sdk.ReportHeight:  {NeverFalls: true},

			sdk.ELRewardsCumulative: {NeverFalls: true},
		},
		JumpWindow: 30 * 24 * time.Hour,
		SmallJump:  big.NewRat(1, 10_000),
		RateDigits: 9,
		Drift:      15 * time.Minute,
	}
}

func (s Settings) withDefaults() Settings {
	d := DefaultSettings()
	if s.RateMin == nil {
		s.RateMin = d.RateMin
	}
	if s.RateMax == nil {
		s.RateMax = d.RateMax
	}
	if s.NativeMax == nil {
		s.NativeMax = d.NativeMax
	}
	if s.IdentityTolerance == nil {
		s.IdentityTolerance = d.IdentityTolerance
	}
	if s.Jumps == nil {
		s.Jumps = d.Jumps
	}
	if s.JumpWindow == 0 {
		s.JumpWindow = d.JumpWindow
	}
	if s.SmallJump == nil {
		s.SmallJump = d.SmallJump
	}
	if s.RateDigits == 0 {
		s.RateDigits = d.RateDigits
	}
	if s.Drift == 0 {
		s.Drift = d.Drift
	}
	return s
}
