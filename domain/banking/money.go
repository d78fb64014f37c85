package banking

import "github.com/quagmt/udecimal"

// Money is an exact amount of at most four decimals. JSON holds it as a string that shows all four: "440.0000".
type Money struct{ udecimal.Decimal }

// Add returns the sum.
func (m Money) Add(other Money) Money { return Money{m.Decimal.Add(other.Decimal)} }

// Sub returns the difference.
func (m Money) Sub(other Money) Money { return Money{m.Decimal.Sub(other.Decimal)} }

// Equal reports whether the amounts are the same, however they were written.
func (m Money) Equal(other Money) bool { return m.Decimal.Equal(other.Decimal) }

// MarshalJSON writes what UnmarshalJSON of [udecimal.Decimal] reads.
func (m Money) MarshalJSON() ([]byte, error) { return []byte(`"` + m.StringFixed(4) + `"`), nil }
