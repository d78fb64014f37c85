package ordering_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"

	"github.com/orchestrix-go/orchestrix/domain/ordering"
	"github.com/orchestrix-go/orchestrix/shared/core"
	"github.com/orchestrix-go/orchestrix/shared/es"
	"github.com/orchestrix-go/orchestrix/shared/es/estest"
)

// Northwind holds 830 orders of a trading company, of which 809 are shipped; their net total is known.
const northwindTotal = "1265793.0395"

// Every order of Northwind passes validation, the decider and the views, and comes out exact in all of them.
func TestNorthwind(t *testing.T) {
	t.Parallel()
	summaries := estest.Project(t, ordering.Module(), ordering.OrderSummaries)
	countries := estest.Project(t, ordering.Module(), ordering.SalesByCountry)
	customers := estest.Project(t, ordering.Module(), ordering.SalesByCustomer)
	products := estest.Project(t, ordering.Module(), ordering.SalesByProduct)
	for id, event := range decided(t, northwind(t)) {
		summaries.On(id, event)
		countries.On(id, event)
		customers.On(id, event)
		products.On(id, event)
	}

	status := map[ordering.Status]int{}
	var total ordering.Money
	for _, order := range summaries.Documents() {
		status[order.Status]++
		total = total.Add(order.NetTotal)
	}
	if status[ordering.Shipped] != 809 || status[ordering.Placed] != 21 || len(status) != 2 {
		t.Errorf("orders by status are %v", status)
	}
	if !total.Equal(money(northwindTotal)) {
		t.Errorf("net total over all orders is %s, not %s", total, northwindTotal)
	}

	var byCountry, byCustomer ordering.Sales
	for _, c := range countries.Documents() {
		byCountry = ordering.Sales{Orders: byCountry.Orders + c.Orders, NetTotal: byCountry.NetTotal.Add(c.NetTotal)}
	}
	for _, c := range customers.Documents() {
		byCustomer = ordering.Sales{Orders: byCustomer.Orders + c.Orders, NetTotal: byCustomer.NetTotal.Add(c.NetTotal)}
	}
	for name, sum := range map[string]ordering.Sales{"countries": byCountry, "customers": byCustomer} {
		if sum.Orders != 830 || !sum.NetTotal.Equal(money(northwindTotal)) {
			t.Errorf("%s have %d orders of %s in all, not 830 of %s", name, sum.Orders, sum.NetTotal, northwindTotal)
		}
	}

	var byProduct ordering.Money
	for _, p := range products.Documents() {
		byProduct = byProduct.Add(p.NetTotal)
	}
	if n := len(products.Documents()); n != 77 || !byProduct.Equal(money(northwindTotal)) {
		t.Errorf("%d products have a net total of %s, not 77 of %s", n, byProduct, northwindTotal)
	}
}

// decided yields, for each command of the file, the events that it leads to with the id of its order.
func decided(t testing.TB, path string) iter.Seq2[string, es.Event] {
	t.Helper()
	registry, err := compile.Modules(ordering.Module())
	if err != nil {
		t.Fatal(err)
	}
	order, _ := registry.Aggregate(ordering.OrderDecider.Category)
	states := map[string]any{}
	return func(yield func(string, es.Event) bool) {
		for line := range lines(t, path) {
			for _, event := range decide(t, order, states, line) {
				if !yield(line.ID, event) {
					return
				}
			}
		}
	}
}

type commandLine struct {
	ID      string          `json:"id"`
	Command string          `json:"command"`
	Data    json.RawMessage `json:"data"`
}

func decide(t testing.TB, order *core.Aggregate, states map[string]any, line commandLine) []es.Event {
	t.Helper()
	commandType, ok := order.Command(line.Command)
	if !ok {
		t.Fatalf("order %s: there is no command %q", line.ID, line.Command)
	}
	command, err := commandType.Decode(line.Data)
	if err != nil {
		t.Fatalf("order %s: %v", line.ID, err)
	}
	if errs := validate(t, command, line.Data); len(errs) > 0 {
		t.Fatalf("order %s: %s is refused: %v", line.ID, line.Command, errs)
	}
	state, known := states[line.ID]
	if !known {
		state = order.Initial
	}
	events, err := commandType.Decide(state, command)
	if err != nil {
		t.Fatalf("order %s: %v", line.ID, err)
	}
	for _, event := range events {
		state = order.Evolve(state, event)
	}
	states[line.ID] = state
	return events
}

func lines(t testing.TB, path string) iter.Seq[commandLine] {
	return func(yield func(commandLine) bool) {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		scanner := bufio.NewScanner(file)
		for scanner.Scan() {
			var line commandLine
			if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if !yield(line) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

// northwind is where the orders are, or the end of the test.
func northwind(t testing.TB) string {
	t.Helper()
	path := os.Getenv("NORTHWIND_COMMANDS")
	if path == "" {
		path = filepath.Join(moduleRoot(t), "..", "shared", "data", "northwind", "commands.ndjson")
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the Northwind orders are not at %s; NORTHWIND_COMMANDS may name another place", path)
	}
	return path
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("there is no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
