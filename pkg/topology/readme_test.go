package topology_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

var update = flag.Bool("update", false, "write the README's table and docs/events.md anew")

const (
	readme = "../../README.md"
	begin  = "<!-- the table of functions: make golden writes it from pkg/topology -->\n"
	end    = "<!-- end of the table -->\n"
)

func TestTheReadmesTableIsThisTable(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md has no table between the marks\n%s%s", begin, end)
	}
	if *update {
		if err := os.WriteFile(readme, []byte(before+begin+topology.Markdown()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != topology.Markdown() {
		t.Errorf("the README's table is not pkg/topology's; make golden writes it anew")
	}
}
