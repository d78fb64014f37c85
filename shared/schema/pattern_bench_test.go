package schema

import (
	"regexp"
	"testing"
)

// BenchmarkPattern compares a table with package regexp: for single texts, and for all texts of an order with three lines.
func BenchmarkPattern(b *testing.B) {
	type value struct{ format, text string }
	line := []value{{"token", "11"}, {"text", "Queso Cabrales"}, {"amount", "14.00"}, {"fraction", "0.15"}}
	order := []value{{"token", "VINET"}, {"text", "Vins et alcools Chevalier"}, {"text", "France"}, {"amount", "32.38"}}
	order = append(append(append(order, line...), line...), line...)
	for _, c := range []struct {
		name   string
		values []value
	}{
		{"token", []value{{"token", "10248"}}},
		{"uuid", []value{{"token", "0190b6e2-7c1a-7f3e-9d52-3f1c2a4b5c6d"}}},
		{"amount", []value{{"amount", "1234.50"}}},
		{"text", []value{{"text", "Vins et alcools Chevalier"}}},
		{"order", order},
	} {
		var tables []*pattern
		var expressions []*regexp.Regexp
		var texts [][]byte
		for _, v := range c.values {
			tables = append(tables, newPattern(formats[v.format].pattern))
			expressions = append(expressions, regexp.MustCompile(formats[v.format].pattern))
			texts = append(texts, []byte(v.text))
		}
		b.Run(c.name+"/table", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i, table := range tables {
					if matches, known := table.match(texts[i]); !matches || !known {
						b.Fatal(string(texts[i]))
					}
				}
			}
		})
		b.Run(c.name+"/regexp", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i, expression := range expressions {
					if !expression.Match(texts[i]) {
						b.Fatal(string(texts[i]))
					}
				}
			}
		})
	}
}
