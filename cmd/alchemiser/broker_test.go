package main

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alpacahq/alpaca-trade-api-go/v3/alpaca"
	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"
	"github.com/shopspring/decimal"
)

// barsFolder is a folder with one symbol and three sessions.
func barsFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const file = `date,open,high,low,close,volume
2025-11-25,100,102,99,101,5000000
2025-11-26,101,103,100,102,5000000
2025-11-28,102,104,101,103,2500000
`
	if err := os.WriteFile(filepath.Join(dir, "AAA.csv"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// brokerProcess is the real program while it serves.
type brokerProcess struct {
	command *exec.Cmd
	said    map[string]string // NAME=value lines, and the admin's address
	last    string            // the line with the clock
}

func startBroker(t *testing.T, args ...string) brokerProcess {
	t.Helper()
	program := filepath.Join(t.TempDir(), "alchemiser")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	b := brokerProcess{command: exec.Command(program, append([]string{"broker", "--listen", "127.0.0.1:0"}, args...)...), said: map[string]string{}}
	b.command.Stderr = os.Stderr
	out, err := b.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.command.Process.Kill() }) // it has ended already unless the test failed
	for lines := bufio.NewScanner(out); b.last == "" && lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		if address, ok := strings.CutPrefix(lines.Text(), "# admin: "); ok {
			name, value = "admin", address
		} else if strings.HasPrefix(name, "#") {
			b.last = lines.Text()
		}
		b.said[name] = value
	}
	return b
}

func TestBrokerServesAlpacasClient(t *testing.T) {
	p := startBroker(t, "--bars", barsFolder(t), "--as-of", "2025-11-26", "--profile", "instant", "--cash", "25000", "--admin", "127.0.0.1:0",
		"--fault", `{"kind":"refuse","method":"GET","path":"/v2/account","status":503}`)
	// The session after Thanksgiving, which is a short one.
	if want := "# fills: instant; the clock stands at Friday 2025-11-28 09:35 EST"; p.last != want {
		t.Fatalf("said %q, want %q", p.last, want)
	}
	trading := alpaca.NewClient(alpaca.ClientOpts{
		APIKey: p.said["APCA_API_KEY_ID"], APISecret: p.said["APCA_API_SECRET_KEY"], BaseURL: p.said["APCA_API_BASE_URL"], RetryLimit: -1,
	})
	data := marketdata.NewClient(marketdata.ClientOpts{
		APIKey: p.said["APCA_API_KEY_ID"], APISecret: p.said["APCA_API_SECRET_KEY"], BaseURL: p.said["APCA_API_DATA_URL"], RetryLimit: -1,
	})
	if _, err := trading.GetAccount(); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("the fault of the command line did not strike: %v", err)
	}
	account, err := trading.GetAccount()
	if err != nil || account.Cash.String() != "25000" {
		t.Fatalf("account %+v %v", account, err)
	}
	clock, err := trading.GetClock()
	if err != nil || !clock.IsOpen || clock.NextClose.Format(time.RFC3339) != "2025-11-28T13:00:00-05:00" {
		t.Errorf("clock %+v %v", clock, err)
	}
	bars, err := data.GetBars("AAA", marketdata.GetBarsRequest{
		TimeFrame: marketdata.OneDay, Start: time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2025, 11, 27, 0, 0, 0, 0, time.UTC),
	})
	if err != nil || len(bars) != 2 || bars[1].Close != 102 {
		t.Errorf("bars %+v %v", bars, err)
	}
	qty, limit := decimal.RequireFromString("10"), decimal.RequireFromString("110")
	placed, err := trading.PlaceOrder(alpaca.PlaceOrderRequest{
		Symbol: "AAA", Qty: &qty, Side: alpaca.Buy, Type: alpaca.Limit, LimitPrice: &limit, TimeInForce: alpaca.Day, ClientOrderID: "first",
	})
	if err != nil || placed.Status != "filled" {
		t.Fatalf("order %+v %v", placed, err)
	}
	orders, err := trading.GetOrders(alpaca.GetOrdersRequest{Status: "all"})
	if err != nil || len(orders) != 1 || orders[0].ID != placed.ID || orders[0].ClientOrderID != "first" {
		t.Errorf("orders %+v %v", orders, err)
	}
	if state := get(t, p.said["admin"]); !strings.Contains(state, `"client_order_id": "first"`) {
		t.Errorf("the admin API knows no such order: %.500s", state)
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(p.said["APCA_API_BASE_URL"], "http://"), time.Second); err == nil {
		t.Error("the port is still open")
	}
}

func get(t *testing.T, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	var text strings.Builder
	if _, err := bufio.NewReader(reply.Body).WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// Keys that were given are asked for, and not repeated.
func TestBrokerKeys(t *testing.T) {
	for name, f := range map[string]brokerFlags{"given": {keyID: "mine", secret: "very-secret"}, "new": {}} {
		f.listen, f.bars, f.cash, f.profile = "127.0.0.1:0", barsFolder(t), "1", "paper"
		var out strings.Builder
		if err := serveBroker(t.Context(), &stopping{Builder: &out}, f); err == nil {
			t.Errorf("%s: no error though nothing could be printed", name)
		}
		if text := out.String(); strings.Contains(text, "very-secret") || strings.Contains(text, "APCA_API_SECRET_KEY=") != (name == "new") {
			t.Errorf("%s keys: %s", name, text)
		}
	}
}

// stopping takes what is written and fails, as a closed pipe would.
type stopping struct{ *strings.Builder }

func (s *stopping) Write(p []byte) (int, error) {
	_, _ = s.Builder.Write(p)
	return 0, os.ErrClosed
}

func TestBrokerUsage(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	bars, empty := barsFolder(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "AAA.csv"), []byte("date,open,high,low,close,volume\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no folder":            {nil, `required flag(s) "bars" not set`},
		"missing folder":       {[]string{"--bars", filepath.Join(bars, "none")}, "no SYMBOL.csv there"},
		"empty folder":         {[]string{"--bars", t.TempDir()}, "no SYMBOL.csv there"},
		"no bar":               {[]string{"--bars", empty}, "there is no bar"},
		"bad date":             {[]string{"--bars", bars, "--as-of", "yesterday"}, "--as-of: "},
		"date after the bars":  {[]string{"--bars", bars, "--as-of", "2025-12-01"}, "from 2025-11-25 to 2025-11-28"},
		"date before the bars": {[]string{"--bars", bars, "--as-of", "2025-11-24"}, "from 2025-11-25 to 2025-11-28"},
		"bad profile":          {[]string{"--bars", bars, "--profile", "kind"}, "instant, midpoint, paper, realistic and adversarial"},
		"bad cash":             {[]string{"--bars", bars, "--cash", "-1"}, "--cash"},
		"half a key":           {[]string{"--bars", bars, "--key-id", "mine"}, "key-id secret"},
		"port in use":          {[]string{"--bars", bars, "--listen", taken.Addr().String()}, "choose another address"},
		"admin port in use":    {[]string{"--bars", bars, "--listen", "127.0.0.1:0", "--admin", taken.Addr().String()}, "--admin"},
		"admin for everybody":  {[]string{"--bars", bars, "--admin", "0.0.0.0:8101"}, "on this machine alone"},
		"admin on all hosts":   {[]string{"--bars", bars, "--admin", ":8101"}, "on this machine alone"},
		"admin without port":   {[]string{"--bars", bars, "--admin", "localhost"}, "127.0.0.1:8101"},
		"fault that is none":   {[]string{"--bars", bars, "--fault", "refuse"}, `{"kind":"refuse"`},
		"unknown fault":        {[]string{"--bars", bars, "--fault", `{"kind":"gremlin"}`}, "gremlin"},
		"misspelt fault":       {[]string{"--bars", bars, "--fault", `{"kind":"delay","dealy":1}`}, "dealy"},
		"unknown switch":       {[]string{"--bars", bars, "--switch", "gremlins=3"}, "rate_limit"},
		"switch without value": {[]string{"--bars", bars, "--switch", "lookup_lag"}, "not a duration"},
		"an argument too many": {[]string{"--bars", bars, "now"}, "unknown command"},
	} {
		code, out, stderr := invoke("", append([]string{"broker"}, c.args...)...)
		if code != 1 || out != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit %d, %q, %q; want %q", name, code, out, stderr, c.want)
		}
	}
}
