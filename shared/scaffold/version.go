package scaffold

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
)

// source is where the packages of Orchestrix come from.
type source struct {
	module   string // path of the module
	version  string // "v0.1.0"; empty for a checkout
	checkout string // directory; empty for a version
	dir      string // of the files: the checkout, or in the cache of modules
	// goVersion and requires are those of the source's go.mod.
	goVersion string
	requires  []require
	sums      []string // lines of go.sum
}

var (
	semver       = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	majorVersion = regexp.MustCompile(`^v([2-9]|[1-9]\d+)$`)
)

// modulePath is the path of the module that this package belongs to.
func modulePath() string {
	return strings.TrimSuffix(reflect.TypeFor[Project]().PkgPath(), "/shared/scaffold")
}

// findSource returns the source by the flag --orchestrix, or the one that this program was built from.
func findSource(ctx context.Context, g goCommand, wanted string) (source, error) {
	s := source{module: modulePath()}
	switch {
	case wanted == "":
		if s.checkout = builtFrom(s.module); s.checkout == "" {
			s.version = builtVersion(s.module)
		}
		if s.checkout == "" && s.version == "" {
			return s, errors.New("this program does not know its version, nor the source that it was built from: name one with --orchestrix VERSION or --orchestrix DIR")
		}
	case semver.MatchString(wanted):
		s.version = wanted
	default:
		dir, err := filepath.Abs(wanted)
		if err != nil {
			return s, err
		}
		if moduleOf(dir) != s.module {
			return s, fmt.Errorf("--orchestrix is %q: it may be a version like v0.1.0, or a directory with the source of %s", wanted, s.module)
		}
		s.checkout = dir
	}
	s.dir = s.checkout
	if s.version != "" {
		if err := g.download(ctx, &s); err != nil {
			return s, err
		}
	}
	err := g.readModule(ctx, &s)
	return s, err
}

// builtFrom returns the directory of the source that this program was built from, where it still exists and is no copy in the
// cache of modules.
func builtFrom(module string) string {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) || strings.Contains(file, "@") { // built with -trimpath; of a version
		return ""
	}
	dir := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	if moduleOf(dir) != module {
		return ""
	}
	return dir
}

// builtVersion returns the version of the module in this program, or "" where it has none that others can get.
func builtVersion(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && semver.MatchString(m.Version) && m.Replace == nil {
			return m.Version // "+dirty" does not match
		}
	}
	return ""
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+"?([^\s"]+)"?`)

// moduleOf returns the path of the module whose root is dir, or "".
func moduleOf(dir string) string {
	body, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return ""
	}
	found := moduleLine.FindSubmatch(body)
	if found == nil {
		return ""
	}
	return string(found[1])
}
