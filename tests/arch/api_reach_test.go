package arch

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// reach finds the types of this module that the API of the stable packages leads to, but does not describe: programs get their
// values, and so depend on members that no golden file lists.
type reach struct {
	stable    []*types.Package
	described map[*types.TypeName]bool // exported types of the stable packages, and those that they are aliases of
	seen      map[types.Type]bool
	found     []string
}

// undescribed returns such types, each with the name of the API that leads to it.
func undescribed(packages []*types.Package) []string {
	r := &reach{stable: packages, described: map[*types.TypeName]bool{}, seen: map[types.Type]bool{}}
	for _, exported := range r.exported() {
		if o, ok := exported.(*types.TypeName); ok {
			r.described[o] = true
			if named, ok := types.Unalias(o.Type()).(*types.Named); ok {
				r.described[named.Obj()] = true
			}
		}
	}
	for _, exported := range r.exported() {
		from := exported.Pkg().Name() + "." + exported.Name()
		if o, ok := exported.(*types.TypeName); ok {
			r.members(from, o.Type())
		} else {
			r.visit(from, exported.Type())
		}
	}
	return r.found
}

func (r *reach) exported() (all []types.Object) {
	for _, p := range r.stable {
		for _, name := range p.Scope().Names() {
			if o := p.Scope().Lookup(name); o.Exported() {
				all = append(all, o)
			}
		}
	}
	return all
}

// members visits what the golden file lists of a type.
func (r *reach) members(from string, declared types.Type) {
	set := types.NewMethodSet(declared)
	if !types.IsInterface(declared) {
		set = types.NewMethodSet(types.NewPointer(declared))
	}
	for method := range set.Methods() {
		if method.Obj().Exported() {
			r.visit(from+"."+method.Obj().Name(), method.Type())
		}
	}
	r.visit(from, declared.Underlying())
}

// visit visits the types of which a type is made.
func (r *reach) visit(from string, t types.Type) {
	if r.seen[t] {
		return
	}
	r.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		r.visit(from, t.Rhs())
	case *types.Named:
		r.addNamed(from, t)
	case *types.Signature:
		r.visit(from, t.Params())
		r.visit(from, t.Results())
	case *types.Tuple:
		for v := range t.Variables() {
			r.visit(from, v.Type())
		}
	case *types.Struct:
		for field := range t.Fields() {
			if field.Exported() {
				r.visit(from+"."+field.Name(), field.Type())
			}
		}
	case *types.Map:
		r.visit(from, t.Key())
		r.visit(from, t.Elem())
	case interface{ Elem() types.Type }: // a pointer, slice, array or channel
		r.visit(from, t.Elem())
	}
}

func (r *reach) addNamed(from string, t *types.Named) {
	for argument := range t.TypeArgs().Types() {
		r.visit(from, argument)
	}
	o := t.Obj()
	own := o.Pkg() != nil && strings.HasPrefix(o.Pkg().Path(), module+"/")
	if own && !r.described[o] && !slices.Contains(r.stable, o.Pkg()) {
		r.found = append(r.found, fmt.Sprintf("%s leads to %s.%s", from, o.Pkg().Name(), o.Name()))
	}
}

func TestUndescribedTypesAreFound(t *testing.T) {
	t.Parallel()
	low := checkSource(t, module+"/low", `package low
		type Status string
		type Hidden struct { Status Status }
		type Version int
		type Shown struct { Deep map[string][]*Deep; version Version }
		type Deep struct{}
		type Code int
		func (Shown) Code(...Code) {}`)
	high := checkSource(t, module+"/high", `package high
		import "`+module+`/low"
		type Shown = low.Shown
		type Own struct { secret low.Version }
		type Version = low.Version
		const Running low.Status = "running"
		func Find[S any](ask func(S) chan low.Hidden) (Own, Version, low.Version) { panic(0) }`, low)
	want := []string{"high.Find leads to low.Hidden", "high.Running leads to low.Status", "high.Shown.Code leads to low.Code", "high.Shown.Deep leads to low.Deep"}
	if got := undescribed([]*types.Package{high}); !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
