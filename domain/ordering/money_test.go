package ordering_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
)

// The net price of a line is exact to the fourth decimal, half of which is rounded up, however large the price is.
func TestALineIsExact(t *testing.T) {
	t.Parallel()
	const maxPrice, maxQuantity, maxDiscount = 999_999_999_999_9999, 1_000_000, 9_999 // price and discount in 1/10,000
	for _, price := range []int64{0, 1, maxPrice} {
		for _, quantity := range []int64{1, maxQuantity} {
			for _, discount := range []int64{0, 1, 5_000, maxDiscount} {
				checkLine(t, price, quantity, discount)
			}
		}
	}
	for range 1000 {
		// Small prices are as frequent as large ones: that is where rounding shows.
		price := rand.Int64N(maxPrice+1) >> rand.IntN(54)
		checkLine(t, price, 1+rand.Int64N(maxQuantity)>>rand.IntN(20), rand.Int64N(maxDiscount+1))
	}
}

func checkLine(t *testing.T, price, quantity, discount int64) {
	t.Helper()
	line := ordering.Line{UnitPrice: money(fourDecimals(big.NewInt(price))), Quantity: int(quantity), Discount: number(fourDecimals(big.NewInt(discount)))}
	want := new(big.Int).Mul(big.NewInt(price), big.NewInt(quantity))
	want.Mul(want, big.NewInt(10_000-discount))
	want.Add(want, big.NewInt(5_000)).Div(want, big.NewInt(10_000))
	got, err := line.Net().MarshalJSON()
	if err != nil || string(got) != `"`+fourDecimals(want)+`"` {
		t.Errorf("%d of %s with a discount of %s cost %s, want %s: %v", quantity, line.UnitPrice, line.Discount, got, fourDecimals(want), err)
	}
}

func fourDecimals(tenThousandths *big.Int) string {
	whole, rest := new(big.Int).DivMod(tenThousandths, big.NewInt(10_000), new(big.Int))
	return fmt.Sprintf("%s.%04d", whole, rest)
}
