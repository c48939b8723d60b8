// Command marinade reads Marinade's mSOL from Solana.
package main

import "github.com/lst-pipeline/lst-pipeline/sdk/serve"

func main() { serve.Main(New()) }
