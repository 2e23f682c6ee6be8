package csvmarket_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/csvmarket"
	"github.com/alchemiser/alchemiser/pkg/market/markettest"
)

const head = "date,open,high,low,close,volume\n"

func folder(files map[string]string) fstest.MapFS {
	m := make(fstest.MapFS)
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func ExampleNew() {
	source := csvmarket.New(folder(map[string]string{
		"MSFT.csv": head + "2026-11-23,470,475.5,468,472.25,2.1e7\n2026-11-24,472,474,470,473,18000000\n",
	}))
	bars, err := source.DailyBars(context.Background(), market.Request{Symbols: []string{"MSFT", "NONE"}, From: "2026-11-01", To: "2026-11-23"})
	fmt.Println(bars, err)
	// Output: map[MSFT:[{2026-11-23 470 475.5 468 472.25 21000000}]] <nil>
}

func TestSymbols(t *testing.T) {
	files := folder(map[string]string{"QQQ.csv": head, "BRK_B.csv": head + "2026-11-23,1,1,1,1,\r\n", "README.md": "x"})
	source := csvmarket.New(files)
	got, err := source.Symbols()
	if err != nil || !slices.Equal(got, []string{"BRK/B", "QQQ"}) {
		t.Errorf("symbols %v, %v", got, err)
	}
	bars, err := source.DailyBars(context.Background(), market.Request{Symbols: []string{"BRK/B", "QQQ", "../BRK_B"}, From: "2026-01-01", To: "2026-12-31"})
	if err != nil || len(bars) != 1 || len(bars["BRK/B"]) != 1 {
		t.Errorf("bars %v, %v", bars, err)
	}
}

func TestErrorsNameTheLineAndTheRemedy(t *testing.T) {
	const good = "2026-11-23,1,2,1,2,10\n"
	for name, c := range map[string]struct{ text, want string }{
		"no header":       {good, "X.csv:1: the first line is"},
		"empty":           {"", "it must be \"date,open"},
		"too few fields":  {head + good + "2026-11-24,1,2,1,2\n", "X.csv:3: 5 fields"},
		"too many fields": {head + "2026-11-24,1,2,1,2,3,4\n", "X.csv:2: 7 fields"},
		"bad date":        {head + "24.11.2026,1,2,1,2,3\n", "expected a form like 2026-11-24"},
		"no such date":    {head + "2026-02-30,1,2,1,2,3\n", "X.csv:2: the date"},
		"zero price":      {head + "2026-11-24,1,2,0,2,3\n", "X.csv:2: the low is \"0\""},
		"NaN":             {head + "2026-11-24,1,NaN,1,2,3\n", "the high is \"NaN\""},
		"infinite":        {head + "2026-11-24,Inf,2,1,2,3\n", "the open is"},
		"null close":      {head + "2026-11-24,1,2,1,null,3\n", "the close is \"null\""},
		"bad volume":      {head + "2026-11-24,1,2,1,2,-3\n", "the volume is \"-3\""},
		"twice":           {head + good + good, "X.csv:3: 2026-11-23 does not come after 2026-11-23"},
	} {
		source := csvmarket.New(folder(map[string]string{"X.csv": c.text}))
		bars, err := source.DailyBars(context.Background(), market.Request{Symbols: []string{"X"}, From: "2026-01-01", To: "2026-12-31"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want an error with %q", name, bars, err, c.want)
		}
	}
}

func TestRealFolder(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "..", "shared", "data", "bars")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real bars beside the repository: %v", err)
	}
	source := csvmarket.New(os.DirFS(dir))
	symbols, err := source.Symbols()
	if err != nil || len(symbols) != 30 {
		t.Fatalf("%d symbols, %v", len(symbols), err)
	}
	bars, err := source.DailyBars(context.Background(), market.Request{Symbols: symbols, From: "2015-12-15", To: "2020-12-11"})
	if err != nil || len(bars) != 30 {
		t.Fatalf("%d series, %v", len(bars), err)
	}
	var calendar market.Calendar
	sessions := calendar.Sessions("2015-12-15", "2020-12-11")
	for symbol, series := range bars {
		if err := series.Validate(symbol); err != nil {
			t.Error(err)
		}
		if first, last := (market.Bars{symbol: series}).Span(); first != "2015-12-15" || last != "2020-12-11" || len(series) != len(sessions) {
			t.Errorf("%s: %d bars from %s to %s, %d sessions", symbol, len(series), first, last, len(sessions))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "2026-11-24,1,2,1,2,3\n"))
	f.Add([]byte(head + "2026-11-24,1e300,2,1,2,1e30\n\n2026-11-25,1,1,1,1,"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		series, err := csvmarket.Parse("X.csv", raw)
		if err != nil {
			return
		}
		if err := series.Validate("X"); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkDailyBars(b *testing.B) {
	var text strings.Builder
	text.WriteString(head)
	var calendar market.Calendar
	sessions := calendar.Sessions("2024-10-01", "2026-11-27")
	for i, s := range sessions[len(sessions)-520:] {
		fmt.Fprintf(&text, "%s,%d.123456,%d.5,%d.25,%d.375,%d\n", s.Date, 100+i, 102+i, 99+i, 101+i, 1000000+i)
	}
	files := make(map[string]string)
	var symbols []string
	for i := range 300 {
		symbols = append(symbols, fmt.Sprintf("S%03d", i))
		files[symbols[i]+".csv"] = text.String()
	}
	dir := folder(files)
	for b.Loop() {
		bars, err := csvmarket.New(dir).DailyBars(context.Background(), market.Request{Symbols: symbols, From: "2024-01-01", To: "2027-01-01"})
		if err != nil || len(bars) != 300 {
			b.Fatal(len(bars), err)
		}
	}
}

func TestConformance(t *testing.T) {
	var text strings.Builder
	text.WriteString(head)
	var calendar market.Calendar
	for i, s := range calendar.Sessions(markettest.First.AddDays(-10), markettest.Last.AddDays(1)) {
		fmt.Fprintf(&text, "%s,%d,%d.5,%d,%d.25,%d\n", s.Date, 100+i, 102+i, 99+i, 101+i, 1000+i)
	}
	markettest.Run(t, func(*testing.T) market.Source {
		return csvmarket.New(folder(map[string]string{"AAA.csv": text.String(), "BBB.csv": text.String()}))
	})
}
