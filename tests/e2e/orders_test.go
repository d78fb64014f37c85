package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// totals are what the views must hold after a file of orders: computed here from the commands alone, with
// rational numbers, so that nothing of the product takes part.
type totals struct {
	orders, shipped int
	net             *big.Rat
	byCountry       map[string]*big.Rat
	byProduct       map[string]int64 // units
}

// northwind is the file of real orders: 830 placed, 809 of them shipped.
func northwind(t testing.TB) string {
	t.Helper()
	path := os.Getenv("NORTHWIND_COMMANDS")
	if path == "" {
		path = filepath.Join("..", "..", "..", "shared", "data", "northwind", "commands.ndjson")
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the Northwind orders are not at %s; NORTHWIND_COMMANDS may name another path", path)
	}
	return path
}

// generated writes a file of made-up orders, most of them shipped later in the file.
func generated(t testing.TB, orders int, seed uint64) string {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, seed))
	var lines []string
	for n := range orders {
		id := fmt.Sprintf("gen-%d", n)
		lines = append(lines, fmt.Sprintf(`{"category":"order","id":%q,"command":"place","command_id":"place-%s","data":%s}`, id, id, order(random, n)))
		if random.IntN(10) > 0 {
			lines = append(lines, fmt.Sprintf(`{"category":"order","id":%q,"command":"ship","command_id":"ship-%s","data":{"shipped_at":"2026-02-03","carrier":"Slow & Sure"}}`, id, id))
		}
	}
	path := filepath.Join(t.TempDir(), "orders.ndjson")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func order(random *rand.Rand, n int) string {
	var lines []string
	for p := range 1 + random.IntN(4) {
		lines = append(lines, fmt.Sprintf(`{"product_id":"p%d","product":"Product %d","unit_price":"%d.%02d","quantity":%d,"discount":"0.%02d"}`,
			p, p, random.IntN(100), random.IntN(100), 1+random.IntN(50), random.IntN(30)))
	}
	return fmt.Sprintf(`{"customer_id":"C%d","customer_name":"Customer %d","country":"Country %d","ordered_at":"2026-01-02","required_at":"2026-02-02","freight":"3.50","lines":[%s]}`,
		n%20, n%20, n%7, strings.Join(lines, ","))
}

// expect computes the totals of a file.
func expect(t testing.TB, path string) totals {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	result := totals{net: new(big.Rat), byCountry: map[string]*big.Rat{}, byProduct: map[string]int64{}}
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		result.add(t, scanner.Bytes())
	}
	return result
}

func (s *totals) add(t testing.TB, text []byte) {
	t.Helper()
	var line struct {
		Command string
		Data    struct {
			Country string
			Lines   []struct {
				ProductID string `json:"product_id"`
				UnitPrice string `json:"unit_price"`
				Quantity  int64
				Discount  string
			}
		}
	}
	if err := json.Unmarshal(text, &line); err != nil {
		t.Fatal(err)
	}
	switch line.Command {
	case "ship":
		s.shipped++
	case "place":
		s.orders++
		if s.byCountry[line.Data.Country] == nil {
			s.byCountry[line.Data.Country] = new(big.Rat)
		}
		for _, l := range line.Data.Lines {
			net := new(big.Rat).Sub(big.NewRat(1, 1), rat(l.Discount))
			net.Mul(net, rat(l.UnitPrice)).Mul(net, big.NewRat(l.Quantity, 1))
			s.net.Add(s.net, net)
			s.byCountry[line.Data.Country].Add(s.byCountry[line.Data.Country], net)
			s.byProduct[l.ProductID] += l.Quantity
		}
	}
}

func rat(text any) *big.Rat {
	number, ok := new(big.Rat).SetString(fmt.Sprint(text))
	if !ok {
		panic(fmt.Sprintf("%v is no number", text))
	}
	return number
}

// awaitTotals waits until every view holds what the commands say, to the last digit.
func awaitTotals(t testing.TB, p *platform, want totals) {
	t.Helper()
	eventually(t, "the views hold all orders", func() error {
		status := map[any]int{}
		for _, item := range p.list("order-summary", "") {
			status[item["data"].(map[string]any)["status"]]++
		}
		if status["shipped"] != want.shipped || status["placed"] != want.orders-want.shipped || len(status) > 2 {
			return fmt.Errorf("orders by status are %v, not %d shipped of %d", status, want.shipped, want.orders)
		}
		return errors.Join(checkCountries(p, want), checkProducts(p, want))
	})
}

func checkCountries(p *platform, want totals) error {
	sum, orders := new(big.Rat), 0.0
	for _, item := range p.list("sales-by-country", "") {
		data := item["data"].(map[string]any)
		net := rat(data["net_total"])
		if expected := want.byCountry[item["key"].(string)]; expected == nil || expected.Cmp(net) != 0 {
			return fmt.Errorf("net total of %v is %v, not %v", item["key"], data["net_total"], expected)
		}
		sum.Add(sum, net)
		orders += data["orders"].(float64)
	}
	if sum.Cmp(want.net) != 0 || int(orders) != want.orders {
		return fmt.Errorf("over all countries there are %v orders of %s, not %d of %s", orders, sum.FloatString(4), want.orders, want.net.FloatString(4))
	}
	return nil
}

func checkProducts(p *platform, want totals) error {
	items := p.list("product-sales", "")
	if len(items) != len(want.byProduct) {
		return fmt.Errorf("there are %d products, not %d", len(items), len(want.byProduct))
	}
	for _, item := range items {
		units := int64(item["data"].(map[string]any)["units"].(float64))
		if units != want.byProduct[item["key"].(string)] {
			return fmt.Errorf("units of product %v are %d, not %d", item["key"], units, want.byProduct[item["key"].(string)])
		}
	}
	return nil
}

// soon is a random pause, so that a fault hits the work at a random point.
func soon(random *rand.Rand) time.Duration {
	return time.Duration(50+random.IntN(300)) * time.Millisecond
}
