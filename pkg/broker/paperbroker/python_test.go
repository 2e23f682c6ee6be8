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

// Alpaca's clients for Python speak to the broker as they come. Nothing of the
// product needs Python, so this runs where it is asked for and can be had.
func TestAlpacasPythonClients(t *testing.T) {
	if os.Getenv("INTEROP") == "" {
		t.Skip("set INTEROP=1: this test installs Alpaca's clients for Python")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not there: ", err)
	}
	for _, client := range []string{"alpaca-py==0.43.4", "alpaca-trade-api==3.2.0"} {
		t.Run(client, func(t *testing.T) { testPythonClient(t, python, client) })
	}
}

func testPythonClient(t *testing.T, python, client string) {
	dir := t.TempDir()
	run := func(name string, args ...string) []byte {
		command := exec.CommandContext(t.Context(), name, args...)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Skipf("the client cannot be had: %s %v: %v\n%s", name, args, err, out)
		}
		return out
	}
	run(python, "-m", "venv", dir)
	python = filepath.Join(dir, "bin", "python")
	run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", client)

	w := newWorld(t, validReplies, holding)
	quotes, err := w.Client.Quotes(t.Context(), []string{"BBB"})
	if err != nil {
		t.Fatal(err)
	}
	market := quotes["BBB"]
	limit := money.FloorTick(market.Bid.Mul(money.MustParse("0.8")))
	equity := w.Account().Equity.Round(2).Float64()
	name, _, _ := bytes.Cut([]byte(client), []byte("=="))
	command := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "interop-"+string(name)+".py"))
	command.Env = append(os.Environ(), "BROKER="+w.URL, "APCA_API_DATA_URL="+w.URL, "LIMIT="+limit.String())
	var complaints bytes.Buffer
	command.Stderr = &complaints
	printed, err := command.Output()
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
		Placed       string
		Found        bool
		Listed       []string
		Replaced     string
		After        string
		Refused      [2]int
		Bought, Stop string
		Cancelled    []int
		Closed       string
		AllClosed    []string `json:"all_closed"`
		Bars         int
		Last         float64
		Minutes      int
		Ticks        int
		Bid, Ask     float64
		Snapshots    []string
		Previous     float64
		Single       bool
		Base         float64
	}
	var got outcome
	if err := json.Unmarshal(printed, &got); err != nil {
		t.Fatalf("%v in %s", err, printed)
	}
	last, _ := bars(t, "2026-11-23", "BBB")["BBB"].Last()
	want := outcome{
		Account: "ACTIVE", Cash: "100000", Open: true, NextClose: "2026-11-24T21:00:00.000Z",
		Calendar: []string{"2026-11-25 09:30 16:00", "2026-11-27 09:30 13:00"},
		Assets:   []string{"AAA", "BBB", "CCC"}, Fractionable: true, Positions: []string{"AAA 10.5"},
		Placed: "new", Found: true, Listed: []string{"python"}, Replaced: "python-2 3", After: "canceled", Refused: [2]int{422, 40010001},
		Bought: "filled 100.5 None", Stop: "stop_limit new", Cancelled: []int{200}, Closed: "sell 1", AllClosed: []string{"AAA 200"},
		Bars: 8, Last: last.Close, Minutes: 390, Ticks: 20, Bid: market.Bid.Float64(), Ask: market.Ask.Float64(),
		Snapshots: []string{"AAA", "BBB"}, Previous: last.Close, Single: true, Base: equity,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the client saw\n%+v, not\n%+v", got, want)
	}
	if len(w.Positions()) != 0 {
		t.Errorf("left with %+v", w.Positions())
	}
}
