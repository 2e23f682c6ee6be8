package gallery

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/dynamoledger"
)

// Scene is one way a run can end.
type Scene struct {
	Name string // of its folder; one that begins with "neutral" is mailed in neutral mode
	Tag  string // of the subject
	What string // one line: what happened
	Slow bool   // it takes the time that a real run of its kind takes

	prepare func(*stage, *rehearsal.Options) error
	play    func(*stage) error // nil: the daily schedule fires
}

// Scenes are all of them, the usual ones first.
func Scenes() []Scene {
	return []Scene{
		{Name: "completed", Tag: "OK", What: "Every order was filled."},
		{Name: "no-trades", Tag: "OK", What: "A second run finds the account where it should be.", play: (*stage).twice},
		{Name: "dry-run", Tag: "DRY RUN", What: "The plan is made and mailed; no order is sent.", play: (*stage).dry},
		{Name: "neutral", Tag: "OK", What: "The first run again, with `NEUTRAL_MODE`: no amount, quantity or price leaves the house.", prepare: neutral},
		{Name: "skipped-holiday", Tag: "SKIPPED", What: "Good Friday: the exchange is closed.", prepare: goodFriday},
		{Name: "skipped-halted", Tag: "SKIPPED", What: "The operator has thrown the halt switch.", play: (*stage).halted},
		{Name: "no-trades-reducing", Tag: "OK", What: "The halt switch allows sells only, and there is nothing to sell.", prepare: cashOnly, play: (*stage).reducing},
		{Name: "partial", Tag: "PARTIAL", What: "A thin market: the last steps of the price walk left a remainder.", prepare: thinMarket, Slow: true},
		{Name: "check-broker", Tag: "CHECK BROKER", What: "The broker's answer to an order was lost, the order never showed, and the close-out could not read the orders.", play: (*stage).lost, Slow: true},
		{Name: "failed-start", Tag: "FAILED", What: "The account is blocked at the broker.", play: (*stage).blocked},
		{Name: "failed-signal", Tag: "FAILED", What: "A mistake in a strategy's file.", prepare: brokenStrategy},
		{Name: "failed-portfolio", Tag: "FAILED", What: "An order of the plan is larger than the safety limits allow.", prepare: smallOrders},
		{Name: "failed-execution", Tag: "FAILED", What: "The broker rejects every order.", play: (*stage).rejected},
		{Name: "stalled-portfolio", Tag: "FAILED", What: "The broker was away: the dead-man closes the run.", prepare: brokerAway, play: (*stage).stall},
		{Name: "stalled-execution", Tag: "CHECK BROKER", What: "Execution dies again and again with orders out: the dead-man closes the run.", prepare: dyingExecution, play: (*stage).stall},
		{Name: "run-missing", Tag: "ERROR", What: "An error outside of a run: the schedule began none.", prepare: scheduled, play: (*stage).missed},
	}
}

// stage is a scene under way.
type stage struct {
	*rehearsal.Rehearsal
	ctx context.Context
	dir string
}

const (
	daily      = "alchemiser-dev-start-daily"
	sweep      = "alchemiser-dev-monitor-sweep"
	stateTable = "alchemiser-dev-state"
	account    = "paper-main"
)

func (s *stage) fire(schedule string) error {
	if err := s.Cloud.FireSchedule(s.ctx, schedule, s.Slot); err != nil {
		return err
	}
	return s.Cloud.Quiesce(s.ctx)
}

func (s *stage) daily() error { return s.fire(daily) }

// command gives start a command as an operator does.
func (s *stage) command(fields map[string]any) error {
	command := map[string]any{"mode": "trade", "schedule": "manual", "scheduled_time": s.Slot.Format(time.RFC3339), "requested_by": "cli"}
	for k, v := range fields {
		command[k] = v
	}
	payload, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if _, err := lambda.NewFromConfig(s.Cloud.AWSConfig()).Invoke(s.ctx, &lambda.InvokeInput{
		FunctionName: aws.String("alchemiser-dev-start"), Qualifier: aws.String("live"), InvocationType: types.InvocationTypeEvent, Payload: payload,
	}); err != nil {
		return err
	}
	return s.Cloud.Quiesce(s.ctx)
}

func (s *stage) twice() error {
	if err := s.daily(); err != nil {
		return err
	}
	return s.command(map[string]any{"force": true})
}

func (s *stage) dry() error { return s.command(map[string]any{"dry_run": true}) }

func (s *stage) control(state events.ControlState, reason string) error {
	l := ledger.New(dynamoledger.New(dynamodb.NewFromConfig(s.Cloud.AWSConfig()), stateTable), env.SystemClock(0))
	if err := l.SetControl(s.ctx, account, state, reason, "operator"); err != nil {
		return err
	}
	return s.daily()
}

func (s *stage) halted() error { return s.control(events.Halted, "moving to a new broker account") }
func (s *stage) reducing() error {
	return s.control(events.Reducing, "no new positions before the election")
}

func (s *stage) blocked() error {
	if err := s.Paper.Inject(paperbroker.Fault{Kind: paperbroker.BlockAccount}); err != nil {
		return err
	}
	return s.daily()
}

func (s *stage) rejected() error {
	if err := s.Paper.Inject(paperbroker.Fault{Kind: paperbroker.RejectLater, Method: "POST", Times: -1}); err != nil {
		return err
	}
	return s.daily()
}

// stall plays a run that does not end, and the sweeps after its time: the first
// asks execution to close, if it was begun.
func (s *stage) stall() error {
	if err := s.daily(); err != nil {
		return err
	}
	for _, wait := range []time.Duration{26 * time.Minute, 6 * time.Minute} {
		s.Advance(wait)
		if err := s.fire(sweep); err != nil {
			return err
		}
	}
	return nil
}

// scheduled makes monitor expect a daily run; dev has its schedule switched off.
func scheduled(_ *stage, o *rehearsal.Options) error {
	o.Environment["monitor"] = map[string]string{"SCHEDULES": "daily=09:35"}
	return nil
}

func (s *stage) missed() error {
	s.Advance(31 * time.Minute)
	return s.fire(sweep)
}

// lost plays a run with an order that is never seen again, and the close-out
// that finds the broker's lists broken: nobody can say that it does not exist.
func (s *stage) lost() error {
	for _, f := range []paperbroker.Fault{
		{Kind: paperbroker.CutBefore, Method: "POST", Path: "/v2/orders", Symbol: "NVDA", Times: -1},
		{Kind: paperbroker.HideOrder, Method: "GET", Path: "/v2/orders:by_client_order_id", Symbol: "NVDA", Times: -1},
	} {
		if err := s.Paper.Inject(f); err != nil {
			return err
		}
	}
	if err := s.daily(); err != nil {
		return err
	}
	if err := s.Paper.Inject(paperbroker.Fault{Kind: paperbroker.Refuse, Status: 500, Method: "GET", Path: "/v2/orders", Times: -1}); err != nil {
		return err
	}
	s.Advance(16 * time.Minute)
	return s.fire(sweep)
}

func neutral(_ *stage, o *rehearsal.Options) error {
	o.Environment["notifier"] = map[string]string{"NEUTRAL_MODE": "true"}
	return nil
}

func goodFriday(_ *stage, o *rehearsal.Options) error {
	o.AsOf, o.Slot = "2024-03-28", time.Date(2024, 3, 29, 13, 35, 0, 0, time.UTC)
	return nil
}

func cashOnly(_ *stage, o *rehearsal.Options) error {
	o.Positions = nil
	return nil
}

func thinMarket(_ *stage, o *rehearsal.Options) error {
	o.Fills = paperbroker.Adversarial
	return nil
}

func brokenStrategy(s *stage, o *rehearsal.Options) error {
	o.Strategies = filepath.Join(s.dir, "strategies")
	if err := os.MkdirAll(o.Strategies, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"portfolio.yaml": "version: 1\nstrategies:\n  - strategy: momentum.clj\n    weight: \"1\"\n",
		"momentum.clj":   "(defsymphony \"momentum\" {}\n  [(if (> (rsi \"QQQ\" {:window 10}) 79)\n     [(asset \"SHY\")])])\n",
	} {
		if err := os.WriteFile(filepath.Join(o.Strategies, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write a strategy: %w", err)
		}
	}
	o.Binaries, o.Symbols = nil, []string{"SHY"}
	return nil
}

func smallOrders(_ *stage, o *rehearsal.Options) error {
	o.Environment["*"] = map[string]string{"MAX_ORDER_USD": "10000"}
	return nil
}

func brokerAway(_ *stage, o *rehearsal.Options) error {
	o.Environment["portfolio"] = map[string]string{"BROKER_BASE_URL": "http://127.0.0.1:1", "SIM_HOSTS": "127.0.0.1"}
	return nil
}

// dyingExecution kills execution after the write that follows its first
// orders, and in every try after it.
func dyingExecution(_ *stage, o *rehearsal.Options) error {
	return o.Faults.Add(fault.Fault{Do: fault.KillAfterCall, Function: "execution", Operation: "dynamodb:PutItem", Nth: 9, Times: -1})
}
