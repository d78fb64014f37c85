// Package httpapi is HTTP for commands and queries: routes, headers, problem details, OpenAPI and its docs
// page.
//
// The routes are plain handlers on [net/http]: which commands there are is known only when the program runs,
// so there is no Go type an operation for huma to reflect on, and a request pays for none. huma provides the
// schemas (package schema), the check of values, and the OpenAPI document.
package httpapi
