package notifier

import (
	"context"
	"errors"
	"time"

	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// OnTape is a mailer over another one that writes down in a transcript which
// mails were handed over and what became of them; over the tape of a transcript
// it sends nothing, and there is no other one.
func OnTape(tape *transcript.Tape, of Mailer) Mailer {
	type refusal struct {
		Temporary bool   `json:"temporary"`
		Cause     string `json:"cause"`
	}
	return taped{of, transcript.Port{Tape: tape, Kinds: []transcript.Kind{
		transcript.Typed("mail_send",
			func(e *SendError) refusal { return refusal{e.Temporary, e.Err.Error()} },
			func(w refusal) *SendError { return &SendError{Temporary: w.Temporary, Err: errors.New(w.Cause)} }),
	}}}
}

type taped struct {
	of   Mailer
	port transcript.Port
}

// written is a mail in a transcript. The page says what the text says, at
// twenty times the length.
type written struct {
	From       string    `json:"from"`
	To         []string  `json:"to"`
	Date       time.Time `json:"date"`
	Subject    string    `json:"subject"`
	RunID      string    `json:"run_id"`
	Text       string    `json:"text"`
	HTMLSHA256 string    `json:"html_sha256"`
}

// Send implements Mailer.
func (t taped) Send(ctx context.Context, m Mail) error {
	_, err := transcript.Call(ctx, t.port, transcript.Request{
		Op: "mail.send", Args: m.MessageID, Effect: true,
		Wrote: written{m.From.String(), m.To, m.Date, m.Subject, m.RunID, m.Text, transcript.Digest([]byte(m.HTML))},
	}, func() (struct{}, error) { return struct{}{}, t.of.Send(ctx, m) })
	return err
}
