package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// afterAll is a tick behind the last published point.
var afterAll = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

// derive makes the book from the folder with the recorded sources.
func derive(files fs.FS) (book, error) {
	licences := map[string]string{}
	onSolana, err := solanaMoments(files, licences)
	if err != nil {
		return book{}, err
	}
	onEthereum, err := ethereumMoments(files, licences)
	if err != nil {
		return book{}, err
	}
	b := book{
		About: "Real values of Ethereum and Solana that public repositories hold, as far as they hold them; what they do not hold is answered as absent. PROVENANCE.md names every source and every estimate.",
	}
	for name, licence := range licences {
		b.Sources = append(b.Sources, source{name, licence})
	}
	slices.SortFunc(b.Sources, func(x, y source) int { return cmp.Compare(x.Name, y.Name) })
	b.Moments = append(onSolana, onEthereum...)
	slices.SortFunc(b.Moments, func(x, y moment) int {
		return cmp.Or(x.Tick.Compare(y.Tick), cmp.Compare(x.Chain, y.Chain))
	})
	for _, chain := range []sdk.ChainID{"ethereum", "solana"} {
		b.History = append(b.History, task{
			Plugin: "history", Chain: chain, Tick: afterAll,
			Note: "published series, carried by the plugin; plugins/history/data/PROVENANCE.md",
		})
	}
	return b, nil
}

// between divides [from, to] by share of whole, in whole steps, rounded down.
func between(from, to, share, whole int64) int64 {
	return from + (to-from)*share/whole
}

// check is a named condition of the sources; false is a mistake in them or here.
func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
