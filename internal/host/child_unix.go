//go:build unix && !linux

package host

import (
	"errors"
	"syscall"
)

// processAttributes puts a plugin into its own process group, out of reach of
// the terminal's signals. When the host dies the plugin notices by itself.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func family(int) (int64, []int, error) {
	return 0, nil, errors.New("resident memory is only known on Linux")
}

func peakBytes(int) int64 { return 0 }
