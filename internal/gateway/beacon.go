package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

const (
	beaconGenesis = "GET /eth/v1/beacon/genesis"
	beaconHeaders = "GET /eth/v1/beacon/headers/"
)

// beaconReads are the requests a plugin may make: what is on the chain, not what
// the node knows of its peers, and no work for validators.
var beaconReads = regexp.MustCompile(`^(GET /eth/v[1-9]/(beacon|config)(/[A-Za-z0-9_]+)+|` +
	`POST /eth/v1/beacon/rewards/attestations/[0-9]{1,20})$`)

// beaconPinned are those whose answer never changes once it is final.
var beaconPinned = regexp.MustCompile(`^(GET /eth/v1/beacon/genesis|` +
	`GET /eth/v1/beacon/headers/(0x[0-9a-fA-F]{64}|[0-9]+)|POST /eth/v1/beacon/rewards/attestations/[0-9]+)$`)

// beaconTrouble reads an answer with another status than 200. Not found is an answer
// where a slot has no block, and a lack of old states everywhere else.
func (e *endpoint) beaconTrouble(c call, status int, body []byte) ([]answer, *trouble) {
	var said struct {
		Code    json.RawMessage `json:"code"` // some clients write it as a string
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &said) != nil || said.Code == nil {
		return nil, httpTrouble(Beacon, status)
	}
	said.Message = e.chain.secrets.text(shorten(said.Message, 160))
	switch {
	case status == http.StatusBadRequest, status == http.StatusNotFound && strings.HasPrefix(c.method, beaconHeaders):
		return []answer{{err: &rpcError{Code: int64(status), Message: said.Message}}}, nil
	case status == http.StatusNotFound:
		return nil, &trouble{class: classNoState, kind: sdk.KindConfig, ruleOut: true,
			text: fmt.Sprintf("http 404: %s: this needs a beacon node that keeps old states", said.Message)}
	}
	t := httpTrouble(Beacon, status)
	if said.Message != "" {
		t.text += ": " + said.Message
	}
	return nil, t
}
