package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// versions are the downloadable ones by major version; 0 is for a new cluster.
var versions = map[int]embeddedpostgres.PostgresVersion{
	0:  embeddedpostgres.V17,
	18: embeddedpostgres.V18,
	17: embeddedpostgres.V17,
	16: embeddedpostgres.V16,
	15: embeddedpostgres.V15,
	14: embeddedpostgres.V14,
}

// download puts Postgres's programs into dir with embedded-postgres. That library fetches them only on the way
// to a running server, so it is made to start a throwaway one; what comes of that server doesn't matter (as root
// it can't start) once the programs are there.
func download(ctx context.Context, dir string, major int) (string, error) {
	version, ok := versions[major]
	if !ok {
		return "", fmt.Errorf("there is no download of Postgres %d", major)
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	throwaway := dir + ".start"
	defer os.RemoveAll(throwaway)
	var output bytes.Buffer
	db := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().Version(version).Port(uint32(port)).
		BinariesPath(dir).CachePath(archiveDir(dir)).RuntimePath(throwaway).Logger(&output))
	done := make(chan error, 1)
	go func() {
		err := db.Start()
		if err == nil {
			err = db.Stop()
		}
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		// The library takes no context: this goroutine ends when its HTTP request does.
		return "", fmt.Errorf("download Postgres %s: %w", version, ctx.Err())
	}
	bin := filepath.Join(dir, "bin")
	if _, statErr := os.Stat(programPath(bin, "postgres")); statErr != nil {
		return "", errors.New(oneLine(errors.Join(err, statErr)))
	}
	return bin, nil
}

// archiveDir is where the downloaded archive is kept, for all clusters of this user if possible.
func archiveDir(dir string) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(filepath.Dir(dir), "download")
	}
	return filepath.Join(cache, "orchestrix", "postgres")
}

func oneLine(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}
