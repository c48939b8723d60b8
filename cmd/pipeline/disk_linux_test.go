package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/internal/chaintest"
)

// What the daemon says while a disk cannot be written, and after.
const (
	jobFailed    = "the job could not do what is due; its ticks stay due and are tried again"
	noCopy       = "no copy for readers was made; the one before stays, and it is tried again"
	writtenAgain = "the warehouse can be written again"
	isFull       = " is full: free 16 MB or more, then the next try goes through; what was stored is not lost"
	isReadOnly   = " is mounted read-only: mount it writable, or set another path in the configuration"
)

// disk is a small disk of its own, mounted at a folder.
type disk struct {
	t   *testing.T
	dir string
}

func mountDisk(t *testing.T, dir string) disk {
	t.Helper()
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m")
	}
	if errors.Is(err, os.ErrPermission) {
		t.Skip("a small disk must be mounted, which this user may not: run it as root, or write `unshare --map-root-user --mount` before `go test`")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return disk{t, dir}
}

func (d disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill takes all the room there is. It may be called by any goroutine.
func (d disk) fill() {
	f, err := os.Create(d.ballast())
	if err == nil {
		_, err = io.Copy(f, endless{})
		_ = f.Close()
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.t.Errorf("filling the disk ends with %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func (d disk) empty() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}

// remount makes the disk read-only, or writable again. The first is refused, false,
// while a file is open for writing.
func (d disk) remount(flags uintptr) bool {
	d.t.Helper()
	err := syscall.Mount("", d.dir, "", syscall.MS_REMOUNT|flags, "")
	if err != nil && !errors.Is(err, syscall.EBUSY) {
		d.t.Fatal(err)
	}
	return err == nil
}

// metNoRoom starts a daemon whose disk becomes full while it reads for another job.
func metNoRoom(t *testing.T) (s *served, d disk, net *chaintest.Net) {
	t.Helper()
	net = chaintest.Start(t)
	s = newServed(t, net, shortDir(t), strings.Replace(servedConfig, "dir: data/published", "dir: published", 1))
	d = mountDisk(t, filepath.Join(s.dir, "data"))
	s.site().begin()
	s.start()
	s.awaitRuns([]string{"prices", "state"})
	net.OnRequest(1, d.fill)
	s.readMore()
	s.awaitError(jobFailed, "the disk of "+s.site().database()+isFull)
	return s, d, net
}

var allSeries = []string{"prices|chainlink", "state|lido", "state|marinade", "more|rocketpool", "more|stakepool"}

func TestADaemonWhoseDiskIsFullSaysSoAndGoesOnByItselfOnceThereIsRoom(t *testing.T) {
	t.Parallel()
	s, d, net := metNoRoom(t)
	asked := net.Requests()
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, text := s.get(path); code != 503 || !strings.Contains(text, "the disk of "+s.site().database()+isFull) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if _, text := s.get("/metrics"); !strings.Contains(text, "\nlst_warehouse_writable 0") || !strings.Contains(text, `lst_job_failures_total{job="more"}`) {
		t.Errorf("the metrics do not tell:\n%s", text)
	}
	s.awaitError(jobFailed, isFull)
	if n := net.Requests() - asked; n > 0 {
		t.Errorf("%d requests for what could not be stored", n)
	}

	d.empty()
	s.awaitRuns([]string{"more"}, writtenAgain)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "\nlst_warehouse_writable 1"} {
		if code, text := s.get(path); code != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if code, _ := s.stop(); code != exitOK {
		t.Errorf("it ended with %d\n%s", code, s.text())
	}
	s.checkAcknowledged(allSeries...)
	s.site().checkWhole()
	if got := s.site().ask(`SELECT error FROM ingest_run WHERE status = 'failed'`); len(got) == 0 || !strings.Contains(got[0], "the disk") {
		t.Errorf("the run that met the full disk is not written down: %v", got)
	}
}

func TestADaemonKilledOnAFullDiskIsTakenUpWhereItWas(t *testing.T) {
	t.Parallel()
	s, d, _ := metNoRoom(t)
	s.end(syscall.SIGKILL)
	d.empty()
	s.start()
	s.awaitRuns([]string{"more"})
	if code, _ := s.stop(); code != exitOK {
		t.Errorf("it ended with %d\n%s", code, s.text())
	}
	s.checkAcknowledged(allSeries...)
	s.site().checkWhole()
}

// brokenDisk is a way to be unable to write, and what is said of it.
type brokenDisk struct {
	name, says string
	begin, end func(d disk) bool
}

var (
	full = brokenDisk{"a full disk", isFull,
		func(d disk) bool { d.fill(); return true }, func(d disk) bool { d.empty(); return true }}
	readOnly = brokenDisk{"a read-only disk", isReadOnly,
		func(d disk) bool { return d.remount(syscall.MS_RDONLY) }, func(d disk) bool { return d.remount(0) }}
)

func TestCopiesThatCannotBeWrittenAreMadeOnceTheyCan(t *testing.T) {
	t.Parallel()
	for _, trouble := range []brokenDisk{full, readOnly} {
		t.Run(trouble.name, func(t *testing.T) {
			t.Parallel()
			s := newServed(t, chaintest.Start(t), shortDir(t), strings.Replace(servedConfig, "dir: data/published", "dir: published", 1))
			d := mountDisk(t, filepath.Join(s.dir, "published"))
			s.start()
			s.awaitRuns([]string{"prices", "state"}, "published")
			for !trouble.begin(d) { // a copy is under way
				s.await("published")
			}
			s.readMore()
			s.awaitError(noCopy, "the disk of "+d.dir+trouble.says)
			// Reading and storing go on, and readers have the copy before.
			if code, text := s.get("/healthz"); code != 200 {
				t.Errorf("/healthz: %d %s", code, text)
			}
			if _, text := s.get("/metrics"); !strings.Contains(text, "\nlst_published_ok 0") {
				t.Errorf("the metrics do not tell:\n%s", text)
			}
			if n := s.value(`select count(*) from ingest_task where job = 'more'`); n != "0" {
				t.Errorf("the copy before has %s ticks of after", n)
			}
			if !trouble.end(d) {
				t.Fatal("the disk does not become writable")
			}
			for s.await("published"); s.value(`select count(*) from ingest_task where job = 'more' and state = 'have'`) != "2"; {
				s.await("published") // that copy was of before the run
			}
			if _, text := s.get("/metrics"); !strings.Contains(text, "\nlst_published_ok 1") {
				t.Errorf("the metrics still tell of it:\n%s", text)
			}
			if code, _ := s.stop(); code != exitOK {
				t.Errorf("it ended with %d\n%s", code, s.text())
			}
			s.checkAcknowledged(allSeries...)
			s.site().checkWhole()
		})
	}
}

func TestAWarehouseThatCannotBeWrittenIsRefusedUntilItCan(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		brokenDisk
		there bool // the warehouse
	}{{full, false}, {readOnly, false}, {readOnly, true}} {
		t.Run(fmt.Sprintf("%s, warehouse there: %v", tc.name, tc.there), func(t *testing.T) {
			t.Parallel()
			s := newServed(t, chaintest.Start(t), shortDir(t), servedConfig)
			d := mountDisk(t, filepath.Join(s.dir, "data"))
			if tc.there {
				s.site().begin()
			}
			tc.begin(d)
			s.refused(exitFailure, "the disk of "+s.site().database()+tc.says)
			tc.end(d)
			s.start()
			s.await("published")
			if code, _ := s.stop(); code != exitOK {
				t.Errorf("it ended with %d\n%s", code, s.text())
			}
			s.site().checkWhole()
		})
	}
}
