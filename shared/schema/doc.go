// Package schema turns the Go types of commands, query parameters and documents into JSON Schema, and checks
// requests against it. The struct tags of a type are its one definition: HTTP, the bus and OpenAPI use what
// this package makes of them.
//
// The tags are those of huma (https://huma.rocks/features/request-validation/): required, doc, example, format,
// pattern with patternDescription, enum, minimum, maximum, multipleOf, minLength, maxLength, minItems,
// maxItems, uniqueItems, minProperties, maxProperties, nullable; for query parameters also default. A field is
// required unless its JSON tag says omitempty or omitzero. [New] rejects an unknown tag, a tag with a bad value, and a
// tag on a field where it has no meaning.
//
// Besides the formats of JSON Schema (date, date-time, uuid, …), format takes names for patterns that many fields share:
//
//	token            1 to 64 letters, digits, '_' and '-': an id
//	text             text without control characters; limit it with minLength and maxLength
//	amount           a decimal of at least 0, with at most 12 digits before the point and 4 after it
//	positive-amount  an amount above 0
//	fraction         a decimal of at least 0 and less than 1, with at most 4 digits after the point
//	currency         three capital letters
package schema
