package service

import (
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// memoryLimit returns the bytes of memory that the process may use: the smaller one of GOMEMLIMIT and the limit of its container;
// 0 if there is none.
func memoryLimit() uint64 {
	limit := uint64(math.MaxInt64)
	if set := debug.SetMemoryLimit(-1); set >= 0 {
		limit = uint64(set)
	}
	groups, _ := os.ReadFile("/proc/self/cgroup") // none on other systems than Linux
	for _, file := range limitFiles(string(groups)) {
		if text, err := os.ReadFile(file); err == nil {
			if value, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
				limit = min(limit, value)
			}
		}
	}
	if limit >= math.MaxInt64>>8 { // no limit is written as a number, too
		return 0
	}
	return limit
}

// limitFiles returns the files that may hold the limit of the container, of both versions of control groups. groups is the content
// of /proc/self/cgroup.
func limitFiles(groups string) (files []string) {
	const root = "/sys/fs/cgroup"
	for line := range strings.Lines(groups) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) < 3 {
			continue
		}
		folder, name := "", "memory.max"
		switch parts[1] {
		case "":
		case "memory":
			folder, name = "memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// Inside a container, the root is often that of the container, and the path that of the machine.
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			files = append(files, path.Join(root, folder, group, name))
			if group == "/" {
				break
			}
		}
	}
	return files
}

// limitHeap makes the collector respect the limit of the container where GOMEMLIMIT says nothing: without, the garbage of a busy
// service may exceed it.
func limitHeap() {
	if limit := memoryLimit(); limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(limit / 10 * 9))
	}
}

// cacheBytes returns the bytes of the cache of aggregates for a memory limit.
func cacheBytes(limit uint64) int {
	if limit == 0 {
		return 256 << 20
	}
	return int(limit / 4)
}

// Bounds of the bytes in flight where the configuration leaves them to the memory limit.
const (
	bytesShare    = 16 // of the memory limit, one part
	minBytes      = 4 << 20
	maxBytes      = 256 << 20
	standardBytes = 32 << 20 // without a limit
)

// bytesInFlight returns the bytes in flight for a memory limit: decision 0065.
func bytesInFlight(limit uint64) int64 {
	if limit == 0 {
		return standardBytes
	}
	return int64(min(max(limit/bytesShare, minBytes), maxBytes))
}

// BusBytes returns the bytes of messages that the process may hold for the message bus: a sixteenth of the memory limit, but 4 to
// 256 MiB, or 128 MiB without a limit.
func BusBytes() int { return busBytes(memoryLimit()) }

func busBytes(limit uint64) int {
	if limit == 0 {
		return 128 << 20
	}
	return int(bytesInFlight(limit))
}
