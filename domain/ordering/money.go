package ordering

import "github.com/quagmt/udecimal"

// Money is an exact amount of at most four decimals. JSON holds it as a string that shows all four: "440.0000".
type Money struct{ udecimal.Decimal }

// Add returns the sum.
func (m Money) Add(other Money) Money { return Money{m.Decimal.Add(other.Decimal)} }

// Times returns n times the amount.
func (m Money) Times(n int) Money { return Money{m.Mul(udecimal.MustFromInt64(int64(n), 0))} }

// Equal reports whether the amounts are the same, however they were written.
func (m Money) Equal(other Money) bool { return m.Decimal.Equal(other.Decimal) }

// MarshalJSON writes what UnmarshalJSON of [udecimal.Decimal] reads.
func (m Money) MarshalJSON() ([]byte, error) { return []byte(`"` + m.StringFixed(4) + `"`), nil }
