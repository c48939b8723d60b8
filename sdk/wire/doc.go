// Package wire turns the types of package sdk into protobuf messages and back.
//
// Functions named ToX make a message, functions named FromX read one. Reading is
// strict: a message comes from another process, which may be of another version,
// broken or hostile, so every FromX validates all it uses and answers with an
// error that names the column or field. It never panics and never allocates more
// than a small multiple of the message.
//
// Times travel as whole seconds: fractions are cut off, and the zero time and
// 1970-01-01T00:00:00Z both travel as 0 and arrive as the zero time.
//
// The package knows protobuf but neither gRPC nor go-plugin, and it does not
// judge what a value means; that is the host's transforms.
package wire

// What both sides must agree on before the first message.
const (
	// ProtocolVersion is the version of lst.plugin.v1 in go-plugin's negotiation.
	ProtocolVersion = 1
	// MagicCookieKey and MagicCookieValue tell a plugin that a host started it.
	// They are a courtesy to people, not a protection.
	MagicCookieKey   = "LST_PIPELINE_PLUGIN"
	MagicCookieValue = "b3f2a0c4e6d84d0c9a1f5e7d2c8b6a94"
	// ServiceName is the name of the plugin in go-plugin's plugin set.
	ServiceName = "plugin"
	// KindTrailer is the gRPC trailer that carries the sdk.Kind of an error.
	// Without it the host takes an error for sdk.KindInternal.
	KindTrailer = "lst-error-kind"
)

// Limits of one message.
const (
	// BatchRows is the number of rows at which a sender should flush.
	BatchRows = 8192
	// BatchBytes is the estimated size at which a sender should flush, well below
	// what a host accepts.
	BatchBytes = 4 << 20
	// MaxRows is the largest number of rows a batch may hold.
	MaxRows = 1 << 16
	// MaxValueBytes bounds a value or a divisor: twice a uint256.
	MaxValueBytes = 64
)
