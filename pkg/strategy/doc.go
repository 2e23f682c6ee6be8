// Package strategy is the strategy language: it reads a file that says which
// symbols to hold in which weights, checks it, and evaluates it on daily bars.
// Everything here is a pure function of its arguments; the only input and
// output is the file system given to LoadPortfolio. docs/strategy-language.md
// describes the language.
//
// One file, from text to weights:
//
//	program, diagnostics := strategy.Compile("trend.clj", src) // Diagnostics: file:line:col, class, hint
//	need := program.Plan()                                     // bars per symbol; fetch at least MinimumSessions
//	bars, err := strategy.NewBars(map[string]strategy.Series{"QQQ": {Days: days, Closes: closes}})
//	target, receipt, err := strategy.Evaluate(program, bars, asOf) // err is a Diagnostic; receipt is never nil
//
// A whole portfolio, as a run of the signal stage does it:
//
//	portfolio, diagnostics := strategy.LoadPortfolio(os.DirFS("strategies"))
//	evaluator := strategy.NewEvaluator(bars)
//	for _, entry := range portfolio.Entries {
//		target, receipt, err := evaluator.Evaluate(entry.Program, asOf)
//		outcome, err := entry.Program.Rule.Decide(entry.Program.SHA256, target, tradeDate, last, bars.FactorsSince(last.AsOf, asOf), false)
//		receipt.Rebalance = &outcome
//		slices = append(slices, strategy.Slice{Strategy: entry.ID, Weight: entry.Weight, Allocation: outcome.Weights})
//	}
//	merged, err := strategy.Merge(slices, portfolio.Cash)
package strategy
