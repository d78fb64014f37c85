package scaffold

import (
	"bytes"
	"embed"
	"io/fs"
	"path"
	"strings"
	"text/template"
)

// templates are the files of a project under templates/app and templates/deploy, in their places. A name begins with "dot." for
// ".", and the folder "context" has the name of the bounded context.
//
//go:embed templates
var templates embed.FS

// renderProject returns the files of a project in dir by path.
func renderProject(dir string, p Project, s source) (map[string][]byte, error) {
	minor := strings.Join(strings.SplitN(s.goVersion, ".", 3)[:2], ".")
	data := project{
		Name: programName(p.Module), Module: p.Module, Context: p.Context,
		Orchestrix: s.module, Version: s.version, Checkout: s.checkout, Go: s.goVersion, GoMinor: minor,
		Overlay: s.overlay(dir),
	}
	files := map[string][]byte{}
	for _, root := range []string{"templates/app", "templates/deploy"} {
		err := fs.WalkDir(templates, root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			body, err := render(name, data)
			if err == nil {
				files[targetOf(strings.TrimPrefix(name, root+"/"), p.Context)] = body
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// targetOf returns the path in a project of a template.
func targetOf(name, context string) string {
	parts := strings.Split(strings.TrimSuffix(name, ".tmpl"), "/")
	for i, part := range parts {
		switch {
		case strings.HasPrefix(part, "dot."):
			parts[i] = strings.TrimPrefix(part, "dot")
		case part == "context":
			parts[i] = context
		}
	}
	return path.Join(parts...)
}

// render executes a template.
func render(name string, data any) ([]byte, error) {
	t, err := template.New(path.Base(name)).Option("missingkey=error").ParseFS(templates, name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
