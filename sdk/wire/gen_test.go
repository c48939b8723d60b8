package wire

import (
	"math"
	"math/big"
	"time"

	"pgregory.net/rapid"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Generators of every value the sdk types can hold on the wire.

func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "reth", "lst_supply", "getTotalPooledEther()", "ok", "0xabc", "🜁", "a\x00b"}),
		rapid.String(),
	)
}

func name() *rapid.Generator[string] {
	return text().Filter(func(s string) bool { return s != "" })
}

func integer() *rapid.Generator[*big.Int] {
	return rapid.Custom(func(t *rapid.T) *big.Int {
		// 63 bytes always fit, whatever the sign.
		x := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 63).Draw(t, "magnitude"))
		if rapid.Bool().Draw(t, "negative") {
			x.Neg(x)
		}
		return x
	})
}

func second() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		s := rapid.Int64Range(0, maxSeconds).Draw(t, "seconds")
		if s == 0 {
			return time.Time{}
		}
		return time.Unix(s, 0).UTC()
	})
}

func position() *rapid.Generator[sdk.Position] {
	return rapid.Custom(func(t *rapid.T) sdk.Position {
		return sdk.Position{
			Height:     rapid.Uint64().Draw(t, "height"),
			Hash:       text().Draw(t, "hash"),
			Time:       second().Draw(t, "time"),
			Epoch:      rapid.Uint64().Draw(t, "epoch"),
			EpochStart: second().Draw(t, "epoch start"),
		}
	})
}

func observation(anchors int) *rapid.Generator[sdk.Observation] {
	return rapid.Custom(func(t *rapid.T) sdk.Observation {
		o := sdk.Observation{
			Token:    sdk.TokenID(name().Draw(t, "token")),
			Metric:   sdk.MetricID(name().Draw(t, "metric")),
			Anchor:   rapid.IntRange(0, anchors-1).Draw(t, "anchor"),
			Decimals: rapid.Uint8().Draw(t, "decimals"),
			RefTime:  second().Draw(t, "ref time"),
			RefEpoch: rapid.Uint64().Draw(t, "ref epoch"),
			Quality:  sdk.Quality(text().Draw(t, "quality")),
			Reason:   text().Draw(t, "reason"),
			Basis:    sdk.Basis(text().Draw(t, "basis")),
			Source: sdk.Source{
				Method: text().Draw(t, "method"),
				Target: text().Draw(t, "target"),
				Field:  text().Draw(t, "field"),
				Digest: text().Draw(t, "digest"),
			},
		}
		if rapid.Bool().Draw(t, "known") {
			o.Value = integer().Draw(t, "value")
		}
		if rapid.Bool().Draw(t, "ratio") {
			o.Divisor = integer().Draw(t, "divisor")
			o.Divisor.Abs(o.Divisor).Add(o.Divisor, big.NewInt(1))
		}
		if rapid.Bool().Draw(t, "elsewhere") {
			at := position().Draw(t, "at")
			o.At = &at
		}
		if rapid.Bool().Draw(t, "labelled") {
			o.Labels = rapid.MapOfN(text(), text(), 1, 4).Draw(t, "labels")
		}
		return o
	})
}

func anchor(chain sdk.ChainID) *rapid.Generator[sdk.Anchor] {
	return rapid.Custom(func(t *rapid.T) sdk.Anchor {
		p := position().Draw(t, "position")
		return sdk.Anchor{
			Chain: chain, Height: p.Height, Hash: p.Hash, Time: p.Time,
			Epoch: p.Epoch, EpochStart: p.EpochStart,
			Finality: rapid.SampledFrom([]sdk.Finality{sdk.Finalized, sdk.Provisional}).Draw(t, "finality"),
			Tick:     second().Draw(t, "tick"),
		}
	})
}

func token() *rapid.Generator[sdk.Token] {
	return rapid.Custom(func(t *rapid.T) sdk.Token {
		seconds := rapid.Int64Range(0, int64(math.MaxInt64/time.Second))
		return sdk.Token{
			ID: sdk.TokenID(text().Draw(t, "id")), Protocol: sdk.ProtocolID(text().Draw(t, "protocol")),
			Chain: sdk.ChainID(text().Draw(t, "chain")), Symbol: text().Draw(t, "symbol"),
			Address: text().Draw(t, "address"), Decimals: rapid.Uint8().Draw(t, "decimals"),
			Underlying: sdk.TokenID(text().Draw(t, "underlying")), Accrual: sdk.Accrual(text().Draw(t, "accrual")),
			RateOf:         sdk.TokenID(text().Draw(t, "rate of")),
			ExpectedUpdate: time.Duration(seconds.Draw(t, "expected")) * time.Second,
			StaleAfter:     time.Duration(seconds.Draw(t, "stale")) * time.Second,
			RateNeverFalls: rapid.Bool().Draw(t, "never falls"),
		}
	})
}

func protocol() *rapid.Generator[sdk.Protocol] {
	return rapid.Custom(func(t *rapid.T) sdk.Protocol {
		p := sdk.Protocol{
			ID: sdk.ProtocolID(text().Draw(t, "id")), Name: text().Draw(t, "name"), Status: text().Draw(t, "status"),
			Launched: text().Draw(t, "launched"), DepositsClosed: text().Draw(t, "closed"), Sunset: text().Draw(t, "sunset"),
			Governance: text().Draw(t, "governance"), NodeSet: text().Draw(t, "node set"),
			TVLBasis: text().Draw(t, "tvl basis"), Website: text().Draw(t, "website"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "fees") {
			p.Fees = append(p.Fees, sdk.AdvertisedFee{
				Type: text().Draw(t, "type"), BPS: text().Draw(t, "bps"), Recipient: text().Draw(t, "recipient"),
				From: text().Draw(t, "from"), To: text().Draw(t, "to"), Source: text().Draw(t, "source"),
			})
		}
		return p
	})
}
