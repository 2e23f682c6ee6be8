// Package gallery shows every mail that an owner can get. Each scene is a real
// run on the one-machine cloud, with the real binaries, that ends in its own
// way; its mail is taken from the SMTP server as it arrived.
//
//	for _, s := range gallery.Scenes() {
//		mail, err := gallery.Play(ctx, s, gallery.Options{Root: root, Binaries: binaries, Dir: dir})
//	}
//
// make gallery writes the mails and their pictures into docs/gallery.
package gallery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-message/mail"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
)

// Mail is a mail as it arrived, with the event that asked for it.
type Mail struct {
	Subject string
	Text    string
	HTML    string
	Event   []byte // the request, indented JSON
}

// Options say where to play. All are required.
type Options struct {
	Root     string            // the repository
	Binaries map[string]string // as local.Build returns them
	Dir      string            // receives logs, and what a scene needs
}

// seed makes the market and the paper broker. Prices still depend on the
// second at which a function asks for them.
const seed = 7

// Play plays a scene to its end and returns the last mail that arrived.
func Play(ctx context.Context, s Scene, o Options) (mail Mail, err error) {
	options := rehearsal.Options{
		Root: o.Root, Binaries: o.Binaries, Dir: o.Dir, Source: synthmarket.New(seed), Seed: seed, AsOf: "2024-03-12",
		Cash: money.MustParse("60000"), Faults: &fault.Plan{}, Backoff: local.Test(), Environment: map[string]map[string]string{},
		// What an account may hold after months: something to sell, to keep and to add to.
		Positions: map[string]money.Decimal{"QQQ": money.MustParse("41.25"), "COST": money.MustParse("18"), "MSFT": money.MustParse("60")},
	}
	on := &stage{ctx: ctx, dir: o.Dir}
	if s.prepare != nil {
		if err := s.prepare(on, &options); err != nil {
			return Mail{}, fmt.Errorf("gallery: prepare %s: %w", s.Name, err)
		}
	}
	if on.Rehearsal, err = rehearsal.Start(ctx, options); err != nil {
		return Mail{}, fmt.Errorf("gallery: %s: %w", s.Name, err)
	}
	defer func() { err = errors.Join(err, on.Close()) }()
	play := s.play
	if play == nil {
		play = (*stage).daily
	}
	if err := play(on); err != nil {
		return Mail{}, fmt.Errorf("gallery: play %s: %w", s.Name, err)
	}
	mails := on.Cloud.Snapshot().Mails
	if len(mails) == 0 {
		return Mail{}, fmt.Errorf("gallery: no mail arrived of %s", s.Name)
	}
	if mail, err = read(mails[len(mails)-1].Data, on.Cloud.Snapshot()); err != nil {
		return Mail{}, fmt.Errorf("gallery: the mail of %s: %w", s.Name, err)
	}
	if !strings.HasPrefix(mail.Subject, "["+s.Tag+"] ") {
		return Mail{}, fmt.Errorf("gallery: %s was mailed as %q, not as [%s]", s.Name, mail.Subject, s.Tag)
	}
	return mail, nil
}

// read takes a mail apart and finds the event that its Message-ID names.
func read(raw []byte, s local.Snapshot) (Mail, error) {
	var out Mail
	r, err := mail.CreateReader(bytes.NewReader(raw))
	if err != nil {
		return out, err
	}
	if out.Subject, err = r.Header.Subject(); err != nil {
		return out, err
	}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, err
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			return out, err
		}
		body = bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
		if header, ok := part.Header.(*mail.InlineHeader); ok {
			switch kind, _, _ := header.ContentType(); kind {
			case "text/plain":
				out.Text = string(body)
			case "text/html":
				out.HTML = string(body)
			}
		}
	}
	if out.Text == "" || out.HTML == "" {
		return out, errors.New("it has not both a plain and an HTML part")
	}
	messageID, err := r.Header.MessageID()
	if err != nil {
		return out, err
	}
	eventID, _, _ := strings.Cut(messageID, "@")
	for _, record := range s.Events {
		if bytes.Contains(record.Event.Detail, []byte(`"event_id":"`+eventID+`"`)) {
			var indented bytes.Buffer
			if err := json.Indent(&indented, record.Event.Detail, "", "  "); err != nil {
				return out, err
			}
			out.Event = append(indented.Bytes(), '\n')
			return out, nil
		}
	}
	return out, fmt.Errorf("no event on the bus has the id %s", eventID)
}
