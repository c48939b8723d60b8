package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// onWrite calls f at the n-th write to the warehouse, its log or a copy: in the middle of
// a transaction or of a copy, or between two. stop ends the watch.
func (k *killer) onWrite(n int, f func()) (stop func()) {
	k.t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	for _, dir := range []string{filepath.Dir(k.database()), k.published()} {
		if err == nil {
			err = os.MkdirAll(dir, 0o755)
		}
		if err == nil {
			_, err = syscall.InotifyAddWatch(fd, dir, syscall.IN_MODIFY|syscall.IN_CREATE)
		}
	}
	if err != nil {
		k.t.Fatal(err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	done := make(chan struct{})
	go func() {
		defer close(done)
		seen := 0
		for buffer := make([]byte, 4096); ; {
			size, err := events.Read(buffer)
			if err != nil {
				return // closed
			}
			for at := 0; at < size; seen++ {
				// wd, mask, cookie and the length of the name, each of 4 bytes
				at += syscall.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buffer[at+12:]))
			}
			if seen >= n {
				f()
			}
		}
	}()
	return func() {
		_ = events.Close() // only to end the reading
		<-done
	}
}

// noOrphans waits until the processes of the site, which carry its temporary folder
// in their environment, are gone.
func (k *killer) noOrphans() {
	k.t.Helper()
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte(k.temp)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if err := awaitEnd(pid, 10*time.Second); err != nil {
			name, _ := os.Readlink(filepath.Join(filepath.Dir(path), "exe"))
			k.t.Errorf("process %d (%s) outlives its host after %v: %v", pid, name, k.story, err)
		}
	}
}

// awaitEnd waits until a process, of whomever, has ended.
func awaitEnd(pid int, limit time.Duration) error {
	const pidfdOpen = 434 // on every architecture
	fd, _, errno := syscall.Syscall(pidfdOpen, uintptr(pid), syscall.O_NONBLOCK, 0)
	if errno == syscall.ESRCH {
		return nil
	}
	if errno != 0 {
		return errno
	}
	f := os.NewFile(fd, "pidfd")
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	asked := false // a pidfd is readable once its process has ended
	return raw.Read(func(uintptr) bool { defer func() { asked = true }(); return asked })
}
