package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

const stETH = "0xae7ab96520DE3A18E5e111B5EaAb095312D7fE84"

// decodeLido reads the moving average of the APRs of the reports of seven days, in per
// cent. It describes the time up to the newest of them.
func decodeLido(raw []byte) (claim, error) {
	var answer struct {
		Data struct {
			Reports []struct {
				Time int64 `json:"timeUnix"` // of the block
			} `json:"aprs"`
			Average json.Number `json:"smaApr"`
		} `json:"data"`
		Meta struct {
			Address string `json:"address"`
			ChainID int    `json:"chainId"`
		} `json:"meta"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return claim{}, sdk.Errorf(sdk.KindLayout, "the answer has an unknown shape: %w", err)
	}
	if m := answer.Meta; !strings.EqualFold(m.Address, stETH) || m.ChainID != 1 {
		return claim{}, sdk.Errorf(sdk.KindIdentity, "it speaks of token %.64q of chain %d, not of stETH on Ethereum", m.Address, m.ChainID)
	}
	value, decimals, ok := decimal(answer.Data.Average)
	if !ok {
		return claim{}, sdk.Errorf(sdk.KindLayout, "data.smaApr is %.64q, no rate", answer.Data.Average)
	}
	var newest int64
	for _, r := range answer.Data.Reports {
		newest = max(newest, r.Time)
	}
	if newest == 0 {
		return claim{}, sdk.Errorf(sdk.KindLayout, "data.aprs names no report that the average is of")
	}
	const perCent = 2
	return claim{value, decimals + perCent, time.Unix(newest, 0).UTC()}, nil
}
