package sim

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/alchemiser/alchemiser/pkg/strategy"
)

// pool is what strategies choose from; one symbol has a character that client
// order ids cannot carry.
func pool() []string {
	return []string{"AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH", "IVV", "JJJ", "KKK", "LL.B"}
}

// bundles is how many different bundles of strategies there are. They are
// compiled once: compiling is not what a world is about.
const bundles = 256

var compiled sync.Map // int → *strategy.Portfolio

// bundle is a folder of generated strategies, loaded as signal loads its own.
func bundle(n int) *strategy.Portfolio {
	if p, ok := compiled.Load(n); ok {
		return p.(*strategy.Portfolio)
	}
	p, diagnostics := strategy.LoadPortfolio(bundleFiles(n))
	if len(diagnostics) > 0 {
		panic(fmt.Sprintf("sim: bundle %d: %v", n, diagnostics))
	}
	compiled.Store(n, p)
	return p
}

// folder is a file system of texts.
type folder map[string]string

func (f folder) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
}

func (f folder) ReadFile(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

func bundleFiles(n int) folder {
	r := stream(uint64(n), "bundle")
	out := make(folder)
	symbols := pool()
	r.Shuffle(len(symbols), func(i, j int) { symbols[i], symbols[j] = symbols[j], symbols[i] })
	symbols = symbols[:2+r.IntN(len(symbols)-2)]
	count := 1 + r.IntN(3)
	cash := pick(r, 0, 0, 5, 10, 40)
	left := 100 - cash
	var yaml strings.Builder
	fmt.Fprintf(&yaml, "version: 1\nstrategies:\n")
	for i := range count {
		share := left
		if i < count-1 {
			share = max(1, left*(20+r.IntN(60))/100)
		}
		left -= share
		name := fmt.Sprintf("s%d.clj", i)
		out[name] = strategyText(r, fmt.Sprintf("Strategy %d of bundle %d", i, n), symbols)
		fmt.Fprintf(&yaml, "  - strategy: %s\n    weight: \"%d.%02d\"\n", name, share/100, share%100)
	}
	fmt.Fprintf(&yaml, "cash: \"0.%02d\"\n", cash)
	out[strategy.PortfolioFile] = yaml.String()
	return out
}

func strategyText(r *rand.Rand, title string, symbols []string) string {
	some := func(n int) []string {
		all := slices.Clone(symbols)
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all[:min(n, len(all))]
	}
	asset := func(s string) string { return fmt.Sprintf("(asset %q)", s) }
	equal := func(of []string) string {
		var b strings.Builder
		for _, s := range of {
			b.WriteString(" " + asset(s))
		}
		return "(weight-equal [" + strings.TrimSpace(b.String()) + "])"
	}
	var body string
	one := some(2)
	switch r.IntN(4) {
	case 0:
		body = equal(some(1 + r.IntN(6)))
	case 1:
		body = fmt.Sprintf("(if (> (current-price %q) (moving-average-price %q {:window %d})) [(weight-specified 0.%d %s 0.%d %s)] [%s])",
			one[0], one[0], 3+r.IntN(6), 3, asset(one[0]), 7, asset(one[1]), equal(some(1+r.IntN(4))))
	case 2:
		of := some(3 + r.IntN(5))
		var b strings.Builder
		for _, s := range of {
			b.WriteString(" " + asset(s))
		}
		body = fmt.Sprintf("(filter (cumulative-return {:window %d}) (select-top %d) [%s])", 2+r.IntN(7), 1+r.IntN(min(3, len(of))), strings.TrimSpace(b.String()))
	default:
		body = fmt.Sprintf("(if (> (cumulative-return %q {:window %d}) (cumulative-return %q {:window %d})) [%s] [%s])",
			one[0], 2+r.IntN(7), one[1], 2+r.IntN(7), asset(one[0]), equal(some(2+r.IntN(3))))
	}
	rule := pick(r, ":rebalance-frequency :daily", ":rebalance-frequency :daily", ":rebalance-frequency :weekly", ":rebalance-threshold 0.05")
	return fmt.Sprintf("(defsymphony %q {:asset-class \"EQUITIES\", %s}\n  %s)\n", title, rule, body)
}
