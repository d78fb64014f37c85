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

// versions are the downloadable versions by major version; 0 is the version of a new cluster.
var versions = map[int]embeddedpostgres.PostgresVersion{
	0:  embeddedpostgres.V17,
	18: embeddedpostgres.V18,
	17: embeddedpostgres.V17,
	16: embeddedpostgres.V16,
	15: embeddedpostgres.V15,
	14: embeddedpostgres.V14,
}

// download installs the programs of Postgres in dir with embedded-postgres. That library downloads only while it starts a
// server, so download starts a temporary one. Whether that server starts (as root it can't) does not matter once the
// programs exist.
func download(ctx context.Context, dir string, major int) (string, error) {
	version, ok := versions[major]
	if !ok {
		return "", fmt.Errorf("Postgres %d is not available for download", major)
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

// archiveDir is the directory of the downloaded archive: the cache of the user, so that all clusters share it, if there is one.
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
