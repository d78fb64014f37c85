package httpapi

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html"
	"net/http"
)

// docsFiles are the page and Swagger UI: docs/README.md says which version, and how it came here.
//
//go:embed docs/index.html docs/init.js docs/swagger-ui.css docs/swagger-ui-bundle.js
var docsFiles embed.FS

// docsPolicy keeps the docs page from loading or sending anything anywhere else. Swagger UI sets styles in
// the page and draws icons from data URLs.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *server) serveDocsPage() error {
	for _, file := range []struct{ path, name, kind string }{
		{"/docs", "docs/index.html", "text/html; charset=utf-8"},
		{"/docs/init.js", "docs/init.js", "text/javascript; charset=utf-8"},
		{"/docs/swagger-ui.css", "docs/swagger-ui.css", "text/css; charset=utf-8"},
		{"/docs/swagger-ui-bundle.js", "docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"},
	} {
		content, err := docsFiles.ReadFile(file.name)
		if err != nil {
			return err
		}
		content = bytes.Replace(content, []byte("<title>API</title>"), []byte("<title>"+html.EscapeString(s.openapi.Info.Title)+"</title>"), 1)
		s.serveFile(file.path, file.kind, content)
	}
	return nil
}

// serveFile adds a route that answers with a fixed content.
func (s *server) serveFile(path, kind string, content []byte) {
	sum := sha256.Sum256(content)
	tag := quoted(hex.EncodeToString(sum[:16]))
	s.handleRaw(http.MethodGet, path, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", docsPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		h.Set(headerETag, tag)
		if noneMatch(r.Header, tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		s.send(w, http.StatusOK, content, 0) // all answers share the content
	})
}
