package main

import "github.com/lst-pipeline/lst-pipeline/sdk/serve"

func main() { serve.Main(New()) }
