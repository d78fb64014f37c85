package scaffold

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// importClass orders the groups of imports: the standard library, other modules, the module of the project.
func importClass(module, importPath string) int {
	switch first, _, _ := strings.Cut(importPath, "/"); {
	case importPath == module, strings.HasPrefix(importPath, module+"/"):
		return 2
	case strings.Contains(first, "."):
		return 1
	}
	return 0
}

// importBlock returns the import declaration of a new file.
func importBlock(module string, paths ...string) string {
	var groups [3][]string
	for _, p := range slices.Compact(slices.Sorted(slices.Values(paths))) {
		class := importClass(module, p)
		groups[class] = append(groups[class], strconv.Quote(p))
	}
	if len(paths) == 1 {
		return "import " + strconv.Quote(paths[0])
	}
	var blocks []string
	for _, group := range groups {
		if len(group) > 0 {
			blocks = append(blocks, strings.Join(group, "\n"))
		}
	}
	return "import (\n" + strings.Join(blocks, "\n\n") + "\n)"
}

// addImports inserts the imports that the file does not have, each into the group of its kind.
func (s *goFile) addImports(module string, paths ...string) {
	var groups [3][]string
	for _, p := range slices.Compact(slices.Sorted(slices.Values(paths))) {
		if s.imported(p) == "" {
			class := importClass(module, p)
			groups[class] = append(groups[class], strconv.Quote(p))
		}
	}
	if slices.Concat(groups[:]...) == nil {
		return
	}
	block := s.importDecl()
	if block == nil {
		s.insert(s.offset(s.syntax.Name.End()), "\n\n"+importBlock(module, paths...))
		return
	}
	first, last := block.Specs[0], block.Specs[len(block.Specs)-1]
	alone := !block.Lparen.IsValid()
	if alone {
		s.insert(s.offset(first.Pos()), "(\n")
	}
	for class, group := range groups {
		if len(group) > 0 {
			s.addImportGroup(block, module, class, strings.Join(group, "\n"))
		}
	}
	if alone {
		s.insert(s.offset(last.End()), "\n)")
	}
}

// addImportGroup inserts imports behind the last of their class, or as a group of their own.
func (s *goFile) addImportGroup(block *ast.GenDecl, module string, class int, imports string) {
	same, before := -1, -1 // offsets behind the last import of this class, and of an earlier one
	for _, spec := range block.Specs {
		spec, ok := spec.(*ast.ImportSpec)
		if !ok {
			continue
		}
		end := s.offset(spec.End())
		if block.Lparen.IsValid() {
			end = s.lineEnd(end) // behind a comment
		}
		switch other := importClass(module, unquote(spec.Path)); {
		case other == class:
			same = end
		case other < class:
			before = end
		}
	}
	switch {
	case same >= 0:
		s.insert(same, "\n"+imports)
	case before >= 0:
		s.insert(before, "\n\n"+imports)
	default:
		s.insert(s.offset(block.Specs[0].Pos()), imports+"\n\n")
	}
}

// importDecl is the first declaration of imports that is not empty.
func (s *goFile) importDecl() *ast.GenDecl {
	for _, decl := range s.syntax.Decls {
		if block, ok := decl.(*ast.GenDecl); ok && block.Tok == token.IMPORT && len(block.Specs) > 0 {
			return block
		}
	}
	return nil
}
