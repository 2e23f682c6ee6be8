package tapebroker_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker"
	"github.com/alchemiser/alchemiser/pkg/broker/tapebroker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/money"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// moody answers what its fields say.
type moody struct {
	broker.Broker
	account broker.Account
	order   broker.Order
	quotes  map[string]broker.Quote
	err     error
}

func (m moody) Account(context.Context) (broker.Account, error) { return m.account, m.err }
func (m moody) Positions(context.Context) ([]broker.Position, error) {
	return nil, m.err
}
func (m moody) Quotes(context.Context, []string) (map[string]broker.Quote, error) {
	return m.quotes, m.err
}
func (m moody) Submit(context.Context, broker.OrderRequest) (broker.Order, error) {
	return m.order, m.err
}
func (m moody) Cancel(context.Context, string) error { return m.err }

// told is everything that a caller can see of the answers.
type told struct {
	account   broker.Account
	positions []broker.Position
	quotes    map[string]broker.Quote
	order     broker.Order
	errs      []error
}

func ask(b broker.Broker) (t told) {
	ctx := context.Background()
	var errs [5]error
	t.account, errs[0] = b.Account(ctx)
	t.positions, errs[1] = b.Positions(ctx)
	t.quotes, errs[2] = b.Quotes(ctx, []string{"MSFT", "NONE"})
	limit := money.MustParse("301.25")
	t.order, errs[3] = b.Submit(ctx, broker.OrderRequest{ClientID: "alc-1", Symbol: "MSFT", Side: events.Buy, Qty: money.MustParse("1.5"), Type: broker.Limit, Limit: &limit})
	errs[4] = b.Cancel(ctx, "7")
	t.errs = errs[:]
	return t
}

// What a caller can tell from an answer or an error it can tell from the
// repeated one.
func TestAnswersAndErrorsComeBack(t *testing.T) {
	price, at := money.MustParse("301.25"), time.Date(2026, 11, 23, 14, 35, 1, 234567890, time.UTC)
	full := moody{
		account: broker.Account{ID: "e6fe16f3-64a4", Number: "PA1234567890", Status: "ACTIVE", Currency: "USD", Cash: money.MustParse("-12.345678901234567")},
		order:   broker.Order{ID: "7", ClientID: "alc-1", Limit: &price, Filled: money.MustParse("0.5"), Status: "partially_filled", SubmittedAt: at},
		quotes:  map[string]broker.Quote{"MSFT": {Bid: price, At: at}},
	}
	failing := func(err error) moody { m := full; m.err = err; return m }
	for name, m := range map[string]moody{
		"answers":   full,
		"not found": failing(fmt.Errorf("order 7: %w", broker.ErrNotFound)),
		"rejected":  failing(fmt.Errorf("try 2: %w", &broker.Rejected{Op: "submit", Status: 403, Code: 40310000, Message: `a <"quoted"> & message`, Body: "{}", RequestID: "r"})),
		"later":     failing(&broker.TryLater{Op: "submit", After: 1500 * time.Millisecond}),
		"unknown":   failing(&broker.Unknown{Op: "submit", Cause: context.DeadlineExceeded}),
		"any other": failing(errors.New("connection reset")),
	} {
		t.Run(name, func(t *testing.T) {
			tape := transcript.NewTape(transcript.Identity{})
			tape.Begin(env.SystemClock(0), transcript.Scope{})
			first := ask(tapebroker.New(tape, m))
			sealed, lost := tape.Seal()
			tape.End()
			text, err := transcript.Read(sealed)
			if err != nil || lost != "" {
				t.Fatal(err, lost)
			}
			if all := fmt.Sprintf("%+v", text); strings.Contains(all, full.account.Number) || strings.Contains(all, full.account.ID) {
				t.Errorf("the transcript names the account: %s", all)
			}
			tape = transcript.Play(text, nil, nil)
			tape.Begin(tape.Clock(nil), transcript.Scope{})
			again := ask(tapebroker.New(tape, nil))
			for i, was := range first.errs {
				is := again.errs[i]
				if fmt.Sprint(was) != fmt.Sprint(is) || errors.Is(was, broker.ErrNotFound) != errors.Is(is, broker.ErrNotFound) ||
					errors.Is(was, context.DeadlineExceeded) != errors.Is(is, context.DeadlineExceeded) {
					t.Errorf("call %d: %v came back as %v", i, was, is)
				}
				sameKind[*broker.Rejected](t, was, is)
				sameKind[*broker.TryLater](t, was, is)
				var a, b *broker.Unknown
				if errors.As(was, &a) != errors.As(is, &b) {
					t.Errorf("call %d: %v came back as %v", i, was, is)
				}
			}
			if m.err != nil {
				return
			}
			first.account.Number, first.account.ID = "OTHER_ACCOUNT_NUMBER", "ACCOUNT_ID"
			first.errs, again.errs = nil, nil
			if !reflect.DeepEqual(first, again) {
				t.Errorf("%+v\ncame back as\n%+v", first, again)
			}
			if d := tape.Differences(); len(d) > 0 {
				t.Errorf("differences %+v", d)
			}
		})
	}
}

func sameKind[E error](t *testing.T, was, is error) {
	t.Helper()
	var a, b E
	if errors.As(was, &a) != errors.As(is, &b) || !reflect.DeepEqual(a, b) {
		t.Errorf("%v came back as %v", was, is)
	}
}
