package strategy

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// The golden vectors come from an implementation of the language that was
// written apart from this one.
const golden = "testdata/golden"

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// loadBars reads every SYMBOL.csv of a folder.
func loadBars(t testing.TB, dir string) map[string]Series {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no bars in %s", dir)
	}
	all := make(map[string]Series)
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		var s Series
		for _, row := range rows[1:] {
			d, err := ParseDay(row[0])
			if err != nil {
				t.Fatal(err)
			}
			c, err := strconv.ParseFloat(row[4], 64)
			if err != nil {
				t.Fatal(err)
			}
			s.Days, s.Closes = append(s.Days, d), append(s.Closes, c)
		}
		symbol := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".csv"), "_", "/")
		all[symbol] = s
	}
	return all
}

func goldenBars(t testing.TB) *Bars {
	t.Helper()
	b, err := NewBars(loadBars(t, filepath.Join(golden, "bars")))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustDay(t testing.TB, s string) Day {
	t.Helper()
	d, err := ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustCompile(t testing.TB, file string, src []byte) *Program {
	t.Helper()
	p, ds := Compile(file, src)
	if len(ds) > 0 {
		t.Fatal(ds.Error())
	}
	return p
}

func close9(got, want float64) bool { return math.Abs(got-want) <= 1e-9*max(1, math.Abs(want)) }

func TestGoldenIndicators(t *testing.T) {
	var vectors []struct {
		Symbol    string         `json:"symbol"`
		Indicator string         `json:"indicator"`
		Params    map[string]int `json:"params"`
		AsOf      string         `json:"as_of"`
		Value     *float64       `json:"value"`
		Error     string         `json:"error"`
	}
	readJSON(t, filepath.Join(golden, "indicators.json"), &vectors)
	bars := goldenBars(t)
	agreed := 0
	for _, v := range vectors {
		params := ""
		for k, n := range v.Params {
			params += fmt.Sprintf(" :%s %d", k, n)
		}
		src := fmt.Sprintf(`(defsymphony "x" {} (if (> (%s %q {%s}) 0) (asset "A") (asset "B")))`, v.Indicator, v.Symbol, params)
		p := mustCompile(t, "x.clj", []byte(src))
		_, receipt, err := Evaluate(p, bars, mustDay(t, v.AsOf))
		if v.Value == nil {
			var d Diagnostic
			if !errors.As(err, &d) || d.Class != v.Error {
				t.Errorf("%s at %s: got %v, want class %s", src, v.AsOf, err, v.Error)
				continue
			}
		} else if err != nil {
			t.Errorf("%s at %s: %v", src, v.AsOf, err)
			continue
		} else if got := receipt.Decisions[0].If.Comparisons[0].Left; !close9(got, *v.Value) {
			t.Errorf("%s at %s: got %v, want %v", src, v.AsOf, got, *v.Value)
			continue
		}
		agreed++
	}
	t.Logf("indicators: %d of %d agree", agreed, len(vectors))
}

type goldenStrategies struct {
	Strategies map[string]struct {
		SHA256     string                  `json:"sha256"`
		BarsNeeded map[string]int          `json:"bars_needed"`
		Results    map[string]goldenResult `json:"results"`
	} `json:"strategies"`
}

// TestGoldenPlannedHistory evaluates on no more bars than planned.
func TestGoldenPlannedHistory(t *testing.T) {
	var vectors goldenStrategies
	readJSON(t, filepath.Join(golden, "expected.json"), &vectors)
	series := loadBars(t, filepath.Join(golden, "bars"))
	agreed, results := 0, 0
	for file, want := range vectors.Strategies {
		src, err := os.ReadFile(filepath.Join(golden, "strategies", file))
		if err != nil {
			t.Fatal(err)
		}
		p := mustCompile(t, file, src)
		for asOf, w := range want.Results {
			planned := make(map[string]Series)
			for symbol, bars := range p.Plan() {
				s := series[symbol]
				to := sort.Search(len(s.Days), func(i int) bool { return s.Days[i] > mustDay(t, asOf) })
				from := max(0, to-bars)
				planned[symbol] = Series{s.Days[from:to], s.Closes[from:to]}
			}
			results++
			bars, err := NewBars(planned)
			if err != nil {
				t.Fatal(err)
			}
			a, receipt, err := Evaluate(p, bars, mustDay(t, asOf))
			if w.Error != nil {
				w.Error.Message = "" // says how many bars there are
			}
			if problem := w.compare(a, receipt, err); problem != "" {
				t.Errorf("%s at %s: %s", file, asOf, problem)
				continue
			}
			agreed++
		}
	}
	t.Logf("planned history: %d of %d results agree", agreed, results)
}

type goldenResult struct {
	Allocation map[string]string `json:"allocation"`
	NearTie    bool              `json:"near_tie"`
	Decisions  json.RawMessage   `json:"decisions"`
	Error      *Diagnostic       `json:"error"`
	Ranked     []struct {
		Pos    string              `json:"pos"`
		Metric string              `json:"metric"`
		Scores [][]json.RawMessage `json:"scores"`
	} `json:"ranked_composites"`
}

func TestGoldenStrategies(t *testing.T) {
	var vectors goldenStrategies
	readJSON(t, filepath.Join(golden, "expected.json"), &vectors)
	bars := goldenBars(t)
	shared := NewEvaluator(bars)
	agreed, results := 0, 0
	for file, want := range vectors.Strategies {
		src, err := os.ReadFile(filepath.Join(golden, "strategies", file))
		if err != nil {
			t.Fatal(err)
		}
		p := mustCompile(t, file, src)
		if p.SHA256 != want.SHA256 {
			t.Errorf("%s: sha256 %s, want %s", file, p.SHA256, want.SHA256)
		}
		if got := p.Plan(); !reflect.DeepEqual(got, want.BarsNeeded) {
			t.Errorf("%s: bars needed %v, want %v", file, got, want.BarsNeeded)
		}
		for asOf, w := range want.Results {
			results++
			a, receipt, err := shared.Evaluate(p, mustDay(t, asOf))
			fresh, freshReceipt, freshErr := Evaluate(p, bars, mustDay(t, asOf))
			if !reflect.DeepEqual(a, fresh) || !reflect.DeepEqual(receipt, freshReceipt) || !reflect.DeepEqual(err, freshErr) {
				t.Errorf("%s at %s: an evaluator with memory gave another result than a fresh one", file, asOf)
			}
			if problem := w.compare(a, receipt, err); problem != "" {
				t.Errorf("%s at %s: %s", file, asOf, problem)
				continue
			}
			agreed++
		}
	}
	t.Logf("strategies: %d of %d results agree (%d files)", agreed, results, len(vectors.Strategies))
}

// compare says how a result differs from the expected one.
func (w goldenResult) compare(a Allocation, r *Receipt, err error) string {
	if w.Error != nil {
		var d Diagnostic
		if !errors.As(err, &d) || d.Class != w.Error.Class || d.Line != w.Error.Line || d.Col != w.Error.Col {
			return fmt.Sprintf("got %v, want %v", err, *w.Error)
		}
		if w.Error.Message != "" && d.Message != strings.Replace(w.Error.Message, ` {})`, ")", 1) {
			return fmt.Sprintf("message %q, want %q", d.Message, w.Error.Message)
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	if a.Sum() != One {
		return fmt.Sprintf("weights add up to %s", a.Sum())
	}
	got, want := map[string]Weight{}, map[string]Weight{}
	for s, x := range w.Allocation {
		want[s], _ = ParseWeight(x)
		got[s] = 0
	}
	for s, x := range a {
		got[s] = x
	}
	for s, x := range got {
		if d := x - want[s]; d > 1 || d < -1 {
			return fmt.Sprintf("allocation %v, want %v", a, w.Allocation)
		}
	}
	if w.NearTie != r.NearTies() {
		return fmt.Sprintf("near tie %v, want %v", r.NearTies(), w.NearTie)
	}
	if d := w.decisions(r); d != "" {
		return d
	}
	return w.scores(r)
}

func (w goldenResult) decisions(r *Receipt) string {
	var taken []any
	for _, d := range r.Decisions {
		pos := fmt.Sprintf("%d:%d", d.Line, d.Col)
		switch {
		case d.If != nil:
			taken = append(taken, []any{pos, d.If.Branch})
		case d.Filter != nil:
			labels := []any{}
			for _, l := range d.Filter.Selected {
				labels = append(labels, l)
			}
			taken = append(taken, []any{pos, labels})
		}
	}
	var want any
	if err := json.Unmarshal(w.Decisions, &want); err != nil {
		return err.Error()
	}
	if n, ok := want.(float64); ok {
		if int(n) != len(taken) {
			return fmt.Sprintf("%d decisions, want %v", len(taken), n)
		}
		return ""
	}
	if len(want.([]any)) == 0 && len(taken) == 0 {
		return ""
	}
	if !reflect.DeepEqual(any(taken), want) {
		return fmt.Sprintf("decisions\n%v, want\n%v", taken, want)
	}
	return ""
}

func (w goldenResult) scores(r *Receipt) string {
	for _, ranked := range w.Ranked {
		var found *FilterDecision
		for _, d := range r.Decisions {
			if d.Filter != nil && ranked.Pos == fmt.Sprintf("%d:%d", d.Line, d.Col) {
				found = d.Filter
			}
		}
		if found == nil || found.Metric != ranked.Metric || len(found.Candidates) != len(ranked.Scores) {
			return fmt.Sprintf("no filter %s with %d candidates at %s", ranked.Metric, len(ranked.Scores), ranked.Pos)
		}
		used := make([]bool, len(found.Candidates))
	scores:
		for _, s := range ranked.Scores {
			var label, kind string
			var score *float64
			_ = json.Unmarshal(s[0], &label)
			_ = json.Unmarshal(s[1], &kind)
			_ = json.Unmarshal(s[2], &score)
			for i, c := range found.Candidates {
				if !used[i] && c.Label == label && c.Kind == kind && (c.Score == nil) == (score == nil) &&
					(score == nil || close9(*c.Score, *score)) {
					used[i] = true
					continue scores
				}
			}
			return fmt.Sprintf("filter at %s has no %s %q with score %s", ranked.Pos, kind, label, s[2])
		}
	}
	return ""
}

func TestGoldenInvalid(t *testing.T) {
	var vectors map[string][]Diagnostic
	readJSON(t, filepath.Join(golden, "invalid", "expected.json"), &vectors)
	agreed := 0
	for file, want := range vectors {
		src, err := os.ReadFile(filepath.Join(golden, "invalid", file))
		if err != nil {
			t.Fatal(err)
		}
		got := Check(file, src)
		same := len(got) == len(want)
		for i := 0; same && i < len(want); i++ {
			same = got[i].Line == want[i].Line && got[i].Col == want[i].Col && got[i].Class == want[i].Class
		}
		if !same {
			t.Errorf("%s: got\n%v\nwant\n%v", file, got, Diagnostics(want))
			continue
		}
		agreed++
	}
	t.Logf("invalid: %d of %d files agree", agreed, len(vectors))
}

func TestGoldenRounding(t *testing.T) {
	var vectors []struct {
		Weights  map[string]float64 `json:"weights"`
		Expected map[string]string  `json:"expected"`
	}
	readJSON(t, filepath.Join(golden, "rounding.json"), &vectors)
	for i, v := range vectors {
		a, err := Round(v.Weights)
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		if got := asStrings(a); !reflect.DeepEqual(got, v.Expected) {
			t.Errorf("%d: got %v, want %v", i, got, v.Expected)
		}
	}
	t.Logf("rounding: %d vectors", len(vectors))
}

func asStrings(a Allocation) map[string]string {
	m := make(map[string]string, len(a))
	for s, w := range a {
		m[s] = w.String()
	}
	return m
}

func TestGoldenMerging(t *testing.T) {
	var vectors []struct {
		Slices []struct {
			Strategy   string            `json:"strategy"`
			Weight     Weight            `json:"weight"`
			Allocation map[string]Weight `json:"allocation"`
		} `json:"slices"`
		Cash        Weight                       `json:"cash"`
		Merged      map[string]string            `json:"merged"`
		Attribution map[string]map[string]string `json:"attribution"`
	}
	readJSON(t, filepath.Join(golden, "merging.json"), &vectors)
	for i, v := range vectors {
		var slices []Slice
		for _, s := range v.Slices {
			slices = append(slices, Slice{s.Strategy, s.Weight, s.Allocation})
		}
		m, err := Merge(slices, v.Cash)
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		if got := asStrings(m.Allocation); !reflect.DeepEqual(got, v.Merged) {
			t.Errorf("%d: got %v, want %v", i, got, v.Merged)
		}
		attribution := map[string]map[string]string{}
		for s, by := range m.Attribution {
			attribution[s] = map[string]string{}
			for strategy, e := range by {
				attribution[s][strategy] = e.String()
			}
		}
		if !reflect.DeepEqual(attribution, v.Attribution) {
			t.Errorf("%d: attribution %v, want %v", i, attribution, v.Attribution)
		}
	}
	t.Logf("merging: %d vectors", len(vectors))
}

func TestGoldenRebalance(t *testing.T) {
	var vectors []struct {
		Frequency  string             `json:"frequency"`
		Threshold  string             `json:"threshold"`
		Last       *Day               `json:"last_applied_trade_date"`
		TradeDate  Day                `json:"trade_date"`
		Same       bool               `json:"same_content"`
		Applied    map[string]Weight  `json:"applied"`
		Factors    map[string]float64 `json:"price_factors"`
		Target     map[string]Weight  `json:"target"`
		Current    map[string]float64 `json:"current"`
		Apply      bool               `json:"apply"`
		Reason     string             `json:"reason"`
		Difference *float64           `json:"largest_difference"`
	}
	readJSON(t, filepath.Join(golden, "rebalance.json"), &vectors)
	for i, v := range vectors {
		if len(v.Applied) == 0 { // a vector about dates alone
			v.Applied = map[string]Weight{"A": One}
			v.Factors = map[string]float64{"A": 1}
		}
		rule := Rule{Frequency: Frequency(strings.TrimPrefix(v.Frequency, ":"))}
		if v.Threshold != "" {
			rule.Threshold, _ = strconv.ParseFloat(v.Threshold, 64)
		}
		var last *Applied
		if v.Last != nil {
			last = &Applied{SHA256: "same", TradeDate: *v.Last, Weights: v.Applied}
		}
		sha := "same"
		if !v.Same {
			sha = "other"
		}
		factor := func(s string) (float64, bool) { f, ok := v.Factors[s]; return f, ok }
		got, err := rule.Decide(sha, v.Target, v.TradeDate, last, factor, false)
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		if got.Apply != v.Apply || got.Reason != v.Reason {
			t.Errorf("%d: got %v %q, want %v %q", i, got.Apply, got.Reason, v.Apply, v.Reason)
		}
		for s, w := range v.Current {
			if !close9(got.Current[s], w) {
				t.Errorf("%d: current weight of %s is %v, want %v", i, s, got.Current[s], w)
			}
		}
		if v.Difference != nil && !close9(*got.LargestDifference, *v.Difference) {
			t.Errorf("%d: largest difference %v, want %v", i, *got.LargestDifference, *v.Difference)
		}
		if !got.Apply && got.Weights.Sum() != One {
			t.Errorf("%d: held weights add up to %s", i, got.Weights.Sum())
		}
	}
	t.Logf("rebalance: %d vectors", len(vectors))
}
