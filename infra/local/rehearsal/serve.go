package rehearsal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/market"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// ahead is how many days of made-up bars a served market has beyond its first.
const ahead = 400

// drain is how long the end waits for what is under way: a function may take
// as long as its timeout.
const drain = time.Minute

// Serve keeps the cloud running until the context ends, then lets what is
// under way finish and writes the paper account down.
func (r *Rehearsal) Serve(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var kept []byte
	for {
		select {
		case <-tick.C:
			if r.Cloud.UnderWay() > 0 {
				continue
			}
			if err := r.keepPaper(&kept); err != nil {
				return err
			}
		case <-ctx.Done():
			rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
			defer cancel()
			return errors.Join(r.Cloud.Drain(rest), r.keepPaper(&kept))
		}
	}
}

// present finds the session that a served clock is in, or the next one.
func (r *Rehearsal) present(calendar market.Calendar) error {
	now := env.SystemClock(r.offset()).Now()
	asOf, ok := calendar.LastClosedBefore(now, 20*time.Minute)
	if !ok {
		return fmt.Errorf("rehearsal: the calendar knows no session before %s", now.Format(time.DateOnly))
	}
	if newest := r.options.Newest; newest != "" && newest < asOf.Date {
		return fmt.Errorf("rehearsal: the bars end on %s, the session before %s is %s; choose --clock-at", newest, now.Format(time.DateOnly), asOf.Date)
	}
	session, ok := calendar.Session(events.DateOf(now, market.NewYork()))
	if !ok {
		if session, ok = calendar.Next(asOf.Date); !ok {
			return fmt.Errorf("rehearsal: the calendar knows no session after %s", asOf.Date)
		}
	}
	r.AsOf, r.Session, r.Slot = asOf.Date, session, now
	return nil
}

// offset moves the machine's clock to the rehearsed time.
func (r *Rehearsal) offset() time.Duration {
	now := env.SystemClock(0).Now()
	switch s := r.options.Serve; {
	case s == nil:
		return r.Slot.Add(time.Second).Sub(now)
	case s.ClockAt.IsZero():
		return 0
	default:
		return s.ClockAt.Sub(now)
	}
}

// lastBar is the newest bar that the paper broker may need.
func (r *Rehearsal) lastBar() events.Date {
	if r.options.Serve != nil {
		return r.Session.Date.AddDays(ahead)
	}
	return r.Session.Date
}

// purse is the paper account at rest, as DataDir keeps it.
type purse struct {
	Cash      money.Decimal `json:"cash"`
	Positions []holding     `json:"positions"`
}

type holding struct {
	Symbol string        `json:"symbol"`
	Qty    money.Decimal `json:"qty"`
}

// purse is what the paper account begins with: what was kept, or the options.
func (r *Rehearsal) purse() (money.Decimal, []paperbroker.Holding, error) {
	var holdings []paperbroker.Holding
	if s := r.options.Serve; s != nil && s.DataDir != "" {
		text, err := os.ReadFile(paperFile(s.DataDir))
		if err == nil {
			var p purse
			if err := json.Unmarshal(text, &p); err != nil {
				return money.Decimal{}, nil, fmt.Errorf("rehearsal: read the paper account in %s: %w", paperFile(s.DataDir), err)
			}
			for _, h := range p.Positions {
				holdings = append(holdings, paperbroker.Holding{Symbol: h.Symbol, Qty: h.Qty})
			}
			return p.Cash, holdings, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return money.Decimal{}, nil, fmt.Errorf("rehearsal: read the paper account: %w", err)
		}
	}
	for symbol, qty := range r.options.Positions {
		holdings = append(holdings, paperbroker.Holding{Symbol: symbol, Qty: qty})
	}
	return r.options.Cash, holdings, nil
}

func paperFile(dir string) string { return filepath.Join(dir, "paper-account.json") }

// keepPaper writes the paper account down if it is not what was kept last.
func (r *Rehearsal) keepPaper(kept *[]byte) error {
	dir := r.options.Serve.DataDir
	if r.Paper == nil || dir == "" {
		return nil
	}
	p := purse{Cash: r.Paper.Account().Cash, Positions: []holding{}}
	for _, h := range r.Paper.Positions() {
		p.Positions = append(p.Positions, holding{h.Symbol, h.Qty})
	}
	slices.SortFunc(p.Positions, func(a, b holding) int { return cmp.Compare(a.Symbol, b.Symbol) })
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil || string(text) == string(*kept) {
		return err
	}
	// A file is replaced as a whole: a crash leaves the old one or the new one.
	if err := os.WriteFile(paperFile(dir)+".new", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("rehearsal: keep the paper account: %w", err)
	}
	if err := os.Rename(paperFile(dir)+".new", paperFile(dir)); err != nil {
		return fmt.Errorf("rehearsal: keep the paper account: %w", err)
	}
	*kept = text
	return nil
}
