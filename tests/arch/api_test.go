package arch

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "accept what is promised as it is now: the exported API of the stable packages, problem codes, routes")

// stable are the packages whose exported API is promised to programs that import it. All other packages may change.
var stable = []string{"shared/app", "shared/es", "shared/es/estest"}

// loadPackages returns the packages as the compiler exports them.
func loadPackages(t *testing.T, names []string) (packages []*types.Package) {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Export"}
	for _, name := range names {
		args = append(args, "./"+name)
	}
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir, command.Stderr = root, t.Output()
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	exports := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p struct{ ImportPath, Export string }
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
	}
	compiled := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, name := range names {
		p, err := compiled.Import(module + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

// api describes the exported API of a package, one line for each name, field and method. An alias shows the fields and
// methods of its type, whose package is not stable otherwise.
type api struct {
	of    *types.Package
	lines []string
}

func apiOf(p *types.Package) []string {
	a := api{of: p}
	for _, name := range p.Scope().Names() {
		if object := p.Scope().Lookup(name); object.Exported() {
			a.addObject(object)
		}
	}
	return a.lines
}

// blankResult is how the compiler exports a result that is named "_".
var blankResult = regexp.MustCompile(`#rv\d+ `)

func (a *api) add(format string, args ...any) {
	a.lines = append(a.lines, blankResult.ReplaceAllString(fmt.Sprintf(format, args...), "_ "))
}

// qualifier names types of other packages as their users write them.
func (a *api) qualifier(p *types.Package) string {
	if p == a.of {
		return ""
	}
	return p.Name()
}

func (a *api) text(t types.Type) string { return types.TypeString(t, a.qualifier) }

func (a *api) addObject(object types.Object) {
	switch o := object.(type) {
	case *types.Const:
		a.add("const %s %s = %s", o.Name(), a.text(o.Type()), o.Val().ExactString())
	case *types.Var:
		a.add("var %s %s", o.Name(), a.text(o.Type()))
	case *types.Func:
		a.add("%s", types.ObjectString(o, a.qualifier))
	case *types.TypeName:
		a.addType(o)
	}
}

func (a *api) addType(o *types.TypeName) {
	declared := o.Type()
	if alias, ok := declared.(*types.Alias); ok {
		a.add("type %s = %s", a.text(alias), a.text(alias.Rhs()))
	} else {
		a.add("type %s %s", a.nameAndParameters(declared), a.kind(declared.Underlying()))
	}
	a.addFields(o.Name(), declared)
	a.addMethods(o.Name(), declared)
}

// nameAndParameters is "Decider[S any]".
func (a *api) nameAndParameters(t types.Type) string {
	named, ok := t.(*types.Named)
	if !ok || named.TypeParams().Len() == 0 {
		return a.text(t)
	}
	var parameters []string
	for p := range named.TypeParams().TypeParams() {
		parameters = append(parameters, p.Obj().Name()+" "+a.text(p.Constraint()))
	}
	return named.Obj().Name() + "[" + strings.Join(parameters, ", ") + "]"
}

// kind is the underlying type; the fields of a struct and the methods of an interface have lines of their own.
func (a *api) kind(underlying types.Type) string {
	switch underlying.(type) {
	case *types.Struct:
		return "struct"
	case *types.Interface:
		return "interface"
	}
	return a.text(underlying)
}

func (a *api) addFields(name string, t types.Type) {
	structure, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for field := range structure.Fields() {
		switch {
		case field.Exported() && field.Embedded():
			a.add("field %s.%s (embedded) %s", name, field.Name(), a.text(field.Type()))
		case field.Exported():
			a.add("field %s.%s %s", name, field.Name(), a.text(field.Type()))
		}
	}
}

func (a *api) addMethods(name string, t types.Type) {
	set := types.NewMethodSet(t)
	if !types.IsInterface(t) {
		set = types.NewMethodSet(types.NewPointer(t))
	}
	closed := false
	for selection := range set.Methods() {
		method := selection.Obj().(*types.Func)
		signature := method.Signature()
		receiver := name
		if _, pointer := signature.Recv().Type().(*types.Pointer); pointer {
			receiver = "(*" + name + ")"
		}
		switch {
		case method.Exported():
			a.add("method %s.%s%s", receiver, method.Name(), strings.TrimPrefix(a.text(selection.Type()), "func"))
		case types.IsInterface(t):
			closed = true
		}
	}
	if closed {
		a.add("interface %s has unexported methods", name)
	}
}

// changes are the lines that an API has lost and gained.
func changes(before, after []string) (lines []string) {
	for _, line := range before {
		if !slices.Contains(after, line) {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			lines = append(lines, "+ "+line)
		}
	}
	return lines
}

// The exported API of the stable packages is that of their golden files, and leads to no types that these do not describe.
func TestStableAPI(t *testing.T) {
	t.Parallel()
	packages := loadPackages(t, stable)
	for _, found := range undescribed(packages) {
		t.Errorf("%s, which is not of the stable API: use a type of a stable package, or make an alias there", found)
	}
	for i, p := range packages {
		golden := filepath.Join("testdata", "api", path.Base(stable[i])+".txt")
		got := apiOf(p)
		if *update {
			if err := os.WriteFile(golden, []byte(strings.Join(got, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if found := changes(strings.Split(strings.TrimSpace(string(want)), "\n"), got); len(found) > 0 {
			t.Errorf("the exported API of %s has changed:\n\t%s\nA line that is gone breaks programs that use it. To accept the change, name it in CHANGELOG.md under Unreleased, and run\n"+
				"\tgo test ./tests/arch -run TestStableAPI -update", stable[i], strings.Join(found, "\n\t"))
		}
	}
}
