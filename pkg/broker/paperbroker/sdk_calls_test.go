package paperbroker_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alpacahq/alpaca-trade-api-go/v3/alpaca"
	"github.com/alpacahq/alpaca-trade-api-go/v3/marketdata"
)

// A program of our own makes every call of Alpaca's client that the product
// makes; a call that the product learns to make is missed here until that
// program makes it, too.
func TestEveryCallOfTheGoClient(t *testing.T) {
	w := newWorld(t, validReplies, holding)
	program := exec.CommandContext(t.Context(), "go", "run", "./testdata/sdkcalls", "BBB")
	program.Env = append(os.Environ(), "APCA_API_BASE_URL="+w.URL, "APCA_API_DATA_URL="+w.URL, "APCA_API_KEY_ID=id", "APCA_API_SECRET_KEY=secret")
	program.Stderr = os.Stderr
	out, err := program.Output()
	if err != nil {
		t.Fatalf("%v after\n%s", err, out)
	}
	made := strings.Fields(string(out))
	for _, call := range callsOfTheProduct(t) {
		if !slices.Contains(made, call) {
			t.Errorf("the product calls %s, the program does not", call)
		}
	}
	if orders := w.Orders(); len(orders) != 1 || orders[0].ClientID != "sdkcalls" || orders[0].Status != "canceled" {
		t.Errorf("orders %+v", orders)
	}
}

// callsOfTheProduct are the methods of the client that the sources of our
// drivers name.
func callsOfTheProduct(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"../alpacabroker/*.go", "../../market/alpacamarket/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources in %s: %v", pattern, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range regexp.MustCompile(`(?:\)|\bapi|\bclient)\.([A-Z]\w+)`).FindAllStringSubmatch(string(source), -1) {
				if ofTheClient(m[1]) && !slices.Contains(out, m[1]) {
					out = append(out, m[1])
				}
			}
		}
	}
	if len(out) < 13 {
		t.Errorf("only %v were found", out)
	}
	return out
}

func ofTheClient(name string) bool {
	for _, client := range []any{&alpaca.Client{}, &marketdata.Client{}} {
		if _, ok := reflect.TypeOf(client).MethodByName(name); ok {
			return true
		}
	}
	return false
}
