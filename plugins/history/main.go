// History serves rates, prices and totals that others have recorded and
// published, so that a warehouse holds years before its first own reading.
//
// Every row has the basis "published" and names its source; data/PROVENANCE.md
// says what was done to each. The numbers are not read again, and nothing here
// promises that a source was right. The files are made by tools/recode.
package main

import "github.com/lst-pipeline/lst-pipeline/sdk/serve"

//go:generate go run ../../tools/recode -from ../../../shared/data/history -to data

func main() { serve.Main(newFetcher()) }
