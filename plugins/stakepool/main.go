// Command stakepool reads tokens of the SPL stake pool program from Solana.
package main

import "github.com/lst-pipeline/lst-pipeline/sdk/serve"

func main() { serve.Main(New()) }
