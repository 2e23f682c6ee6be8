package paperbroker_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/money"
)

// Alpaca's clients for Node speak to the broker as they come. Both generations
// are in use: one writes amounts as strings, the other as JSON numbers.
func TestAlpacasNodeClients(t *testing.T) {
	if os.Getenv("INTEROP") == "" && os.Getenv("CI") == "" {
		t.Skip("set INTEROP=1: this test installs Alpaca's clients for Node")
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not there: %v", program, err)
		}
	}
	for version, script := range map[string]string{"4.0.2": "interop-v4.js", "3.1.3": "interop-v3.js"} {
		t.Run(version, func(t *testing.T) { testNodeClient(t, version, script) })
	}
}

func testNodeClient(t *testing.T, version, script string) {
	dir := t.TempDir()
	install := exec.CommandContext(t.Context(), "npm", "install", "--prefix", dir, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts",
		"@alpacahq/alpaca-trade-api@"+version)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	w := newWorld(t, validReplies, holding)
	quotes, err := w.Client.Quotes(t.Context(), []string{"BBB"})
	if err != nil {
		t.Fatal(err)
	}
	market := quotes["BBB"]
	limit := money.FloorTick(market.Bid.Mul(money.MustParse("0.8")))
	equity := w.Account().Equity.Round(2).Float64()

	node := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", script))
	node.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"), "BROKER="+w.URL, "LIMIT="+limit.String())
	var complaints bytes.Buffer
	node.Stderr = &complaints
	printed, err := node.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
	type outcome struct {
		Account      string
		Cash         string
		Open         bool
		NextClose    string `json:"next_close"`
		Calendar     []string
		Assets       []string
		Fractionable bool
		Positions    []string
		Position     string
		Placed       string
		Found        bool
		Listed       []string
		After        string
		Refused      int
		Bars         int
		Last         float64
		Bid, Ask     float64
		Snapshots    []string
		Previous     float64
		Single       bool
		Equity, Base float64
	}
	var got outcome
	if err := json.Unmarshal(printed, &got); err != nil {
		t.Fatalf("%v in %s", err, printed)
	}
	last, _ := bars(t, "2026-11-23", "BBB")["BBB"].Last()
	want := outcome{
		Account: "ACTIVE", Cash: "100000", Open: true, NextClose: "2026-11-24T21:00:00.000Z",
		Calendar: []string{"2026-11-25 09:30 16:00", "2026-11-27 09:30 13:00"},
		Assets:   []string{"AAA", "BBB", "CCC"}, Fractionable: true, Positions: []string{"AAA 10.5"}, Position: "10.5",
		Placed: "new", Found: true, Listed: []string{"node"}, After: "canceled", Refused: 422,
		Bars: 8, Last: last.Close, Bid: market.Bid.Float64(), Ask: market.Ask.Float64(),
		Snapshots: []string{"AAA", "BBB"}, Previous: last.Close, Single: true, Equity: equity, Base: equity,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the client saw\n%+v, not\n%+v", got, want)
	}
	// What the client says of its order is what the book says.
	placed := w.Orders()
	if len(placed) != 1 || placed[0].ClientID != "node" || placed[0].Qty.String() != "2" || !placed[0].Limit.Equal(limit) || placed[0].Status != "canceled" {
		t.Errorf("orders %+v", placed)
	}
}
