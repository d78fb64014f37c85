package service

import (
	"context"
	"crypto/sha256"
	"os"
	"time"
)

// FilePeriod is how often the files of keys are read for changes.
const FilePeriod = 2 * time.Second

// Files are small files, such as keys, that may be replaced while a service runs. They are read at intervals: a secret that is
// mounted is replaced by a change of a symbolic link, and a network file system sends no events.
type Files struct {
	paths []string
	sums  map[string][sha256.Size]byte
}

// WatchFiles returns the files with their present content. Call it before the files are used.
func WatchFiles(paths ...string) *Files {
	f := &Files{paths: paths}
	f.sums, _ = f.read()
	return f
}

// read returns the checksums of the files that can be read, and whether one of them differs from the last accepted content.
func (f *Files) read() (sums map[string][sha256.Size]byte, changed bool) {
	sums = map[string][sha256.Size]byte{}
	for _, path := range f.paths {
		before, known := f.sums[path]
		content, err := os.ReadFile(path)
		if err != nil { // it is being replaced, or was removed: what was read before remains in use
			if known {
				sums[path] = before
			}
			continue
		}
		sums[path] = sha256.Sum256(content)
		changed = changed || !known || sums[path] != before
	}
	return sums, changed
}

// Follow calls accept after each change of the files until ctx ends. Where accept returns an error, it is called again after the
// period, also without a further change.
func (f *Files) Follow(ctx context.Context, period time.Duration, accept func(context.Context) error) {
	ticks := time.NewTicker(period)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if sums, changed := f.read(); changed && accept(ctx) == nil {
			f.sums = sums
		}
	}
}
