package scaffold

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	goversion "go/version"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// goTimeout limits one call of the go command, downloads included.
const goTimeout = 5 * time.Minute

// goCommand is the path of the go command.
type goCommand string

func findGo() (goCommand, error) {
	found, err := exec.LookPath("go")
	if err != nil {
		return "", errors.New("the go command is not in PATH: install Go, https://go.dev/dl, and run this command again")
	}
	return goCommand(found), nil
}

// offline makes the go command use the cache of modules only.
const offline = "GOPROXY=off"

// run runs the go command in dir and returns its standard output. It uses the network only for modules that are not in the
// cache of modules.
func (g goCommand) run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	out, failed := g.exec(ctx, dir, []string{offline}, args)
	if failed == nil || ctx.Err() != nil {
		return out, failed
	}
	return g.exec(ctx, dir, nil, args)
}

func (g goCommand) exec(ctx context.Context, dir string, env, args []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, goTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, string(g), args...)
	command.Dir = dir
	command.Env = append(command.Environ(), "GO111MODULE=on", "GOWORK=off", "GOFLAGS="+os.Getenv("GOFLAGS")+" -mod=mod")
	command.Env = append(command.Env, env...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	command.WaitDelay = 5 * time.Second
	err := command.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("go %s: %w", args[0], context.Cause(ctx))
	}
	return stdout.Bytes(), &goError{command: "go " + strings.Join(args[:min(2, len(args))], " "), output: cmp.Or(strings.TrimSpace(stderr.String()), err.Error())}
}

// goError is a failed call of the go command.
type goError struct{ command, output string }

// Error ends with the last line that the go command has printed.
func (e *goError) Error() string {
	lines := strings.Split(strings.TrimSpace(e.output), "\n")
	return e.command + ": " + strings.TrimSpace(lines[len(lines)-1])
}

// noNetwork are texts of the go command about modules that it can't get.
var noNetwork = []string{"GOPROXY=off", "GOPROXY list is", "dial tcp", "lookup ", "connection re", "proxyconnect", "timeout", "unreachable", "TLS handshake"}

// missingModules returns the error of a call that needs modules: with what to do, where the network is the cause.
func missingModules(what string, err error) error {
	text := err.Error()
	if slices.ContainsFunc(noNetwork, func(cause string) bool { return strings.Contains(text, cause) }) {
		return fmt.Errorf("%s not in the cache of modules and can't be downloaded: connect to a network and run this command again (%w)", what, err)
	}
	return err
}

// require is a line of a go.mod.
type require struct {
	Path, Version string
}

// download gets the version of the source into the cache of modules.
func (g goCommand) download(ctx context.Context, s *source) error {
	out, err := g.run(ctx, os.TempDir(), "mod", "download", "-json", s.module+"@"+s.version)
	var found struct{ Dir, Sum, GoModSum, Error string }
	if jsonErr := json.Unmarshal(out, &found); jsonErr == nil && found.Error != "" {
		err = errors.New(found.Error)
	}
	if err != nil {
		return fmt.Errorf("version %s of %s is not in the cache of modules and can't be downloaded: connect to a network, or name another source with --orchestrix (%w)", s.version, s.module, err)
	}
	s.dir = found.Dir
	s.sums = []string{s.module + " " + s.version + " " + found.Sum, s.module + " " + s.version + "/go.mod " + found.GoModSum}
	return nil
}

// checkPath returns an error where a module path begins like the standard library: the go command would look there.
func (g goCommand) checkPath(ctx context.Context, module string) error {
	root, err := g.run(ctx, os.TempDir(), "env", "GOROOT")
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(module, "/")
	if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(root)), "src", first)); err == nil {
		return fmt.Errorf("%s is the name of a package of the standard library: name a module path like example.com/team/%s with --module", first, first)
	}
	return nil
}

// checkVersion returns an error where the go command is older than the go.mod of the source demands.
func (g goCommand) checkVersion(ctx context.Context, s *source) error {
	file, err := os.ReadFile(filepath.Join(s.dir, "go.mod"))
	if err != nil {
		return err
	}
	found, err := g.run(ctx, os.TempDir(), "env", "GOVERSION")
	if err != nil {
		return err
	}
	needed, has := goLine.FindSubmatch(file), strings.TrimSpace(string(found))
	if needed != nil && goversion.IsValid(has) && goversion.Compare(has, "go"+string(needed[1])) < 0 {
		return fmt.Errorf("the go command is %s, and Go %s is needed: install it, https://go.dev/dl, and set GOTOOLCHAIN to nothing older", has, needed[1])
	}
	return nil
}

var goLine = regexp.MustCompile(`(?m)^go (\S+)`)

// readModule reads the go.mod and the go.sum of the source.
func (g goCommand) readModule(ctx context.Context, s *source) error {
	if err := g.checkVersion(ctx, s); err != nil {
		return err
	}
	out, err := g.run(ctx, s.dir, "mod", "edit", "-json", filepath.Join(s.dir, "go.mod"))
	if err != nil {
		return err
	}
	var file struct {
		Go      string
		Require []require
	}
	if err := json.Unmarshal(out, &file); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(s.dir, "go.mod"), err)
	}
	s.goVersion, s.requires = file.Go, file.Require
	sums, err := os.ReadFile(filepath.Join(s.dir, "go.sum"))
	s.sums = append(s.sums, strings.TrimSpace(string(sums)))
	return err
}

// addModuleFiles adds the go.mod and the go.sum to the files of a project. They begin with the versions and sums of the source,
// which are in the cache of modules where the source was built, so that no network is needed.
func (g goCommand) addModuleFiles(ctx context.Context, files map[string][]byte, module string, s source) (err error) {
	dir, err := os.MkdirTemp("", "orchestrix-new-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	files["go.mod"], files["go.sum"] = moduleFile(module, s), []byte(strings.Join(s.sums, "\n")+"\n")
	if _, err := writeFiles(dir, files); err != nil {
		return err
	}
	if _, err := g.run(ctx, dir, "mod", "tidy"); err != nil {
		return missingModules("modules are missing: they are", err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// toolPackage is the tool of a project, from the root of the module. It has no domain, so that a project builds no sample.
const toolPackage = "/cmd/project/orchestrix"

// moduleFile returns a go.mod that requires all modules of the source.
func moduleFile(module string, s source) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "module %s\n\ngo %s\n\ntool %s\n\nrequire (\n", module, s.goVersion, s.module+toolPackage)
	fmt.Fprintf(&text, "\t%s %s\n", s.module, cmp.Or(s.version, "v0.0.0"))
	for _, r := range s.requires {
		fmt.Fprintf(&text, "\t%s %s // indirect\n", r.Path, r.Version)
	}
	fmt.Fprint(&text, ")\n")
	if s.checkout != "" {
		fmt.Fprintf(&text, "\nreplace %s => %s\n", s.module, strconv.Quote(s.checkout))
	}
	return text.Bytes()
}
