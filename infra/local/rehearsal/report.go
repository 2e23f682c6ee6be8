package rehearsal

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// Report is what a run did, from the events it published and from the broker.
type Report struct {
	RunID    string         `json:"run_id"`
	AsOf     events.Date    `json:"as_of"`
	Session  events.Date    `json:"session"`
	Slot     time.Time      `json:"slot"`
	Outcome  string         `json:"outcome"`
	Success  bool           `json:"success"`
	Timeline []Line         `json:"timeline"`
	Summary  *Summary       `json:"summary,omitempty"`
	Before   Account        `json:"before"`
	After    Account        `json:"after"`
	Orders   []Order        `json:"orders"`
	Mails    []Mail         `json:"mails"`
	Latency  []Latency      `json:"latency"`
	Chain    time.Duration  `json:"chain_ns"` // from the schedule to the mail's acceptance
	Queues   map[string]int `json:"queues"`   // messages in queues that should be empty
	Problems []string       `json:"problems"`
	Dir      string         `json:"dir"`
}

// Summary is the run's notification: targets, plan and legs.
type Summary = events.TradingNotificationRequested

// Account is an account with its positions, in USD and shares.
type Account struct {
	Equity    money.Decimal `json:"equity"`
	Cash      money.Decimal `json:"cash"`
	Positions []Position    `json:"positions"`
}

// Position is one holding.
type Position struct {
	Symbol string        `json:"symbol"`
	Qty    money.Decimal `json:"qty"`
}

// Order is one order as the broker reports it.
type Order struct {
	ClientID string         `json:"client_order_id"`
	Symbol   string         `json:"symbol"`
	Side     events.Side    `json:"side"`
	Qty      money.Decimal  `json:"qty"`
	Limit    *money.Decimal `json:"limit,omitempty"`
	Filled   money.Decimal  `json:"filled"`
	AvgPrice *money.Decimal `json:"avg_price,omitempty"`
	Status   broker.Status  `json:"status"`
}

// Mail is one mail with where it lies.
type Mail struct {
	MessageID string   `json:"message_id"` // the same for copies of one mail
	To        []string `json:"to"`
	Subject   string   `json:"subject"`
	EML       string   `json:"eml"`
	HTML      string   `json:"html"`
}

// Latency are the times of one function: the run's own invocation, and the
// self-test of the same process right afterwards.
type Latency struct {
	Function string        `json:"function"`
	First    time.Duration `json:"first_ns"`
	Cold     bool          `json:"cold"`
	Warm     time.Duration `json:"warm_ns"` // self-test; 0: it failed
}

// Run fires the daily schedule for the slot, waits until nothing is left to
// do, and reports. A run that did not succeed is no error: see Report.Success.
func (r *Rehearsal) Run(ctx context.Context) (*Report, error) {
	before, err := r.account(ctx)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	r.watch.restart(began)
	if err := r.Cloud.FireSchedule(ctx, dailySchedule, r.Slot); err != nil {
		return nil, err
	}
	if err := r.Cloud.Quiesce(ctx); err != nil {
		return nil, fmt.Errorf("rehearsal: the run did not come to rest: %w", err)
	}
	if err := r.closeOut(ctx); err != nil {
		return nil, fmt.Errorf("rehearsal: close the run out: %w", err)
	}
	report := &Report{
		AsOf: r.AsOf, Session: r.Session.Date, Slot: r.Slot, Before: before, Timeline: r.watch.end(),
		Chain: time.Since(began), Dir: r.options.Dir, Queues: map[string]int{}, Orders: []Order{}, Mails: []Mail{},
	}
	if n := len(report.Timeline); n > 0 {
		report.Chain = report.Timeline[n-1].Offset
	}
	snapshot := r.Cloud.Snapshot()
	if err := r.fill(ctx, report, snapshot); err != nil {
		return nil, err
	}
	if err := r.writeRecord(ctx, report.RunID); err != nil {
		return nil, err
	}
	return report, r.write(report, snapshot)
}

func (r *Rehearsal) fill(ctx context.Context, report *Report, s local.Snapshot) error {
	var err error
	if report.After, err = r.account(ctx); err != nil {
		return err
	}
	orders, err := r.Broker.OrdersSince(ctx, r.opened)
	if err != nil {
		return fmt.Errorf("rehearsal: read the orders: %w", err)
	}
	for _, o := range orders {
		report.Orders = append(report.Orders, Order{o.ClientID, o.Symbol, o.Side, o.Qty, o.Limit, o.Filled, o.AvgPrice, o.Status})
	}
	for _, record := range s.Events {
		e, err := events.Decode(record.Event.Detail)
		if err != nil {
			report.Problems = append(report.Problems, "an event on the bus does not decode: "+err.Error())
			continue
		}
		report.RunID = e.CorrelationID
		switch p := e.Payload.(type) {
		case *events.TradingNotificationRequested:
			report.Summary, report.Outcome, report.Success = p, string(p.Outcome), p.Success
		case *events.WorkflowFailed:
			report.Outcome = "FAILED"
		}
	}
	if report.Outcome == "" {
		report.Outcome = "UNFINISHED"
	}
	for _, m := range s.Mails {
		mail, err := preview(m, filepath.Join(r.options.Dir, "mail"))
		if err != nil {
			return err
		}
		report.Mails = append(report.Mails, mail)
	}
	r.check(report, s)
	report.Latency = r.latency(ctx, report.Timeline)
	return nil
}

// check lists what a run must not leave behind.
func (r *Rehearsal) check(report *Report, s local.Snapshot) {
	for _, q := range s.Queues {
		if n := q.Visible + q.Hidden; n > 0 {
			report.Queues[q.Name] = n
			report.Problems = append(report.Problems, fmt.Sprintf("%d in %s", n, q.Name))
		}
	}
	for _, d := range s.Denials {
		report.Problems = append(report.Problems, fmt.Sprintf("a permission is missing: %v", d))
	}
	for _, e := range s.Unrouted {
		if len(topology.Consumers(events.Source(e.Event.Source), events.Type(e.Event.DetailType))) > 0 {
			report.Problems = append(report.Problems, fmt.Sprintf("%s from %s reached no function", e.Event.DetailType, e.Event.Source))
		}
	}
	report.Problems = append(report.Problems, s.Problems...)
	ids := make(map[string]bool) // a copy of a mail has its Message-ID
	for _, m := range report.Mails {
		ids[m.MessageID] = true
	}
	if len(ids) != 1 {
		report.Problems = append(report.Problems, fmt.Sprintf("%d mails arrived, a run sends one", len(ids)))
	}
}

func (r *Rehearsal) account(ctx context.Context) (Account, error) {
	a, err := r.Broker.Account(ctx)
	if err != nil {
		return Account{}, fmt.Errorf("rehearsal: read the account: %w", err)
	}
	positions, err := r.Broker.Positions(ctx)
	if err != nil {
		return Account{}, fmt.Errorf("rehearsal: read the positions: %w", err)
	}
	out := Account{Equity: a.Equity, Cash: a.Cash, Positions: []Position{}}
	for _, p := range positions {
		out.Positions = append(out.Positions, Position{p.Symbol, p.Qty})
	}
	slices.SortFunc(out.Positions, func(a, b Position) int { return strings.Compare(a.Symbol, b.Symbol) })
	return out, nil
}

// write leaves the record of the run in its folder: events and report.
func (r *Rehearsal) write(report *Report, s local.Snapshot) error {
	if err := r.Cloud.SaveTables(filepath.Join(r.options.Dir, LedgerDir)); err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	var lines []byte
	for _, record := range s.Events {
		line, err := json.Marshal(record.Event)
		if err != nil {
			return fmt.Errorf("rehearsal: %w", err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if err := os.WriteFile(filepath.Join(r.options.Dir, "events.jsonl"), lines, 0o644); err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	document, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	if err := os.WriteFile(filepath.Join(r.options.Dir, "report.json"), append(document, '\n'), 0o644); err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	return nil
}

// percent is a weight in percent with the given number of fractional digits.
func percent(w events.Decimal, places int32) string {
	return money.MustParse(w).Shift(2).Fixed(places)
}
