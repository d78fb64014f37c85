// Package schema turns the Go types of commands, query parameters and documents into JSON Schema, and checks
// requests against it. The struct tags of a type are its one definition: HTTP, the bus and OpenAPI use what
// this package makes of them.
//
// The tags are huma's (https://huma.rocks/features/request-validation/): required, doc, example, format,
// pattern with patternDescription, enum, minimum, maximum, multipleOf, minLength, maxLength, minItems,
// maxItems, uniqueItems, nullable; for query parameters also default. A field is required unless its JSON tag
// says omitempty or omitzero.
package schema
