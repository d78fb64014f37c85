package schema

import (
	"maps"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orchestrix-go/orchestrix/shared/core"
)

// format is a named pattern for the struct tag format. The schema that clients get carries the pattern, not the name.
type format struct{ pattern, description, example string }

// formats are the formats that this package adds.
var formats = map[string]format{
	// token is an id that [core.CheckToken] accepts.
	"token": {core.TokenPattern, "1 to 64 letters, digits, '_' and '-'", "a-1"},
	// text has no control characters, which keys of documents must not contain. minLength and maxLength limit it.
	"text": {`^[^\x00-\x1f\x7f-\x9f]*$`, "text without control characters", "text"},
	// amount has at most 12 digits before the decimal point and 4 after it.
	"amount": {`^[0-9]{1,12}(\.[0-9]{1,4})?$`, "an amount with at most four decimals", "10.50"},
	// positive-amount is an amount above zero, without leading zeros.
	"positive-amount": {
		`^([1-9][0-9]{0,11}(\.[0-9]{1,4})?|0\.([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9]))$`,
		"an amount above zero with at most four decimals", "10.50",
	},
	// fraction is at least 0 and less than 1, as of a discount.
	"fraction": {`^0(\.[0-9]{1,4})?$`, "a fraction of at least 0 and less than 1, with at most four decimals", "0.25"},
	// currency is a code such as EUR.
	"currency": {`^[A-Z]{3}$`, "three capital letters", "EUR"},
}

// standardFormats are the formats of JSON Schema that huma checks.
var standardFormats = []string{
	"date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ip", "ipv4", "ipv6", "iri",
	"iri-reference", "json-pointer", "regex", "relative-json-pointer", "time", "uri", "uri-reference", "uri-template", "uuid",
}

// numberFormats are the formats of numbers. They only document the size.
var numberFormats = []string{"double", "float", "int32", "int64"}

// applyFormats replaces the formats of this package by their patterns, in all types of a registry.
func applyFormats(types huma.Registry) {
	for _, object := range types.Map() {
		for property := range maps.Values(object.Properties) {
			if property.Items != nil {
				property = property.Items
			}
			if f, ok := formats[property.Format]; ok {
				property.Format, property.Pattern, property.PatternDescription = "", f.pattern, f.description
				property.PrecomputeMessages()
			}
		}
	}
}
