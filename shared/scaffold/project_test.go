package scaffold

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// tree lists the files and directories under dir.
func tree(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, strings.TrimPrefix(path, dir))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func write(t *testing.T, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Bad input is refused in one sentence, and nothing is left of the project.
func TestBadProjects(t *testing.T) {
	noGo := func(t *testing.T, _ string) { t.Setenv("PATH", t.TempDir()) }
	noModules := func(t *testing.T, _ string) {
		t.Setenv("GOMODCACHE", t.TempDir())
		t.Setenv("GOPROXY", "off")
	}
	oldGo := func(t *testing.T, _ string) {
		bin := t.TempDir()
		write(t, filepath.Join(bin, "go"), "#!/bin/sh\necho go1.20\n")
		_ = os.Chmod(filepath.Join(bin, "go"), 0o700)
		t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	file := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { write(t, filepath.Join(dir, name), "mine") }
	}
	for name, c := range map[string]struct {
		project Project
		before  func(t *testing.T, dir string)
		says    string
	}{
		"a directory with a file":         {Project{Dir: "shop"}, file("shop/notes.txt"), "is not empty, it has notes.txt"},
		"a file":                          {Project{Dir: "shop"}, file("shop"), "is a file"},
		"a keyword":                       {Project{Dir: "func"}, nil, "func is a keyword of Go"},
		"no token":                        {Project{Dir: "my shop"}, nil, "invalid"},
		"upper case":                      {Project{Dir: "Shop"}, nil, "lower-case letters"},
		"a bad module":                    {Project{Dir: "shop", Module: "example.com//shop"}, nil, "the module path"},
		"a relative module":               {Project{Dir: "shop", Module: "../shop"}, nil, "the module path"},
		"a module of the library":         {Project{Dir: "time"}, nil, "standard library"},
		"a place of a project":            {Project{Dir: "domain"}, nil, "a project has a place domain"},
		"a place, by its module":          {Project{Dir: "shop", Module: "example.com/deploy"}, nil, "a project has a place deploy"},
		"the platform":                    {Project{Dir: "shop", Module: modulePath()}, nil, "is in Orchestrix"},
		"below the platform":              {Project{Dir: "shop", Module: modulePath() + "/shop"}, nil, "is in Orchestrix"},
		"a device":                        {Project{Dir: "nul"}, nil, "is a device on Windows"},
		"a set of packages":               {Project{Dir: "all"}, nil, "a set of packages"},
		"copied modules":                  {Project{Dir: "shop", Module: "example.com/x/vendor"}, nil, "copied modules"},
		"version 1 in the path":           {Project{Dir: "shop", Module: "example.com/shop/v1"}, nil, "leave it out"},
		"a module that is required":       {Project{Dir: "shop", Module: "golang.org/x/sync"}, nil, "is a module that Orchestrix requires"},
		"a link to nothing":               {Project{Dir: "shop"}, func(t *testing.T, dir string) { _ = os.Symlink("gone", filepath.Join(dir, "shop")) }, "is a link to gone"},
		"below a file":                    {Project{Dir: "file/shop"}, file("file"), "is below a file"},
		"no place for temporary files":    {Project{Dir: "shop"}, func(t *testing.T, _ string) { t.Setenv("TMPDIR", "/nonexistent") }, "/nonexistent"},
		"an old Go":                       {Project{Dir: "shop"}, oldGo, "is needed"},
		"a context that is a keyword":     {Project{Dir: "shop", Context: "type"}, nil, "type is a keyword of Go"},
		"a context that is predeclared":   {Project{Dir: "shop", Context: "string"}, nil, "predeclared"},
		"a context that is imported":      {Project{Dir: "shop", Context: "time"}, nil, "choose another name"},
		"a context that is no package":    {Project{Dir: "shop", Context: "my-billing"}, nil, "no name of a package"},
		"a source that is none":           {Project{Dir: "shop", Orchestrix: "."}, nil, "it may be a version like v0.1.0, or a directory"},
		"a version that is not available": {Project{Dir: "shop", Orchestrix: "v99.0.0"}, noModules, "version v99.0.0 of"},
		"no Go":                           {Project{Dir: "shop"}, noGo, "the go command is not in PATH"},
		"no network":                      {Project{Dir: "shop"}, noModules, "connect to a network"},
		"no network, an empty directory":  {Project{Dir: "shop"}, func(t *testing.T, dir string) { noModules(t, dir); _ = os.Mkdir(filepath.Join(dir, "shop"), 0o700) }, "connect to a network"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.before != nil {
				c.before(t, dir)
			}
			before := tree(t, dir)
			t.Chdir(dir)
			_, err := WriteProject(t.Context(), c.project)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q, it has to contain %q in one line", err, c.says)
			}
			if after := tree(t, dir); !slices.Equal(before, after) {
				t.Errorf("before: %q\nafter: %q", before, after)
			}
		})
	}
}

// Of several that begin the same project, one writes all of it.
func TestProjectsAtTheSameTime(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "below", "shop")
	files := map[string][]byte{}
	for _, name := range []string{"a", "b/c", "d"} {
		files[name] = []byte(name)
	}
	failed := make(chan error, 4)
	for range cap(failed) {
		go func() {
			_, err := writeProject(dir, files)
			failed <- err
		}()
	}
	written := 0
	for range cap(failed) {
		if err := <-failed; err == nil {
			written++
		} else if !strings.Contains(err.Error(), "is not empty, it has ") {
			t.Error(err)
		}
	}
	if got := tree(t, filepath.Dir(dir)); written != 1 || len(got) != 6 {
		t.Errorf("%d have written %q", written, got)
	}
}

func TestWorkspaces(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GOWORK", "")
	if got := Workspace(filepath.Join(dir, "a", "b")); got != "" {
		t.Errorf("%s covers a directory", got)
	}
	work := filepath.Join(dir, "go.work")
	write(t, work, "go 1.26\n")
	if got := Workspace(filepath.Join(dir, "a", "b")); got != work {
		t.Errorf("%q covers the directory, want %q", got, work)
	}
	t.Setenv("GOWORK", "off")
	if got := Workspace(dir); got != "" {
		t.Errorf("%s covers a directory where workspaces are off", got)
	}
}

func TestAPlaceThatIsNotWritable(t *testing.T) {
	t.Parallel()
	place := t.TempDir()
	if os.Getuid() == 0 {
		if place = "/proc"; runtime.GOOS != "linux" {
			t.Skip("root can write everywhere here")
		}
	} else if err := os.Chmod(place, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := WriteProject(t.Context(), Project{Dir: filepath.Join(place, "shop")})
	if err == nil || !strings.Contains(err.Error(), "nothing is changed: ") {
		t.Errorf("the error is %v", err)
	}
}

// A project may begin in a directory with a git repository.
func TestAProjectInARepository(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "shop")
	write(t, filepath.Join(dir, ".git", "HEAD"), "ref: refs/heads/main\n")
	report, err := WriteProject(t.Context(), Project{Dir: dir, Module: "example.com/team/shop/v2", Context: "bookings"})
	if err != nil || len(report.New) < 15 || len(report.Changed) > 0 {
		t.Fatal(report, err)
	}
	files := tree(t, dir)
	for _, name := range []string{"go.mod", "go.sum", "main.go", "domain/bookings/module.go", ".git/HEAD", ".gitignore", ".golangci.yml", ".ci/run"} {
		if !slices.Contains(files, "/"+name) {
			t.Errorf("there is no %s in %q", name, files)
		}
	}
	for _, name := range files {
		if strings.HasPrefix(name, "/.orchestrix") || strings.HasSuffix(name, ".tmpl") || strings.Contains(name, "dot.") {
			t.Errorf("%s was left", name)
		}
	}
	module, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"module example.com/team/shop/v2\n", "tool " + modulePath() + "/cmd/project/orchestrix\n", "replace " + modulePath() + " => "} {
		if !strings.Contains(string(module), line) {
			t.Errorf("go.mod has no %q:\n%s", line, module)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, ".ci", "run")); err != nil || runtime.GOOS != "windows" && info.Mode()&0o111 == 0 {
		t.Errorf(".ci/run is not executable: %v, %v", info, err)
	}
	main, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if err != nil || strings.Count(string(main), "\n") > 15 {
		t.Errorf("main.go has more than 15 lines (%v):\n%s", err, main)
	}
}

// The linter's version and settings of a project are those of this repository, without what is about its own rooms.
func TestTheLinterOfAProjectIsOurs(t *testing.T) {
	t.Parallel()
	ours, err := os.ReadFile("../../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := render("templates/app/dot.golangci.yml.tmpl", project{Module: modulePath()})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(ours)) {
		known[line] = true
	}
	for line := range strings.Lines(string(theirs)) {
		if !known[line] {
			t.Errorf("ours has no line %q", line)
		}
	}
	linters, _, _ := strings.Cut(string(ours), "  settings:")
	if !strings.HasPrefix(string(theirs), linters) {
		t.Error("the linters differ")
	}
	version := regexp.MustCompile(`(?m)^LINTER=\S+`)
	our, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	their, err := render("templates/app/dot.ci/run.tmpl", project{})
	if err != nil {
		t.Fatal(err)
	}
	if o, th := version.Find(our), version.Find(their); len(o) == 0 || string(o) != string(th) {
		t.Errorf(".ci/run has %q, that of a project %q", o, th)
	}
}

func TestNamesOfPrograms(t *testing.T) {
	t.Parallel()
	for module, want := range map[string]string{"shop": "shop", "example.com/team/shop": "shop", "example.com/shop/v2": "shop", "example.com/v2": "example.com", "v2": "v2"} {
		if got := programName(module); got != want {
			t.Errorf("%s: %s, want %s", module, got, want)
		}
	}
}
