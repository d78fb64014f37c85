package scaffold

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// goFile is a parsed Go file, and the text to insert into it.
type goFile struct {
	path   string // relative to the project
	text   []byte
	set    *token.FileSet
	syntax *ast.File

	insertions []insertion
}

type insertion struct {
	offset int
	text   string
}

func parseGo(file string, text []byte) (*goFile, error) {
	s := &goFile{path: file, text: text, set: token.NewFileSet()}
	var err error
	if s.syntax, err = parser.ParseFile(s.set, file, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return nil, fmt.Errorf("%w: repair the file first", err)
	}
	return s, nil
}

// isTest reports whether the file belongs to the tests.
func (s *goFile) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s *goFile) offset(p token.Pos) int { return s.set.Position(p).Offset }
func (s *goFile) line(p token.Pos) int   { return s.set.Position(p).Line }

// lineEnd is the offset of the end of a line, from an offset in it.
func (s *goFile) lineEnd(offset int) int {
	if i := slices.Index(s.text[offset:], '\n'); i >= 0 {
		return offset + i
	}
	return len(s.text)
}

// insert notes a text for an offset of the file. Texts for the same offset keep their order.
func (s *goFile) insert(offset int, text string) {
	s.insertions = append(s.insertions, insertion{offset, text})
}

// result returns the file with all insertions.
func (s *goFile) result() []byte {
	slices.SortStableFunc(s.insertions, func(a, b insertion) int { return cmp.Compare(a.offset, b.offset) })
	var result []byte
	from := 0
	for _, i := range s.insertions {
		result = append(append(result, s.text[from:i.offset]...), i.text...)
		from = i.offset
	}
	return append(result, s.text[from:]...)
}

// imported returns the name under which the file knows the package of this path, empty where it does not import it.
func (s *goFile) imported(importPath string) string {
	for _, spec := range s.syntax.Imports {
		if unquote(spec.Path) != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

func unquote(literal *ast.BasicLit) string {
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		return ""
	}
	return text
}

// addElement inserts an element at the end of a list. With lines, each element gets a line of its own.
func (s *goFile) addElement(list *ast.CompositeLit, element string, lines bool) {
	end := s.offset(list.Rbrace)
	if len(list.Elts) == 0 {
		if lines {
			element = "\n" + element + ",\n"
		}
		s.insert(end, element)
		return
	}
	last := s.offset(list.Elts[len(list.Elts)-1].End())
	oneLine := s.line(list.Lbrace) == s.line(list.Rbrace)
	comma := s.comma(last, end) >= 0
	switch {
	case oneLine && !lines && comma:
		s.insert(end, element)
	case oneLine && !lines:
		s.insert(last, ", "+element)
	default:
		if oneLine {
			s.insert(s.offset(list.Lbrace)+1, "\n")
		}
		if !comma {
			s.insert(last, ",")
		}
		if s.lineEnd(last) >= end {
			element = "\n" + element
		}
		s.insert(end, element+",\n")
	}
}

// addField inserts a field into a composite literal, behind the last of the fields that come before it.
func (s *goFile) addField(literal *ast.CompositeLit, before []string, field string) {
	previous := -1
	for i, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok && slices.Contains(before, identifier(pair.Key)) {
			previous = i
		}
	}
	if previous < 0 {
		s.insert(s.offset(literal.Lbrace)+1, "\n"+field+",\n")
		return
	}
	endPos, next := literal.Elts[previous].End(), literal.Rbrace
	if previous+1 < len(literal.Elts) {
		next = literal.Elts[previous+1].Pos()
	}
	switch end := s.offset(endPos); {
	case s.line(endPos) == s.line(next):
		s.insert(end, ", "+field)
	default: // a comma follows, and perhaps a comment
		s.insert(s.lineEnd(end), "\n"+field+",")
	}
}

// comma returns the offset of the next comma between two offsets, or -1. Commas in comments do not count.
func (s *goFile) comma(from, to int) int {
	var scan scanner.Scanner
	part := s.text[from:to]
	set := token.NewFileSet()
	file := set.AddFile("", -1, len(part))
	scan.Init(file, part, nil, 0)
	for {
		switch pos, tok, _ := scan.Scan(); tok {
		case token.COMMA:
			return from + file.Offset(pos)
		case token.SEMICOLON: // of the scanner, at the end of a line
		default:
			return -1
		}
	}
}

// identifier returns the name of an identifier, empty for another expression.
func identifier(e ast.Expr) string {
	if i, ok := e.(*ast.Ident); ok {
		return i.Name
	}
	return ""
}

// plain reports whether the file imports the package under its own name, or can do so.
func (s *goFile) plain(importPath string) bool {
	as := s.imported(importPath)
	return as == "" || as == path.Base(importPath)
}
