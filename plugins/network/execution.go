package main

import "github.com/lst-pipeline/lst-pipeline/sdk"

// optionBeacon is the option that names the chain Ethereum's rate is read from.
const optionBeacon = "beacon"

// whyUnknown is what an Ethereum without a beacon node says about its rate.
const whyUnknown = "an execution node knows nothing of staking rewards. " +
	"Configure the chain " + string(beacon) + " (kind beacon) and give this plugin the option " + optionBeacon + ": " + string(beacon)

// fetchExecution says that the rate is unknown, unless a beacon node is asked for
// it. It asks nobody: the deposit contract's balance, all an execution node has,
// is every deposit ever made and not the stake of today.
func fetchExecution(req sdk.Request, sink sdk.Sink) error {
	if err := checkOption(req); err != nil {
		return err
	}
	if !req.Wants(ethStaking) || req.Options[optionBeacon] != "" {
		return nil
	}
	for i := range req.Anchors {
		if err := sink.Observe(sdk.Observation{
			Token: ethStaking, Metric: sdk.BenchmarkAPR, Anchor: i, Reason: whyUnknown,
			Source: sdk.Source{Method: "none", Target: string(execution), Field: "not readable"},
		}); err != nil {
			return err
		}
	}
	return nil
}

// checkOption sees to it that a moment has either the rate of the beacon chain or
// the row that says it is unknown. With both, the two would take turns as the
// newest version of one fact.
func checkOption(req sdk.Request) error {
	switch name := req.Options[optionBeacon]; {
	case name != "" && name != string(beacon):
		return sdk.Errorf(sdk.KindConfig, "network: option %s is %q; the only beacon chain it knows is %q", optionBeacon, name, beacon)
	case name == "" && req.Chain == beacon:
		return sdk.Errorf(sdk.KindConfig, "network: chain %s is configured but the job does not say so; add options: { network: { %s: %s } } to it",
			beacon, optionBeacon, beacon)
	}
	return nil
}
