package local_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

// What a function links is what it can do, what it costs at every cold start, and whose mistakes can reach it. Each part belongs to
// exactly these functions.
func TestAFunctionLinksWhatItNeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the go command for the packages of every function")
	}
	const ours, sdk = "github.com/alchemiser/alchemiser/", "github.com/aws/aws-sdk-go-v2/service/"
	parts := []struct {
		what     string
		packages []string // import paths, also of what lies below
		by       []topology.Name
	}{
		{"the bus", []string{ours + "pkg/bus", sdk + "eventbridge"},
			[]topology.Name{topology.Start, topology.Signal, topology.Portfolio, topology.Execution, topology.Monitor}},
		{"Alpaca", []string{"github.com/alpacahq"}, []topology.Name{topology.Start, topology.Signal, topology.Portfolio, topology.Execution}},
		{"the broker's adapter", []string{ours + "pkg/broker/alpacabroker"}, []topology.Name{topology.Start, topology.Portfolio, topology.Execution}},
		{"the broker's words, in which records are written", []string{ours + "pkg/broker"},
			[]topology.Name{topology.Start, topology.Portfolio, topology.Execution, topology.Monitor}},
		{"the strategy language", []string{ours + "pkg/strategy"}, []topology.Name{topology.Signal}},
		{"the mail client", []string{"github.com/wneessen/go-mail"}, []topology.Name{topology.Notifier}},
		{"the ledger's table", []string{ours + "pkg/ledger/dynamoledger", sdk + "dynamodb"},
			[]topology.Name{topology.Start, topology.Signal, topology.Portfolio, topology.Execution, topology.Monitor, topology.Notifier}},
		{"a part that only tests and tools use", []string{
			ours + "infra", ours + "cmd", ours + "pkg/broker/paperbroker", ours + "pkg/market/csvmarket", ours + "pkg/market/synthmarket",
			ours + "pkg/bus/membus", ours + "pkg/ledger/memledger", "testing",
		}, nil},
	}
	for _, f := range topology.Functions() {
		out, err := exec.Command("go", "list", "-deps", "../../services/"+string(f.Name)+"/lambda").Output()
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		links := strings.Fields(string(out))
		for _, part := range parts {
			for _, path := range part.packages {
				linked := slices.ContainsFunc(links, func(p string) bool { return p == path || strings.HasPrefix(p, path+"/") })
				if wanted := slices.Contains(part.by, f.Name); linked != wanted {
					t.Errorf("%s links %s (%s): %t, want %t", f.Name, part.what, path, linked, wanted)
				}
			}
		}
		for _, other := range topology.Functions() {
			if other.Name != f.Name && slices.Contains(links, ours+"services/"+string(other.Name)) {
				t.Errorf("%s links %s", f.Name, other.Name)
			}
		}
	}
}
