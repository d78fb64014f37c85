package ordering_test

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"orchestrix/domain/ordering"
)

// Whatever a line costs is exact to the fourth decimal, half of which goes up, however large its price.
func TestALineIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		price := rapid.Int64Range(0, 999_999_999_999_9999).Draw(t, "price in 1/10,000")
		quantity := rapid.IntRange(1, 1_000_000).Draw(t, "quantity")
		discount := rapid.Int64Range(0, 9_999).Draw(t, "discount in 1/10,000")
		line := ordering.Line{UnitPrice: money(fourDecimals(big.NewInt(price))), Quantity: quantity, Discount: number(fourDecimals(big.NewInt(discount)))}
		want := new(big.Int).Mul(big.NewInt(price), big.NewInt(int64(quantity)))
		want.Mul(want, big.NewInt(10_000-discount))
		want.Add(want, big.NewInt(5_000)).Div(want, big.NewInt(10_000))
		got, err := line.Net().MarshalJSON()
		if err != nil || string(got) != `"`+fourDecimals(want)+`"` {
			t.Fatalf("%d of %s cost %s, want %s: %v", quantity, line.UnitPrice, got, fourDecimals(want), err)
		}
	})
}

func fourDecimals(tenThousandths *big.Int) string {
	whole, rest := new(big.Int).DivMod(tenThousandths, big.NewInt(10_000), new(big.Int))
	return fmt.Sprintf("%s.%04d", whole, rest)
}
