package costs_test

import (
	"flag"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/checks"
	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
	"github.com/alchemiser/alchemiser/infra/cdk/internal/costs"
)

var update = flag.Bool("update", false, "write the costs of docs/operations.md anew")

const (
	document = "../../../../docs/operations.md"
	begin    = "<!-- costs: make golden writes them from infra/cdk/internal/costs -->\n"
	end      = "<!-- end of the costs -->\n"
)

func templates(t *testing.T, env config.Env) checks.Environment {
	t.Helper()
	c, err := config.For(string(env), config.OfflineAccount)
	if err != nil {
		t.Fatal(err)
	}
	e, err := checks.Load(os.DirFS("../../templates/"+string(env)), c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func bill(t *testing.T, env config.Env) costs.Bill {
	t.Helper()
	b, err := costs.Of(templates(t, env), costs.Typical())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func line(t *testing.T, b costs.Bill, item string) costs.Line {
	t.Helper()
	for _, l := range b.Lines {
		if l.Item == item {
			return l
		}
	}
	t.Fatalf("the bill has no item %q", item)
	return costs.Line{}
}

func TestTheDocumentSaysWhatIsComputed(t *testing.T) {
	want := costs.Markdown(costs.Typical(), bill(t, config.Dev), bill(t, config.Prod))
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no costs between the marks\n%s%s", document, begin, end)
	}
	if *update {
		if err := os.WriteFile(document, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("the costs of %s are not those of the templates; make golden writes them anew", document)
	}
}

// Worked out by hand from the templates and the price pages.
func TestBillByHand(t *testing.T) {
	prod, dev := bill(t, config.Prod), bill(t, config.Dev)
	for _, c := range []struct {
		bill       costs.Bill
		item       string
		quantity   float64
		usd, after float64
	}{
		{prod, "CloudWatch dashboard", 1, 3, 0},
		{prod, "Scheduler", 8640 + 21, 0.008661, 0},
		{dev, "Scheduler", 8640, 0.00864, 0},
		// WorkflowStarted, SignalGenerated, RebalancePlanned, TradeExecuted,
		// TradingNotificationRequested, WorkflowCompleted and a continuation.
		{prod, "EventBridge events", 21 * 7, 0.000147, 0.000147},
		{dev, "EventBridge events", 5 * 7, 0.000035, 0.000035},
		// Six functions, execution twice, and the sweeps.
		{prod, "Lambda requests", 21*7 + 8640, 0.0017574, 0},
		// Per run 2 × ¼ + 6 × 1 + 4 × ½ + 2 × 30 × ½ + 1 × ¼ + 5 × ¼ = 40 GB-s; a sweep 0.05.
		{prod, "Lambda time", 21*40 + 432, 0.01696, 0},
		{prod, "SSM parameters", 4, 0, 0},
	} {
		l := line(t, c.bill, c.item)
		if math.Abs(l.Quantity-c.quantity) > 1e-9 || math.Abs(l.USD()-c.usd) > 1e-5 || math.Abs(l.AfterFree()-c.after) > 1e-5 {
			t.Errorf("%s: %g for $%g, after the free quantity $%g; want %g, $%g, $%g", c.item, l.Quantity, l.USD(), l.AfterFree(), c.quantity, c.usd, c.after)
		}
	}
	// Eight alarms for every function, two more over the rules of each of the
	// five that consume events (13 rules, two metrics each), eight for all.
	alarms := line(t, prod, "CloudWatch alarms")
	if prod.Alarms != 6*8+5*2+8 || alarms.Quantity != 6*8+13*2+8 {
		t.Errorf("%d alarms over %g metrics", prod.Alarms, alarms.Quantity)
	}
	for _, l := range prod.Lines {
		if l.USD() > alarms.USD() {
			t.Errorf("%s costs more than the alarms: say so in the document", l.Item)
		}
	}
	if prod.Runs != 21 || dev.Runs != 5 {
		t.Errorf("%d runs in prod, %d in dev", prod.Runs, dev.Runs)
	}
}

func TestOfRefusesTemplatesThatLackSomething(t *testing.T) {
	for _, part := range []string{"foundation", "signal"} {
		e := templates(t, config.Dev)
		delete(e.Stacks, part)
		if _, err := costs.Of(e, costs.Typical()); err == nil {
			t.Errorf("a bill without the stack %s", part)
		}
	}
}
