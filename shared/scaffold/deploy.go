package scaffold

import (
	"path/filepath"
)

// overlay returns the overlay of Orchestrix that the kustomization of a project in dir uses: an URL for a version, and a path from
// the folder deploy of the project for a checkout. Kustomize takes relative paths only, and resolves symbolic links first.
func (s source) overlay(dir string) string {
	const dev = "deploy/k8s/overlays/dev"
	if s.checkout == "" {
		return "https://" + s.module + "//" + dev + "?ref=" + s.version
	}
	checkout, parent := resolved(s.checkout), resolved(filepath.Dir(dir))
	relative, err := filepath.Rel(filepath.Join(parent, filepath.Base(dir), "deploy"), filepath.Join(checkout, dev))
	if err != nil { // another drive of Windows: kustomize reports it
		return filepath.ToSlash(filepath.Join(checkout, dev))
	}
	return filepath.ToSlash(relative)
}

// resolved is a path without symbolic links, as far as it exists.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}
