package service

import (
	"slices"
	"testing"
)

func TestTheFilesOfAMemoryLimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ groups, file string }{
		"version 1":           {"5:cpu:/x\n4:memory:/kubepods/pod1/c\n", "/sys/fs/cgroup/memory/kubepods/pod1/c/memory.limit_in_bytes"},
		"version 1, its root": {"4:memory:/kubepods/pod1/c\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes"},
		"version 2":           {"0::/system.slice/c.scope\n", "/sys/fs/cgroup/system.slice/c.scope/memory.max"},
		"version 2, its root": {"0::/\n", "/sys/fs/cgroup/memory.max"},
	} {
		if files := limitFiles(c.groups); !slices.Contains(files, c.file) {
			t.Errorf("%s: %q lacks %s", name, files, c.file)
		}
	}
}

// The arithmetic of decision 0065.
func TestBytesInFlightFollowTheMemoryLimit(t *testing.T) {
	t.Parallel()
	for limit, want := range map[uint64]int64{0: 32 << 20, 16 << 20: 4 << 20, 512 << 20: 32 << 20, 1 << 30: 64 << 20, 64 << 30: 256 << 20} {
		if got := bytesInFlight(limit); got != want {
			t.Errorf("of %d: %d, want %d", limit, got, want)
		}
	}
}

// The rows of the table of decision 0065 for the command service fit into the memory limit that is shipped, GOMEMLIMIT=460MiB, with what
// a service takes at rest.
func TestTheSharesAddUp(t *testing.T) {
	t.Parallel()
	const limit, atRest = 460 << 20, 42 << 20
	bodies, small, connections := 6*int(bytesInFlight(limit)), 1024*16<<10, 2048*32<<10
	if sum := bodies + small + connections + cacheBytes(limit) + busBytes(limit) + atRest; sum > limit {
		t.Errorf("they are %d MiB", sum>>20)
	}
	if got := busBytes(0); got != 128<<20 {
		t.Errorf("without a limit: %d", got)
	}
}
