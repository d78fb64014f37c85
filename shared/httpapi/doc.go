// Package httpapi serves commands and queries over HTTP: routes, headers, problem details, OpenAPI and its docs page.
//
// The routes are plain [net/http] handlers: the commands are known only when the program runs, so there is no Go type per
// operation for huma to reflect on. huma provides the schemas (package schema), the validation of values, and the OpenAPI
// document.
package httpapi
