package serve

import (
	"fmt"
	"os"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// copyEnv makes the test binary the child that copies the live file.
const copyEnv = "LST_TEST_COPY"

func TestMain(m *testing.M) {
	if os.Getenv(copyEnv) != "" {
		if err := store.CopySnapshot(os.Args[1:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func copyCommand() []string { return []string{"/usr/bin/env", copyEnv + "=1", os.Args[0]} }
