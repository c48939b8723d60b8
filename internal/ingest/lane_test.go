package ingest

import (
	"slices"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/internal/host"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// What can be read only now is begun before what can be read at any time.
func TestWorkThatPassesGoesFirst(t *testing.T) {
	t.Parallel()
	plugin := func(name string, needs ...sdk.ChainNeed) *Plugin {
		return &Plugin{Binary: host.Binary{Name: name}, Description: sdk.Description{Chains: needs}}
	}
	past, present, offline := sdk.ChainNeed{Chain: "ethereum", ReadsPast: true}, sdk.ChainNeed{Chain: "solana"}, sdk.ChainNeed{Chain: "ethereum", Offline: true}
	plugins := []*Plugin{plugin("lido", past), plugin("history", offline), plugin("marinade", present), plugin("network", past, present), plugin("idle", present)}
	var work []Work
	for _, w := range []struct {
		plugin string
		chain  sdk.ChainID
	}{{"lido", "ethereum"}, {"history", "ethereum"}, {"marinade", "solana"}, {"network", "ethereum"}, {"network", "solana"}} {
		work = append(work, Work{Series: Series{Plugin: w.plugin, Chain: w.chain}})
	}
	var order []string
	for _, l := range lanes(plugins, work) {
		order = append(order, l.plugin.Binary.Name)
	}
	if want := []string{"marinade", "network", "lido", "history"}; !slices.Equal(order, want) {
		t.Errorf("begun in the order %v, want %v", order, want)
	}
}
