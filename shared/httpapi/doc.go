// Package httpapi serves commands and queries over HTTP.
//
// [NewCommandAPI] serves POST /v1/commands/{category}/{id}/{command} and, if [Options] has Async, the status of asynchronous
// commands. [NewQueryAPI] serves views (/v1/views), queries (/v1/queries) and streams (/v1/streams). Both limit the requests
// in flight and the size and time of a body, answer errors as problem details (package problem), and serve an OpenAPI
// document (/openapi.json, /openapi.yaml) with its docs page (/docs).
//
// The routes are plain [net/http] handlers: the commands are known only when the program runs, so there is no Go type per
// operation for huma to reflect on. huma provides the schemas (package schema), the validation of values, and the OpenAPI
// document.
package httpapi
