package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/market/csvmarket"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// runFlags are the flags of run as they were given.
type runFlags struct {
	bars, asOf, strategies, cash, broker, dir, confirm string
	hold                                               []string
	seed                                               uint64
	asJSON, live                                       bool
}

func newRunCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Play one whole run on this machine, from the schedule to the mail",
		Long: `Run builds the six functions, starts the one-machine cloud and a paper broker,
fires the daily schedule and shows what every function does. The clock is set to
the session to be traded, so that it works at any hour and on bars of any year.

Without --bars the market is made up from --seed. With --broker alpaca the
functions trade your account at Alpaca, now: the keys come from
APCA_API_KEY_ID and APCA_API_SECRET_KEY, the address from APCA_API_BASE_URL
(default: the paper API). Real money needs APCA_API_BASE_URL to be the live
address, --live, and --confirm with the account's number.

Exit codes: 0 the run succeeded; 1 wrong usage or the machine failed;
4 the run ended otherwise, and says how.`,
		Example: `  alchemiser run
  alchemiser run --bars bars --as-of 2018-06-29 --strategies my-strategies
  alchemiser run --cash 25000 --hold MSFT=10 --hold QQQ=3.5 --json
  APCA_API_KEY_ID=… APCA_API_SECRET_KEY=… alchemiser run --broker alpaca`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return playRun(ctx, cmd, f)
		},
	}
	f.account(cmd.Flags())
	cmd.Flags().StringVar(&f.asOf, "as-of", "", "newest session the strategies see, YYYY-MM-DD (default: the newest there is)")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

// account are the flags that choose strategies, broker and account.
func (f *runFlags) account(flags *pflag.FlagSet) {
	flags.StringVar(&f.bars, "bars", "", "folder with one SYMBOL.csv a symbol: date,open,high,low,close,volume")
	flags.StringVar(&f.strategies, "strategies", "", "folder with portfolio.yaml and its .clj files (default: the ones that ship)")
	flags.StringVar(&f.cash, "cash", "100000", "cash of the paper account in USD")
	flags.StringArrayVar(&f.hold, "hold", nil, "a position the paper account begins with, SYMBOL=SHARES; repeatable")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the made-up market and of the paper broker")
	flags.StringVar(&f.broker, "broker", "paper", "paper or alpaca")
	flags.BoolVar(&f.live, "live", false, "with --broker alpaca: allow real money")
	flags.StringVar(&f.confirm, "confirm", "", "with --live: the number of the account")
	flags.StringVar(&f.dir, "dir", "", "folder for mail, logs and events (default: runs/TIME)")
}

func playRun(ctx context.Context, cmd *cobra.Command, f runFlags) error {
	options, err := runOptions(f)
	if err != nil {
		return err
	}
	out := &runPrinter{screen: newScreen(cmd), quiet: f.asJSON}
	options.OnLine, options.OnWait = out.line, out.waits
	out.begin()
	r, err := rehearsal.Start(ctx, options)
	if err != nil {
		return err
	}
	out.ready(r)
	report, err := r.Run(ctx)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if f.asJSON {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		out.report(report)
	}
	if err != nil {
		return err
	}
	if !report.Success || len(report.Problems) > 0 {
		return exitError{code: exitRunFailed}
	}
	return nil
}

// runOptions checks the flags as a whole.
func runOptions(f runFlags) (rehearsal.Options, error) {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	root, err := repository.Root()
	if err != nil {
		return rehearsal.Options{}, err
	}
	o := rehearsal.Options{Root: root, Seed: f.seed, Backoff: local.Run(), Dir: f.dir, Positions: map[string]money.Decimal{}}
	if o.Dir == "" {
		o.Dir = filepath.Join(root, "runs", time.Now().Format("2006-01-02T15-04-05"))
	}
	if f.strategies != "" {
		if o.Strategies, err = filepath.Abs(f.strategies); err != nil {
			bad("--strategies: %w", err)
		}
		if _, err := os.Stat(filepath.Join(o.Strategies, "portfolio.yaml")); err != nil {
			bad("--strategies %s: %w; the folder needs a portfolio.yaml that names and weighs its strategies", f.strategies, err)
		}
	}
	if f.asOf != "" {
		if o.AsOf, err = events.ParseDate(f.asOf); err != nil {
			bad("--as-of: %w", err)
		}
	}
	if o.Cash, err = money.Parse(f.cash); err != nil || o.Cash.Sign() < 0 {
		bad("--cash is %q; expected an amount in USD such as 100000", f.cash)
	}
	for _, h := range f.hold {
		symbol, qty, ok := strings.Cut(h, "=")
		shares, err := money.Parse(qty)
		if !ok || err != nil || shares.Sign() <= 0 || symbol == "" {
			bad("--hold %q; expected SYMBOL=SHARES such as MSFT=10", h)
			continue
		}
		o.Positions[symbol] = shares
	}
	switch f.broker {
	case "paper":
		if f.live || f.confirm != "" {
			bad("--live and --confirm go with --broker alpaca")
		}
		if err := useBars(&o, f); err != nil {
			errs = append(errs, err)
		}
	case "alpaca":
		if f.bars != "" || f.asOf != "" || len(f.hold) > 0 {
			bad("--bars, --as-of and --hold describe the paper broker's world; they do not go with --broker alpaca")
		}
		if o.Alpaca, err = alpacaAccount(f); err != nil {
			errs = append(errs, err)
		}
	default:
		bad("--broker is %q; expected paper or alpaca", f.broker)
	}
	return o, errors.Join(errs...)
}

// useBars chooses the paper broker's market.
func useBars(o *rehearsal.Options, f runFlags) error {
	if f.bars == "" {
		o.Source = synthmarket.New(f.seed)
		return nil
	}
	source, bars, err := readBars(context.Background(), f.bars)
	if err != nil {
		return err
	}
	o.Source, o.Symbols = source, bars.Symbols()
	_, o.Newest = bars.Span()
	return nil
}

// readBars reads every file of a folder of bars.
func readBars(ctx context.Context, folder string) (*csvmarket.Source, market.Bars, error) {
	source := csvmarket.New(os.DirFS(folder))
	symbols, err := source.Symbols()
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(symbols) == 0 {
		return nil, nil, fmt.Errorf("--bars %s: no SYMBOL.csv there", folder)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("--bars %s: %w", folder, err)
	}
	bars, err := source.DailyBars(ctx, market.Request{Symbols: symbols, From: "0001-01-01", To: "9999-12-31"})
	return source, bars, err
}

const (
	alpacaPaper = "https://paper-api.alpaca.markets"
	alpacaLive  = "https://api.alpaca.markets"
	alpacaData  = "https://data.alpaca.markets"
)

// alpacaAccount reads the SDK's usual variables. The live host is refused
// unless the command line says so twice.
func alpacaAccount(f runFlags) (*rehearsal.Alpaca, error) {
	a := &rehearsal.Alpaca{
		BaseURL: orDefault(os.Getenv("APCA_API_BASE_URL"), alpacaPaper), DataURL: orDefault(os.Getenv("APCA_API_DATA_URL"), alpacaData), Feed: "iex",
		KeyID: os.Getenv("APCA_API_KEY_ID"), Secret: os.Getenv("APCA_API_SECRET_KEY"), Live: f.live, AccountNumber: f.confirm,
		Environment: map[string]string{},
	}
	if os.Getenv("APCA_API_OAUTH") != "" {
		return nil, errors.New("APCA_API_OAUTH is set and would win over the keys; unset it")
	}
	if a.KeyID == "" || a.Secret == "" {
		return nil, errors.New("--broker alpaca needs APCA_API_KEY_ID and APCA_API_SECRET_KEY")
	}
	isLive := strings.TrimSuffix(a.BaseURL, "/") == alpacaLive
	switch {
	case isLive && (!f.live || f.confirm == ""):
		return nil, fmt.Errorf("%s trades real money; say so twice: --live and --confirm ACCOUNT_NUMBER", alpacaLive)
	case f.live && !isLive:
		return nil, fmt.Errorf("--live is set, but APCA_API_BASE_URL is %s", a.BaseURL)
	case f.confirm != "" && !f.live:
		return nil, errors.New("--confirm goes with --live")
	}
	return a, nil
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
