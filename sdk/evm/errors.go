package evm

import (
	"context"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Words by which nodes of different makes say the same thing. JSON-RPC has no
// codes for these.
var (
	revertWords   = []string{"revert", "invalid opcode"}
	reorgWords    = []string{"header not found", "header for hash not found", "block not found", "unknown block", "not currently canonical", "not canonical"}
	archiveWords  = []string{"missing trie node", "state not available", "state is not available", "historical state", "pruned", "archive"}
	maxExcerptLen = 160
)

func anyOf(text string, words []string) bool {
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// revertOf reports whether a JSON-RPC error says that the contract refused, and
// the contract's own words.
func revertOf(err error) (text string, reverted bool) {
	var coded rpc.Error
	if !errors.As(err, &coded) || coded.ErrorCode() == sdk.GatewayErrorCode {
		return "", false
	}
	if coded.ErrorCode() != 3 && !anyOf(coded.Error(), revertWords) {
		return "", false
	}
	var detailed rpc.DataError
	if errors.As(err, &detailed) {
		if s, ok := detailed.ErrorData().(string); ok {
			if data, err := hexutil.Decode(s); err == nil {
				return revertText(data), true
			}
		}
	}
	return "no reason given", true
}

// revertText decodes Error(string) and Panic(uint256); custom errors are shown
// as their selector.
func revertText(data []byte) string {
	if text, err := abi.UnpackRevert(data); err == nil {
		return clip(text)
	}
	if len(data) >= 4 {
		return "custom error 0x" + hex.EncodeToString(data[:4])
	}
	return "no reason given"
}

// callError explains a JSON-RPC error that is not a revert.
func callError(at sdk.Anchor, err error) error {
	text := clip(hideURL(err).Error())
	var coded rpc.Error
	if kind, ok := gatewayKind(err); ok {
		return sdk.Errorf(kind, "block %d: %s", at.Height, text)
	}
	switch {
	case anyOf(text, reorgWords):
		return sdk.Errorf(sdk.KindTransient, "block %d (%s) is not on the endpoint's chain: reorganised, or not seen yet; the task is to be tried again: %s", at.Height, orUnknown(at.Hash), text)
	case anyOf(text, archiveWords):
		return sdk.Errorf(sdk.KindTransient, "block %d: the endpoint has no state of this block, an archive node is needed: %s", at.Height, text)
	case errors.As(err, &coded) && coded.ErrorCode() == -32601:
		return sdk.Errorf(sdk.KindConfig, "block %d: the endpoint does not know eth_call: %s", at.Height, text)
	case errors.As(err, &coded) && (coded.ErrorCode() == -32600 || coded.ErrorCode() == -32602):
		return sdk.Errorf(sdk.KindInternal, "block %d: the endpoint refused the request as malformed: %s", at.Height, text)
	}
	return sdk.Errorf(sdk.KindTransient, "block %d: eth_call failed: %s", at.Height, text)
}

// gatewayKind is the kind the host's gateway gave an error of its own.
func gatewayKind(err error) (sdk.Kind, bool) {
	var coded interface {
		rpc.Error
		rpc.DataError
	}
	if !errors.As(err, &coded) {
		return "", false
	}
	return sdk.GatewayKind(coded.ErrorCode(), coded.ErrorData())
}

// transportError explains a request that got no JSON-RPC answer at all.
func transportError(at sdk.Anchor, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return sdk.Errorf(sdk.KindTransient, "block %d: not read before the task's deadline: %w", at.Height, hideURL(err))
	}
	return sdk.Errorf(sdk.KindTransient, "block %d: no answer from the endpoint: %s", at.Height, clip(hideURL(err).Error()))
}

// hideURL drops the address that net/http puts into its errors: it holds the
// task's token.
func hideURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func orUnknown(hash string) string {
	if hash == "" {
		return "hash unknown"
	}
	return hash
}

func clip(text string) string {
	if len(text) > maxExcerptLen {
		return strings.ToValidUTF8(text[:maxExcerptLen], "") + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

func excerpt(raw []byte) string {
	if len(raw) == 0 {
		return "nothing"
	}
	return clip(string(raw))
}
