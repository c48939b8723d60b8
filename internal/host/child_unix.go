//go:build unix && !linux

package host

import (
	"errors"
	"syscall"
)

// processAttributes puts a plugin into its own process group, out of reach of
// the terminal's signals. When the host dies the plugin notices by itself.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func residentBytes(int) (int64, error) {
	return 0, errors.New("resident memory is only known on Linux")
}
