package host

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// processAttributes puts a plugin into its own process group, out of reach of
// the terminal's signals, and has the kernel kill it when the host dies.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// family lists a process and what came from it and is still there: its group, and
// its descendants wherever they went. bytes is their resident memory; what they share
// is counted for each.
func family(leader int) (bytes int64, pids []int, err error) {
	all, err := processes()
	if err != nil {
		return 0, nil, err
	}
	if _, alive := all[leader]; !alive {
		return 0, nil, fmt.Errorf("process %d has ended", leader)
	}
	for pid, p := range all {
		// A number that is used again while the list is read might close a circle.
		for up, steps := pid, 0; steps < len(all); steps++ {
			if up == leader || all[up].group == leader {
				bytes += p.resident
				pids = append(pids, pid)
				break
			}
			if up = all[up].parent; up == 0 {
				break
			}
		}
	}
	return bytes, pids, nil
}

// peakBytes is the most resident memory a process has had, without what it started;
// 0 if that is not known. (What wait4 tells begins with the memory of the process that
// forked, which is the host's.)
func peakBytes(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("\nVmHWM:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// process is what the kernel says about one.
type process struct {
	parent, group int
	resident      int64 // bytes
}

// processes lists those that this one may see.
func processes() (map[int]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended meanwhile
		}
		// "pid (name) state parent group ...", the 24th is resident pages; a name may
		// hold anything.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 22 {
			return nil, fmt.Errorf("/proc/%d/stat: %q", pid, stat)
		}
		var numbers [3]int
		for i, at := range []int{1, 2, 21} {
			if numbers[i], err = strconv.Atoi(string(fields[at])); err != nil {
				return nil, fmt.Errorf("/proc/%d/stat: %q", pid, stat)
			}
		}
		all[pid] = process{numbers[0], numbers[1], int64(numbers[2]) * int64(os.Getpagesize())}
	}
	return all, nil
}
