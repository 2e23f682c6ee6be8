package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/csvmarket"
	"github.com/alchemiser/alchemiser/pkg/strategy"
	"github.com/spf13/cobra"
)

// signalOptions are the flags of the verb signal.
type signalOptions struct {
	strategy, bars, asOf string
	json, explain        bool
}

func newSignalCommand() *cobra.Command {
	var o signalOptions
	cmd := &cobra.Command{
		Use:   "signal --strategy FILE --bars DIR",
		Short: "Evaluate a strategy on bars from files",
		Long: "Signal says what a strategy would hold, given the bars of a folder: one SYMBOL.csv\n" +
			"per symbol with the columns date,open,high,low,close,volume. It always shows the\n" +
			"plain target: when the strategy was last applied is not looked at.\n" +
			"Exit code 2 when the strategy has errors, 3 when it has no target on these bars.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&o.strategy, "strategy", "", "strategy file (.clj)")
	cmd.Flags().StringVar(&o.bars, "bars", "", "folder with one SYMBOL.csv per symbol")
	cmd.Flags().StringVar(&o.asOf, "as-of", "", "last date whose bars may be used, e.g. 2025-11-28 (default: the newest bar)")
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
	cmd.Flags().BoolVar(&o.explain, "explain", false, "print every decision")
	for _, name := range []string{"strategy", "bars"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // a flag that was not defined above
		}
	}
	cmd.MarkFlagsMutuallyExclusive("json", "explain")
	return cmd
}

func (o signalOptions) run(ctx context.Context, w io.Writer) error {
	src, ds := readStrategy(o.strategy)
	var program *strategy.Program
	if len(ds) == 0 {
		program, ds = strategy.Compile(o.strategy, src)
	}
	if len(ds) > 0 {
		return o.invalid(w, ds)
	}
	found, err := o.load(ctx, program.Symbols())
	if err != nil {
		return o.badBars(w, err)
	}
	asOf, err := o.day(found)
	if err != nil {
		return err
	}
	series, err := seriesOf(found)
	if err != nil {
		return err
	}
	bars, err := strategy.NewBars(series)
	if err != nil {
		return o.badBars(w, err)
	}
	_, receipt, err := strategy.Evaluate(program, bars, asOf)
	receipt.Strategy = strategy.StrategyID(path.Base(filepath.ToSlash(o.strategy)))
	if printing := o.print(w, program, receipt); printing != nil {
		return printing
	}
	if err != nil {
		return exitError{code: exitFailed}
	}
	return nil
}

// load reads the files of the symbols.
func (o signalOptions) load(ctx context.Context, symbols []string) (market.Bars, error) {
	info, err := os.Stat(o.bars)
	if err != nil {
		return nil, fmt.Errorf("folder of bars: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("folder of bars: %s is a file", o.bars)
	}
	bars, err := csvmarket.New(os.DirFS(o.bars)).DailyBars(ctx, market.Request{Symbols: symbols, From: "0001-01-01", To: "9999-12-31"})
	if err != nil {
		var bad *market.BarError
		hint := "correct the file"
		if errors.As(err, &bad) {
			hint = "correct the file of " + bad.Symbol
		}
		return nil, strategy.Diagnostic{File: o.bars, Line: 1, Col: 1, Class: "bad-bars", Message: err.Error(), Hint: hint}
	}
	return bars, nil
}

// day is the as-of date: the one given, or that of the newest bar.
func (o signalOptions) day(bars market.Bars) (strategy.Day, error) {
	date := o.asOf
	if date == "" {
		_, last := bars.Span()
		if last == "" {
			return 0, fmt.Errorf("no bars of the strategy's symbols in %s: give --as-of", o.bars)
		}
		date = string(last)
	}
	day, err := strategy.ParseDay(date)
	if err != nil {
		return 0, fmt.Errorf("--as-of: %w", err)
	}
	return day, nil
}

// seriesOf keeps what a strategy sees of bars.
func seriesOf(found market.Bars) (map[string]strategy.Series, error) {
	all := make(map[string]strategy.Series, len(found))
	for symbol, series := range found {
		s := strategy.Series{Days: make([]strategy.Day, len(series)), Closes: make([]float64, len(series))}
		for i, bar := range series {
			day, err := strategy.ParseDay(string(bar.Date))
			if err != nil {
				return nil, fmt.Errorf("bars of %s: %w", symbol, err)
			}
			s.Days[i], s.Closes[i] = day, bar.Close
		}
		all[symbol] = s
	}
	return all, nil
}

// print prints the result, or that there is none.
func (o signalOptions) print(w io.Writer, p *strategy.Program, receipt *strategy.Receipt) error {
	switch {
	case o.json:
		return printJSON(w, strategy.NewSignalReport(p, receipt))
	case o.explain:
		return receipt.Explain(w)
	case receipt.Error != nil:
		_, err := fmt.Fprintln(w, receipt.Error.String())
		return err
	}
	return receipt.Summary(w)
}

// invalid reports a strategy with static errors.
func (o signalOptions) invalid(w io.Writer, ds strategy.Diagnostics) error {
	if o.json {
		if err := printJSON(w, strategy.NewStaticReport(filepath.ToSlash(o.strategy), ds)); err != nil {
			return err
		}
		return exitError{code: exitInvalid}
	}
	if err := printCheck(w, o.strategy, ds, nil); err != nil {
		return err
	}
	return exitError{code: exitInvalid}
}

// badBars reports bars that cannot be used; other errors pass through.
func (o signalOptions) badBars(w io.Writer, err error) error {
	var d strategy.Diagnostic
	if !errors.As(err, &d) {
		return err
	}
	if !o.json {
		if _, err := fmt.Fprintln(w, d.String()); err != nil {
			return err
		}
		return exitError{code: exitFailed}
	}
	report := strategy.SignalReport{Strategy: strategy.StrategyID(path.Base(filepath.ToSlash(o.strategy))), Error: strategy.NewFailure(d)}
	if day, err := strategy.ParseDay(o.asOf); err == nil {
		report.AsOf = &day
	}
	if err := printJSON(w, report); err != nil {
		return err
	}
	return exitError{code: exitFailed}
}
