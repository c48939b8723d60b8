package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// copied is what the copying process says on its standard output.
type copied struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// CopySnapshot copies the file args[0] to the new file args[1], syncs it and
// writes its size and SHA-256 to out as JSON. It is the body of the hidden command
// named by PublishOptions.Copy and must run in a process of its own: it refuses to
// in the one that holds the warehouse.
func CopySnapshot(args []string, out io.Writer) (err error) {
	if len(args) != 2 {
		return errors.New("copy snapshot: want the live file and the new file")
	}
	if readHolder(args[0]).PID == os.Getpid() {
		return errors.New("copy snapshot: this process holds the warehouse and would lose its lock by reading it")
	}
	from, err := os.Open(args[0])
	if err != nil {
		return fmt.Errorf("copy snapshot: %w", err)
	}
	defer from.Close()
	to, err := os.OpenFile(args[1], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("copy snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	sum := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(to, sum), from, make([]byte, 1<<20))
	if err != nil {
		return fmt.Errorf("copy snapshot: %w", err)
	}
	if err := to.Sync(); err != nil {
		return fmt.Errorf("copy snapshot: %w", err)
	}
	return json.NewEncoder(out).Encode(copied{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))})
}

// runCopy has another process copy the file.
func runCopy(ctx context.Context, command []string, from, to string) (copied, error) {
	args := append(append([]string(nil), command[1:]...), from, to)
	cmd := exec.CommandContext(ctx, command[0], args...)
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return copied{}, fmt.Errorf("copy the warehouse to %s: %w: %s", to, err, strings.TrimSpace(stderr.String()))
	}
	var c copied
	if err := json.Unmarshal(stdout.Bytes(), &c); err != nil || c.SHA256 == "" {
		return copied{}, fmt.Errorf("copy the warehouse to %s: the copying command did not report a digest", to)
	}
	return c, nil
}

// writeSynced writes a file that is either whole or not there.
func writeSynced(path string, text []byte) (err error) {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
