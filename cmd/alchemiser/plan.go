package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/strategy"
	"github.com/alchemiser/alchemiser/services/portfolio"
	"github.com/alchemiser/alchemiser/services/signal"
)

// planFlags say for which account and with which strategies to plan.
type planFlags struct {
	where
	runFlags runFlags
	asJSON   bool
}

func newPlanCommand() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan [SYMBOL]",
		Short: "Show what would be traded now: no order, no event",
		Long: `Plan does what signal and portfolio would do in a run that begins now, with the
settings and keys of the environment, the account as it is, fresh bars, and the
strategies of a folder (default: the ones that ship). It sends no order, publishes
no event and writes nothing. With SYMBOL it says why of that one, as
alchemiser why does.

Where the market is closed, prices may be old; their times are shown. A plan that
portfolio would refuse is refused here, with every reason.

With --broker alpaca no environment is asked: the account is that of
APCA_API_KEY_ID and APCA_API_SECRET_KEY (as for alchemiser run), the settings are
those of dev, and what strategies applied last is not known.

--json prints one object: session, as_of_session, control_state, market_open,
notes, "signal" and "plan" (the payloads of SignalGenerated and RebalancePlanned)
and "decisions" (the strategies' receipts).

Exit codes: 0 planned; 1 wrong usage or no answer; 2 a strategy with errors in it;
4 a run would end here, as it says; 5 the plan has nothing to do with SYMBOL.`,
		Example: `  alchemiser plan --env prod
  alchemiser plan --env prod --strategies my-strategies
  alchemiser plan TQQQ --env staging
  APCA_API_KEY_ID=… APCA_API_SECRET_KEY=… alchemiser plan --broker alpaca`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&f.runFlags.strategies, "strategies", "", "folder with portfolio.yaml and its .clj files (default: the ones that ship)")
	cmd.Flags().StringVar(&f.runFlags.broker, "broker", "", "alpaca: the account of the keys in the environment, instead of --env")
	cmd.Flags().BoolVar(&f.runFlags.live, "live", false, "with --broker alpaca: look at real money")
	cmd.Flags().StringVar(&f.runFlags.confirm, "confirm", "", "with --live: the number of the account")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	cmd.MarkFlagsMutuallyExclusive("broker", "env")
	return cmd
}

func (f *planFlags) run(cmd *cobra.Command, args []string) error {
	bundle, err := f.bundle(cmd)
	if err != nil {
		return err
	}
	show := func(ctx context.Context, d *desk, where *place) error {
		v, err := d.preview(ctx, bundle)
		if err != nil {
			return wouldEnd(err)
		}
		return f.print(cmd, args, v, where)
	}
	switch f.runFlags.broker {
	case "":
		return f.at(cmd, false, "planning for", func(ctx context.Context, p *place) error {
			d, err := p.desk(ctx)
			if err != nil {
				return err
			}
			return show(ctx, d, p)
		})
	case "alpaca":
		account, err := alpacaAccount(f.runFlags)
		if err != nil {
			return err
		}
		stop := progress(cmd, "planning for the account at Alpaca")
		defer stop()
		d, err := alpacaDesk(cmd.Context(), account)
		if err != nil {
			return err
		}
		return show(cmd.Context(), d, &place{title: "the account at Alpaca"})
	}
	return fmt.Errorf("--broker is %q; expected alpaca, or leave it out and name an environment with --env", f.runFlags.broker)
}

// bundle are the strategies to plan with.
func (f *planFlags) bundle(cmd *cobra.Command) (*strategy.Portfolio, error) {
	dir := f.runFlags.strategies
	if dir == "" {
		root, err := repository.Root()
		if err != nil {
			return nil, fmt.Errorf("%w, or name a folder with --strategies", err)
		}
		dir = filepath.Join(root, "services", "signal", "strategies")
	}
	if _, err := os.Stat(filepath.Join(dir, "portfolio.yaml")); err != nil {
		return nil, fmt.Errorf("--strategies %s: %w; the folder needs a portfolio.yaml that names and weighs its strategies", dir, err)
	}
	bundle, broken := strategy.LoadPortfolio(os.DirFS(dir))
	if len(broken) == 0 {
		return bundle, nil
	}
	for i := range broken {
		broken[i].File = filepath.Join(dir, filepath.FromSlash(broken[i].File))
	}
	if err := printCheck(cmd.ErrOrStderr(), dir, broken, nil); err != nil {
		return nil, err
	}
	return nil, exitError{code: exitInvalid}
}

// wouldEnd is the failure that would end the run.
func wouldEnd(err error) error {
	var e *stage.Error
	if !errors.As(err, &e) {
		return err
	}
	var b strings.Builder
	kind := "a run now would fail"
	if !e.Final {
		kind = "a run now would try again"
	}
	fmt.Fprintf(&b, "%s: %v", kind, e)
	for _, k := range slices.Sorted(keysOf(e.Details)) {
		fmt.Fprintf(&b, "\n  %s: %s", k, e.Details[k])
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "\n  → %s", e.Hint)
	}
	return exitError{exitRunFailed, errors.New(b.String())}
}

// preview is what a run that begins now would do.
type preview struct {
	session market.Session
	control ledger.Control
	clock   broker.Clock
	now     time.Time
	history *history
}

// preview plans through the handlers of signal and portfolio, on a ledger that
// forgets what they write and a broker that takes no order.
func (d *desk) preview(ctx context.Context, bundle *strategy.Portfolio) (*preview, error) {
	v := &preview{now: d.clock.Now()}
	var calendar market.Calendar
	session, ok := calendar.Session(events.DateOf(v.now, market.NewYork()))
	if !ok || !v.now.Before(session.Close) {
		if session, ok = calendar.Next(events.DateOf(v.now, market.NewYork())); !ok {
			return nil, fmt.Errorf("the calendar knows no session after %s", v.now)
		}
	}
	v.session = session
	var err error
	if v.control, err = d.ledger.Control(ctx, d.account); err != nil {
		return nil, err
	}
	if v.clock, err = d.broker.Clock(ctx); err != nil {
		return nil, fmt.Errorf("read the market's clock: %w", err)
	}
	slot := v.now.UTC().Truncate(time.Minute)
	in := d.envelope(slot, &events.WorkflowStarted{
		Session: session.Date, Slot: slot.Format("2006-01-02T15:04Z"), Schedule: previewSchedule, SessionOpen: events.At(session.Open),
		SessionClose: events.At(session.Close), EarlyClose: session.EarlyClose, RequestedBy: "cli", ControlState: v.control.State,
	}, v.now)
	s := &signal.Signal{Config: d.signal, Account: d.account, Portfolio: bundle, Source: d.source, Calendar: calendar, Ledger: d.ledger, Clock: d.clock, Tasks: env.Goroutines()}
	wanted, err := one(s.WorkflowStarted(ctx, in))
	if err != nil {
		return nil, err
	}
	target := d.envelope(slot, wanted, v.now)
	p := &portfolio.Portfolio{Config: d.portfolio, Account: d.account, Ledger: d.ledger, Broker: watched{d.broker}, Clock: d.clock, Tasks: env.Goroutines()}
	planned, err := one(p.SignalGenerated(ctx, target))
	if err != nil {
		return nil, err
	}
	// The receipts were written beside the ledger; they are read back as a run's.
	where := &place{ledger: d.ledger}
	if v.history, err = where.history(ctx, in.CorrelationID); err != nil {
		return nil, err
	}
	v.history.meta = &ledger.Meta{State: ledger.RunClosed, Outcome: "PREVIEW", Account: d.account, TradingMode: d.mode}
	v.history.events = append(v.history.events, target, d.envelope(slot, planned, v.now))
	return v, nil
}

// previewSchedule is the schedule in the run key of a preview, which no run has.
const previewSchedule = "preview"

// envelope wraps a payload as an event of a dry run. It is never published.
func (d *desk) envelope(slot time.Time, p events.Payload, now time.Time) events.Envelope {
	key := d.account + "/" + previewSchedule + "/" + slot.Format("2006-01-02T15:04Z")
	command := events.CommandID(key)
	return events.Envelope{
		EventID: events.EventID(command, p.EventType(), 0), EventType: p.EventType(), CorrelationID: events.RunID(key), CausationID: command, RunKey: key,
		Account: d.account, TradingMode: d.mode, DryRun: true, NotAfter: events.At(now.Add(15 * time.Minute)), Timestamp: events.At(now), Payload: p,
	}
}

// one is the only event that a handler answers with.
func one(out []events.Event, err error) (events.Payload, error) {
	if err != nil {
		return nil, err
	}
	if len(out) != 1 {
		return nil, fmt.Errorf("a stage answered with %d events, one is expected", len(out))
	}
	return out[0].Payload, nil
}

// notes say what a person should know before trusting the plan.
func (v *preview) notes() []string {
	var notes []string
	if v.control.State != events.Active {
		what := "would be skipped"
		if v.control.State == events.Reducing {
			what = "would sell only"
		}
		notes = append(notes, fmt.Sprintf("The account is %s (%s, by %s): a run %s.", v.control.State, v.control.Reason, v.control.SetBy, what))
	}
	if !v.clock.IsOpen {
		notes = append(notes, "The market is closed: a run now would be skipped, and prices may be old.")
	}
	if lag := v.clock.Now.Sub(v.now).Abs(); lag > 30*time.Second {
		notes = append(notes, fmt.Sprintf("This machine's clock and the broker's differ by %s: a run would fail (clock_skew).", lag.Round(time.Second)))
	}
	return notes
}

// planDocument is what plan --json prints.
type planDocument struct {
	Session      events.Date              `json:"session"`
	AsOfSession  events.Date              `json:"as_of_session"`
	ControlState events.ControlState      `json:"control_state"`
	MarketOpen   bool                     `json:"market_open"`
	Notes        []string                 `json:"notes"`
	Signal       *events.SignalGenerated  `json:"signal"`
	Plan         *events.RebalancePlanned `json:"plan"`
	Decisions    []*strategy.Receipt      `json:"decisions"`
}

func (f *planFlags) print(cmd *cobra.Command, args []string, v *preview, where *place) error {
	h := v.history
	if f.asJSON {
		return printJSON(cmd.OutOrStdout(), planDocument{
			v.session.Date, h.target().AsOfSession, v.control.State, v.clock.IsOpen, orEmpty(v.notes()), h.target(), h.plan(), orEmpty(h.receipts),
		})
	}
	s := newScreen(cmd)
	s.printf("%s\n", s.paint(bold, "What a run in "+where.title+" would trade now; nothing is sent"))
	s.printf("  session %s, %s (%s), it is %s in New York\n", v.session.Date, h.meta.Account, h.meta.TradingMode, v.now.In(market.NewYork()).Format("2006-01-02 Mon 15:04"))
	for _, n := range v.notes() {
		s.text("  ", s.paint(care, n))
	}
	if len(args) == 0 {
		printer := &showPrinter{screen: s, place: where, h: h, preview: true}
		for _, w := range printer.warnings() {
			s.text("  ", s.paint(care, w))
		}
		printer.decisions()
		printer.plan()
		return nil
	}
	symbol := strings.ToUpper(args[0])
	for _, r := range h.reasons() {
		if r.Symbol == symbol {
			s.printf("\n")
			printReason(s, h, r)
			return nil
		}
	}
	return exitError{exitNotFound, fmt.Errorf("the plan has nothing to do with %s: it is neither held nor named by a strategy", symbol)}
}

// watched is a broker that takes no order.
type watched struct{ broker.Broker }

var errPreview = errors.New("a preview sends nothing to the broker")

func (watched) Submit(context.Context, broker.OrderRequest) (broker.Order, error) {
	return broker.Order{}, errPreview
}

func (watched) Cancel(context.Context, string) error { return errPreview }

// quiet logs warnings for a person and nothing else.
func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
