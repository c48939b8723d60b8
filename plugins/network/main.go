// Command network reads what the chains themselves pay for staking: the yardstick
// liquid staking tokens are measured by.
package main

import "github.com/lst-pipeline/lst-pipeline/sdk/serve"

func main() { serve.Main(New()) }
