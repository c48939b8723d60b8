// Command claims reads what protocols say of their own yield, to stand beside what
// their tokens paid.
package main

import "github.com/lst-pipeline/lst-pipeline/sdk/serve"

func main() { serve.Main(New()) }
