package sdk

import (
	"errors"
	"fmt"
)

// Kind classifies an error by what should happen next.
type Kind string

// The kinds of error. The ledger stores them as the class of a failed task.
const (
	// KindTransient may go away by itself: timeouts, rate limits, busy nodes.
	KindTransient Kind = "transient"
	// KindLayout means the source's shape is not one the plugin knows. A newer
	// plugin may read it.
	KindLayout Kind = "layout"
	// KindIdentity means something else than expected answered: wrong owner,
	// wrong chain, wrong contract.
	KindIdentity Kind = "identity"
	// KindNoData means the source has nothing for this anchor, for example a
	// contract that did not exist yet. It is not an alarm.
	KindNoData Kind = "no_data"
	// KindConfig means a setting is wrong; repeating cannot help.
	KindConfig Kind = "config"
	// KindUnrecoverable means the value can never be read again.
	KindUnrecoverable Kind = "unrecoverable"
	// KindDisagreement means two endpoints contradict each other about one block.
	// Only the host's gateway finds that out.
	KindDisagreement Kind = "disagreement"
	// KindInternal is everything else, a defect of the plugin included.
	KindInternal Kind = "internal"
)

// Error is an error with a kind. Wrap it freely; KindOf finds it.
type Error struct {
	Kind Kind
	Err  error
}

// Errorf makes an Error. The format may wrap another error with %w.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost Error in err's chain, KindInternal
// if there is none, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// GatewayErrorCode is the JSON-RPC code of errors the host's gateway makes
// itself, in contrast to errors it relays. Their data is {"kind": "<Kind>"}.
const GatewayErrorCode = -32090

// GatewayKind reads the kind out of a JSON-RPC error of the gateway. data is the
// error's data as decoded by encoding/json into an any. ok is false for errors of
// anybody else.
func GatewayKind(code int, data any) (kind Kind, ok bool) {
	fields, isObject := data.(map[string]any)
	if code != GatewayErrorCode || !isObject {
		return "", false
	}
	text, ok := fields["kind"].(string)
	return Kind(text), ok && text != ""
}
