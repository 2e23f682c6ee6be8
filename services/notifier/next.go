package notifier

import (
	"fmt"
	"strings"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// Step is something to do, with the command that does it.
type Step struct{ Text, Command string }

// command is an operator's command for the audience's environment.
func (a Audience) command(verb string, arguments ...string) string {
	words := append([]string{"alchemiser", verb}, arguments...)
	return strings.Join(append(words, "--env", a.Environment), " ")
}

func (a Audience) show(runID string) Step {
	return Step{"See all that is on record of the run:", a.command("show", runID)}
}

// next is what the reader should do; nothing when all is well.
func (s summary) next() []Step {
	p := s.p
	switch p.Outcome {
	case events.OutcomeCompleted, events.OutcomeDryRun:
		return nil
	case events.OutcomeNoTrades:
		for _, h := range p.Holds {
			if h.Reason == "reducing" {
				return []Step{s.resume()}
			}
		}
		return nil
	case events.OutcomeSkipped:
		switch {
		case p.Skipped == nil:
			return []Step{{Text: "The next run begins as usual."}, s.show(s.in.CorrelationID)}
		case p.Skipped.ReasonCode == "halted":
			return []Step{s.resume()}
		}
		return []Step{{Text: "Nothing: the next run begins as usual."}}
	case events.OutcomePartial:
		return []Step{{Text: "Nothing must be done: the next run starts from what the account then holds."}, s.show(s.in.CorrelationID)}
	}
	if p.Tag == checkBroker {
		return []Step{
			{Text: "Look for the orders above at the broker before the next run. Cancel those that still work."},
			{"To keep the next run from starting meanwhile:", s.command("halt", "--account", s.in.Account, "--reason", `"unresolved order"`)},
			s.show(s.in.CorrelationID),
		}
	}
	return append(s.mend(), s.show(s.in.CorrelationID))
}

func (s summary) resume() Step {
	return Step{"To trade in full again, from the next run on:", s.command("resume", "--account", s.in.Account)}
}

// checkBroker is the tag of a run that may have left an order behind.
const checkBroker = "CHECK BROKER"

// mend is how the cause of a failure is removed.
func (s summary) mend() []Step {
	f := s.p.Failure
	if f == nil {
		return nil
	}
	var out []Step
	if f.Hint != "" && !strings.HasPrefix(f.Hint, "alchemiser ") {
		out = append(out, Step{Text: sentenceCase(s.scrub(f.Hint))})
	}
	switch f.Code {
	case "strategy_failed":
		out = append(out,
			Step{"Check the strategies after the change:", "alchemiser check services/signal/strategies"},
			Step{"Then deploy them:", fmt.Sprintf("make deploy ENV=%s SERVICE=signal", s.Environment)})
	case "halted":
		out = append(out, s.resume())
	case "stalled":
		out = append(out, Step{"See which events the functions failed on, and why:", s.command("dlq list")})
	}
	return out
}

// afterError is what to do about an error outside of a run's summary.
func (a Audience) afterError(p *events.ErrorNotificationRequested) []Step {
	var out []Step
	if p.Code == "run_missing" {
		out = append(out,
			Step{"See whether the schedule is switched on:", fmt.Sprintf(
				"aws scheduler get-schedule --name alchemiser-%s-start-daily --query State", a.Environment)},
			Step{"See which commands or events did not arrive, and why:", a.command("dlq list")})
	}
	if p.RunID != nil {
		out = append(out, a.show(*p.RunID))
	}
	return out
}
