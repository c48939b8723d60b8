package solana_test

import (
	"encoding/base64"

	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

// clock64 is the clock of a state as a node sends it.
func clock64(s solanatest.State) string {
	k := s.Clock
	k.Slot = s.Slot
	return base64.StdEncoding.EncodeToString(k.Encode())
}
