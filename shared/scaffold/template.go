package scaffold

import (
	"bytes"
	"path"
	"strconv"
	"strings"
	"text/template"
)

var pieceTemplates = template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{
	"article": article, "title": title, "quote": strconv.Quote,
}).ParseFS(templates, "templates/piece/*.tmpl"))

// title is a text with a capital at its beginning.
func title(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// pieceFile is a file of a context that a template gives.
type pieceFile struct {
	path     string
	template string
	imports  []string // names of [Domain.path]
}

// render returns a file of a context. The values Package and Imports are added.
func (d *Domain) render(b *bounded, values map[string]any, f pieceFile) ([]byte, error) {
	values["Package"], values["Imports"] = b.pkg, importBlock(d.module, d.paths(b, f.imports)...)
	var text bytes.Buffer
	err := pieceTemplates.ExecuteTemplate(&text, f.template+".tmpl", values)
	return text.Bytes(), err
}

// write puts new files of a context into the set of changes.
func (d *Domain) write(b *bounded, values map[string]any, files ...pieceFile) error {
	for _, f := range files {
		content, err := d.render(b, values, f)
		if err != nil {
			return err
		}
		if err := d.changes.Write(f.path, content); err != nil {
			return err
		}
	}
	return nil
}

// paths are the import paths of these names.
func (d *Domain) paths(b *bounded, names []string) (paths []string) {
	for _, name := range names {
		paths = append(paths, d.path(b, name))
	}
	return paths
}

// path is the import path of "es", "estest", "domain", "." for the context, or a package of the standard library.
func (d *Domain) path(b *bounded, name string) string {
	switch name {
	case "es":
		return d.es
	case "estest":
		return path.Join(d.es, "estest")
	case ".":
		return path.Join(d.module, b.dir)
	case "domain":
		return path.Join(d.module, "domain")
	}
	return name
}
