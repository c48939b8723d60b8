package wire

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
)

// MaxMessage is the length in bytes at which texts for people are cut.
const MaxMessage = 4096

// ToFailure encodes a failure. Its message, which often quotes a broken answer,
// is made valid text and cut at MaxMessage.
func ToFailure(f sdk.Failure) (*pluginv1.Failure, error) {
	if f.Anchor < 0 || int64(f.Anchor) > math.MaxUint32 {
		return nil, fmt.Errorf("failure: anchor: %d is not an index into the request's anchors", f.Anchor)
	}
	return &pluginv1.Failure{
		Anchor:  uint32(f.Anchor),
		Token:   ToText(string(f.Token)),
		Kind:    string(FromKind(string(f.Kind))),
		Message: ToText(f.Message),
	}, nil
}

// FromFailure decodes a failure that answers a request with the given number of
// anchors.
func FromFailure(m *pluginv1.Failure, anchors int) (sdk.Failure, error) {
	if int64(m.GetAnchor()) >= int64(anchors) {
		return sdk.Failure{}, fmt.Errorf("failure: anchor: index %d, the request has %d anchors", m.GetAnchor(), anchors)
	}
	return sdk.Failure{
		Anchor:  int(m.GetAnchor()),
		Token:   sdk.TokenID(m.GetToken()),
		Kind:    FromKind(m.GetKind()),
		Message: ToText(m.GetMessage()),
	}, nil
}

// ToProgress encodes how far a fetch is; counts below zero become zero.
func ToProgress(done, total int) *pluginv1.Progress {
	clamp := func(n int) uint32 { return uint32(min(max(int64(n), 0), math.MaxUint32)) }
	return &pluginv1.Progress{Done: clamp(done), Total: clamp(total)}
}

// FromProgress decodes how far a fetch is.
func FromProgress(m *pluginv1.Progress) (done, total int) {
	return int(m.GetDone()), int(m.GetTotal())
}

var kinds = []sdk.Kind{
	sdk.KindTransient, sdk.KindLayout, sdk.KindIdentity, sdk.KindNoData,
	sdk.KindConfig, sdk.KindUnrecoverable, sdk.KindDisagreement, sdk.KindInternal,
}

// FromKind reads an error's kind; one this version does not know is
// sdk.KindInternal.
func FromKind(s string) sdk.Kind {
	if slices.Contains(kinds, sdk.Kind(s)) {
		return sdk.Kind(s)
	}
	return sdk.KindInternal
}

// ToText makes a text for people fit to travel: valid UTF-8 of at most
// MaxMessage bytes.
func ToText(s string) string {
	if len(s) > MaxMessage {
		s = s[:MaxMessage] + " …"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
