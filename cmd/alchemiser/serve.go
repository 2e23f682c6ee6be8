package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/cloudwatch"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/market"
)

// serveFlags are the flags of serve beside those it shares with run.
type serveFlags struct {
	runFlags
	clockAt, data, admin string
	trade                bool
}

func newServeCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Keep the cloud running on this machine; schedules fire by themselves",
		Long: `Serve builds the six functions and keeps the one-machine cloud running: the
schedules fire at their times. Every invocation is shown, and every alarm of the
templates when it begins or ceases to fire. The daily run is disabled in the
template that serve uses; --trade enables it. Without --trade only the sweep runs,
which looks after runs that did not end.

Ledger and paper account are kept in --data over restarts: whatever was answered
is in its files, even if the process is killed. One process at a time may use the
folder. The first SIGINT or SIGTERM lets what is under way finish, the second one
ends at once.

With --admin the cloud can be watched and disturbed while it serves, on an address
of this machine alone: GET /_local/snapshot (queues, alarms, events, denials);
POST /_local/faults, /_local/schedules/NAME?planned=TIME and /_local/quiesce;
DELETE /_local/faults.

Broker and account are chosen as for run. A missed daily run is not made up for.

Exit codes: 0 ended by a signal; 1 wrong usage or the machine failed.`,
		Example: `  alchemiser serve --trade
  alchemiser serve --trade --clock-at 2024-03-13T09:34:00
  alchemiser serve --admin 127.0.0.1:8200
  curl -X POST http://127.0.0.1:8200/_local/schedules/alchemiser-dev-start-daily
  APCA_API_KEY_ID=… APCA_API_SECRET_KEY=… alchemiser serve --trade --broker alpaca`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal is the system's: it ends at once, and the functions with it
			return serve(ctx, cmd, f)
		},
	}
	f.account(cmd.Flags())
	cmd.Flags().BoolVar(&f.trade, "trade", false, "enable the daily run")
	cmd.Flags().StringVar(&f.data, "data", "", "folder for the ledger and the paper account (default: runs/data/BROKER)")
	cmd.Flags().StringVar(&f.admin, "admin", "", "address of the admin API on this machine (default: none)")
	cmd.Flags().StringVar(&f.clockAt, "clock-at", "", "time in New York at which a rehearsal clock begins, YYYY-MM-DDTHH:MM:SS; paper only (default: now)")
	return cmd
}

func serve(ctx context.Context, cmd *cobra.Command, f serveFlags) error {
	if err := onThisMachine(f.admin); err != nil {
		return err
	}
	options, err := serveOptions(f)
	if err != nil {
		return err
	}
	out := servePrinter{w: cmd.OutOrStdout()}
	options.OnLine = out.line
	options.OnAlarm = out.alarm
	out.printf("Building the six functions and starting the cloud …\n")
	// The end of the context must not cut what is under way: Serve lets it finish.
	r, err := rehearsal.Start(context.WithoutCancel(ctx), options)
	if err != nil {
		return err
	}
	out.ready(r, options)
	if f.admin != "" {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.admin)
		if err != nil {
			return errors.Join(fmt.Errorf("--admin %s: %w; choose another address", f.admin, err), r.Close())
		}
		out.printf("The admin API is at http://%s/_local/\n", l.Addr())
		go func() {
			if err := serveAdmin(ctx, l, r.Cloud.Admin()); err != nil {
				out.printf("%v\n", err)
			}
		}()
	}
	context.AfterFunc(ctx, func() { out.printf("Ending: what is under way may finish; a second signal ends at once.\n") })
	return errors.Join(r.Serve(ctx), r.Close())
}

// serveOptions checks the flags as a whole.
func serveOptions(f serveFlags) (rehearsal.Options, error) {
	o, err := runOptions(f.runFlags)
	errs := []error{err}
	s := &rehearsal.Serve{Trade: f.trade, DataDir: f.data}
	o.Serve, o.Backoff = s, local.AWS()
	if s.DataDir == "" {
		s.DataDir = filepath.Join(o.Root, "runs", "data", f.broker)
	}
	if f.clockAt != "" {
		if s.ClockAt, err = time.ParseInLocation("2006-01-02T15:04:05", f.clockAt, market.NewYork()); err != nil {
			errs = append(errs, fmt.Errorf("--clock-at is %q; expected a time in New York such as 2024-03-13T09:34:00", f.clockAt))
		}
		if f.broker != "paper" {
			errs = append(errs, errors.New("--clock-at moves the clock away from the market's; it goes with the paper broker only"))
		}
	}
	return o, errors.Join(errs...)
}

// servePrinter shows a person what a served cloud does.
type servePrinter struct{ w io.Writer }

func (p servePrinter) printf(format string, args ...any) {
	fmt.Fprintf(p.w, format, args...)
}

func (p servePrinter) ready(r *rehearsal.Rehearsal, o rehearsal.Options) {
	what := "at Alpaca"
	if r.Paper != nil {
		what = "on paper"
	}
	runs := "The daily run is disabled: only the sweep runs (enable it with --trade)."
	if o.Serve.Trade {
		runs = "The daily run and the sweep fire by themselves."
	}
	p.printf("Serving %s; it is %s in New York. %s\nState in %s, mails and logs in %s.\nThe operator's verbs (runs, show, why, logs, plan, halt, …) reach it with --env local, or --env %s\n",
		what, r.Slot.In(market.NewYork()).Format("15:04:05 on Monday, 2 January 2006"), runs, here(o.Serve.DataDir), here(o.Dir), r.Cloud.Endpoint())
}

func (p servePrinter) line(l rehearsal.Line) {
	note := ""
	if l.Attempt > 1 {
		note = fmt.Sprintf(", try %d", l.Attempt)
	}
	p.printf("%s  %d  %-28s  %-9s  %-12s  %s\n", l.Time.In(market.NewYork()).Format("2006-01-02 15:04:05.000"), l.N, l.Trigger, l.Function, millis(l.Duration)+note, l.Did)
}

// alarm shows what AWS would send to the alarm topic.
func (p servePrinter) alarm(s cloudwatch.State) {
	if s.Firing {
		p.printf("ALARM  %s: %s\n", s.Name, s.Description)
		return
	}
	p.printf("over   %s\n", s.Name)
}
