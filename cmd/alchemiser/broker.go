package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// brokerFlags are the flags of broker as they were given.
type brokerFlags struct {
	listen, admin, bars, asOf, cash, profile, keyID, secret string
	faults, switches                                        []string
	seed                                                    uint64
}

// keys are what clients must send.
type keys struct {
	id, secret string
	fresh      bool // made up here, so nobody knows them yet
}

func (f brokerFlags) keys() keys {
	if f.keyID != "" {
		return keys{id: f.keyID, secret: f.secret}
	}
	return keys{id: "PK" + strings.ToUpper(env.Token()[:18]), secret: env.Token(), fresh: true}
}

func newBrokerCommand() *cobra.Command {
	var f brokerFlags
	cmd := &cobra.Command{
		Use:   "broker --bars DIR",
		Short: "Serve a paper broker that speaks Alpaca's API",
		Long: `Broker serves a paper account and the market of a folder of bars, in Alpaca's
API for trading and for market data, both on one address. Any client of Alpaca
can be pointed at it. Its clock starts at 09:35 in New York of the session after
--as-of and runs on from there; nothing later than that clock is ever shown.

With --admin the broker can be watched and disturbed while it serves, on a
second address of this machine alone: GET /_sim/state and /_sim/journal; POST
/_sim/clock, /_sim/faults, /_sim/halt, /_sim/assets, /_sim/account,
/_sim/positions and /_sim/orders; DELETE /_sim/faults.

` + catalogue() + `

It ends on an interrupt (ctrl-C) or SIGTERM; the account is gone then.

Exit codes: 0 it was told to end; 1 wrong usage, or it could not serve.`,
		Example: `  alchemiser broker --bars bars
  alchemiser broker --bars bars --as-of 2018-06-29 --profile realistic --listen 127.0.0.1:8100
  alchemiser broker --bars bars --admin 127.0.0.1:8101 --fault '{"kind":"cut_reply","method":"POST"}'
  alchemiser broker --bars bars --switch rate_limit=20 --switch lookup_lag=3s
  curl http://127.0.0.1:8101/_sim/state
  curl -d '{"step":"6h"}' http://127.0.0.1:8101/_sim/clock`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return serveBroker(ctx, cmd.OutOrStdout(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8100", "address of the broker; port 0 takes a free one")
	flags.StringVar(&f.admin, "admin", "", "address of the admin API on this machine (default: none)")
	flags.StringVar(&f.bars, "bars", "", "folder with one SYMBOL.csv a symbol: date,open,high,low,close,volume")
	flags.StringVar(&f.asOf, "as-of", "", "newest session that is over, YYYY-MM-DD (default: the newest there is)")
	flags.StringVar(&f.cash, "cash", "100000", "cash of the account in USD")
	flags.StringVar(&f.profile, "profile", string(paperbroker.Paper), "how orders fill: instant, midpoint, paper, realistic or adversarial")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of everything that happens by chance")
	flags.StringVar(&f.keyID, "key-id", "", "key that clients must send (default: a new one, printed)")
	flags.StringVar(&f.secret, "secret", "", "its secret (default: a new one, printed)")
	flags.StringArrayVar(&f.faults, "fault", nil, "a fault as JSON, as for POST /_sim/faults; repeatable")
	flags.StringArrayVar(&f.switches, "switch", nil, "NAME=VALUE of a switch of the profile; repeatable")
	if err := cmd.MarkFlagRequired("bars"); err != nil {
		panic(err) // a flag that was not defined above
	}
	cmd.MarkFlagsRequiredTogether("key-id", "secret")
	return cmd
}

// catalogue lists what --fault and --switch take.
func catalogue() string {
	var b strings.Builder
	b.WriteString(`A fault is a JSON object: its "kind", and which requests it strikes ("method",
the beginning of the "path", "symbol"; "skip" so many, strike so many "times" (-1:
always), or with a "chance" from 0 to 1). refuse and fail_reply take a "status",
refuse a "retry_after" in seconds; delay, delay_reply, stale_read and clock_offset a
"delay" such as "1.5s". Kinds, by when they strike:
`)
	for _, g := range paperbroker.FaultGroups() {
		kinds := make([]string, len(g.Kinds))
		for i, k := range g.Kinds {
			kinds[i] = string(k)
		}
		fmt.Fprintf(&b, "  %s: %s\n", g.When, strings.Join(kinds, ", "))
	}
	b.WriteString("\nSwitches decide what nobody outside of Alpaca knows for sure; every profile has\nits own:\n")
	names := paperbroker.SwitchNames()
	for line := range slices.Chunk(names, 5) {
		fmt.Fprintf(&b, "  %s\n", strings.Join(line, ", "))
	}
	return strings.TrimRight(b.String(), "\n")
}

func serveBroker(ctx context.Context, out io.Writer, f brokerFlags) error {
	if err := onThisMachine(f.admin); err != nil {
		return err
	}
	k := f.keys()
	server, err := openBroker(ctx, f, k)
	if err != nil {
		return err
	}
	listen := func(address string) (net.Listener, error) { return (&net.ListenConfig{}).Listen(ctx, "tcp", address) }
	listener, err := listen(f.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w; choose another address", f.listen, err)
	}
	defer listener.Close()
	var admin net.Listener
	if f.admin != "" {
		if admin, err = listen(f.admin); err != nil {
			return fmt.Errorf("--admin %s: %w; choose another address", f.admin, err)
		}
		defer admin.Close()
	}
	if err := f.announce(out, k, server.State().Now, listener, admin); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	serving := 1
	go func() { ended <- server.Serve(ctx, listener) }()
	if admin != nil {
		serving++
		go func() { ended <- serveAdmin(ctx, admin, server.Admin()) }()
	}
	err = <-ended // one cannot do without the other
	cancel()
	if serving > 1 {
		err = errors.Join(err, <-ended)
	}
	return err
}

func serveAdmin(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the admin API on %s: %w", l.Addr(), err)
	}
	return nil
}

// openBroker builds the broker from the flags.
func openBroker(ctx context.Context, f brokerFlags, k keys) (*paperbroker.Server, error) {
	cash, err := money.Parse(f.cash)
	if err != nil || cash.Sign() < 0 {
		return nil, fmt.Errorf("--cash is %q; expected an amount in USD such as 100000", f.cash)
	}
	_, bars, err := readBars(ctx, f.bars)
	if err != nil {
		return nil, err
	}
	slot, err := f.slot(bars)
	if err != nil {
		return nil, err
	}
	switches := paperbroker.DefaultSwitches(paperbroker.Profile(f.profile))
	for _, s := range f.switches {
		name, value, _ := strings.Cut(s, "=")
		if err := switches.Set(name, value); err != nil {
			return nil, fmt.Errorf("--switch %s: %w", s, err)
		}
	}
	server, err := paperbroker.New(paperbroker.Options{
		Bars: bars, Clock: env.SystemClock(slot.Sub(env.SystemClock(0).Now())), Seed: f.seed, Cash: cash,
		KeyID: k.id, Secret: k.secret, Profile: paperbroker.Profile(f.profile), Switches: &switches,
	})
	if err != nil {
		return nil, err
	}
	for _, raw := range f.faults {
		if err := inject(server, raw); err != nil {
			return nil, fmt.Errorf("--fault %s: %w", raw, err)
		}
	}
	return server, nil
}

// slot is when the broker's clock starts.
func (f brokerFlags) slot(bars market.Bars) (time.Time, error) {
	first, newest := bars.Span()
	if newest == "" {
		return time.Time{}, fmt.Errorf("--bars %s: there is no bar in any of its files", f.bars)
	}
	asOf := newest
	if f.asOf != "" {
		var err error
		if asOf, err = events.ParseDate(f.asOf); err != nil {
			return time.Time{}, fmt.Errorf("--as-of: %w", err)
		}
	}
	if asOf < first || asOf > newest {
		return time.Time{}, fmt.Errorf("--as-of %s: the bars of %s are from %s to %s; choose one of those dates", asOf, f.bars, first, newest)
	}
	_, slot, err := rehearsal.SlotAfter(asOf)
	return slot, err
}

func inject(server *paperbroker.Server, raw string) error {
	var fault paperbroker.Fault
	decoder := json.NewDecoder(bytes.NewReader([]byte(raw)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&fault); err != nil {
		return fmt.Errorf("%w; expected JSON such as {\"kind\":\"refuse\",\"method\":\"POST\",\"status\":503}", err)
	}
	return server.Inject(fault)
}

// onThisMachine refuses an address that others can reach: the admin API asks
// for no key.
func onThisMachine(address string) error {
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--admin: %w; expected an address such as 127.0.0.1:8101", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--admin %s: the admin API asks for no key, so it is served on this machine alone; expected an address such as 127.0.0.1:8101", address)
	}
	return nil
}

// announce prints where the broker is and how to talk to it, in the variables
// that Alpaca's clients read. Keys from the command line are not repeated.
func (f brokerFlags) announce(out io.Writer, k keys, now time.Time, broker, admin net.Listener) error {
	text := fmt.Sprintf("APCA_API_BASE_URL=http://%[1]s\nAPCA_API_DATA_URL=http://%[1]s\n", broker.Addr())
	if k.fresh {
		text += fmt.Sprintf("APCA_API_KEY_ID=%s\nAPCA_API_SECRET_KEY=%s\n", k.id, k.secret)
	}
	if admin != nil {
		text += fmt.Sprintf("# admin: http://%s/_sim/state\n", admin.Addr())
	}
	_, err := fmt.Fprintf(out, "%s# fills: %s; the clock stands at %s\n", text, f.profile, now.In(market.NewYork()).Format("Monday 2006-01-02 15:04 MST"))
	return err
}
