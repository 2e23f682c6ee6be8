package notifier_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/services/notifier"
)

// The gallery's mails are what today's code makes of their events, byte for
// byte: the events hold all times and prices.
func TestTheGalleryIsRenderedByTodaysCode(t *testing.T) {
	paths, err := filepath.Glob("../../docs/gallery/*/event.json")
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d scenes in docs/gallery (%v); make gallery writes them", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path))
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			in, err := events.Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			to := notifier.Audience{Environment: "dev", Neutral: strings.HasPrefix(name, "neutral")}
			var v notifier.View
			switch p := in.Payload.(type) {
			case *events.TradingNotificationRequested:
				v = notifier.SummaryView(in, p, to)
			case *events.ErrorNotificationRequested:
				v = notifier.ErrorView(in, p, to)
			default:
				t.Fatalf("%s asks for no mail", in.EventType)
			}
			text, html := render(t, v)
			golden(t, filepath.Join("../../../docs/gallery", name, "mail.txt"), "Subject: "+v.Subject+"\n\n"+text)
			golden(t, filepath.Join("../../../docs/gallery", name, "mail.html"), html)
			narrow(t, text)
			plain(t, html)
		})
	}
}

// narrow checks that a plain text reads well in a terminal of 80 columns.
func narrow(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.HasSuffix(line, " \n") {
			t.Errorf("blanks at the end of %q", line)
		}
	}
	if strings.Contains(text, "\n\n\n") {
		t.Errorf("two empty lines in a row:\n%s", text)
	}
}

// plain checks what common mail programs need: tables and inline styles, no
// script, nothing loaded from elsewhere, no empty cell.
func plain(t *testing.T, html string) {
	t.Helper()
	for _, bad := range []string{"<script", "<img", "<link", "<iframe", "javascript:", `="http`, "url(", "@import", "flex", "grid", `"></td>`, `"></th>`} {
		if strings.Contains(html, bad) {
			t.Errorf("%s in the HTML", bad)
		}
	}
}
