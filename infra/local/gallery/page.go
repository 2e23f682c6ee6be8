package gallery

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The files of a scene's folder.
const (
	EventFile = "event.json"
	TextFile  = "mail.txt" // with the subject in its first line
	HTMLFile  = "mail.html"
)

const subjectLine = "Subject: "

// Save writes the mail into a folder.
func (m Mail) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("gallery: %w", err)
	}
	for name, text := range map[string]string{
		EventFile: string(m.Event), TextFile: subjectLine + m.Subject + "\n\n" + m.Text, HTMLFile: m.HTML,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("gallery: %w", err)
		}
	}
	return nil
}

// Load reads what Save wrote.
func Load(dir string) (Mail, error) {
	var texts [3]string
	for i, name := range []string{EventFile, TextFile, HTMLFile} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return Mail{}, fmt.Errorf("gallery: %w; make gallery writes it", err)
		}
		texts[i] = string(text)
	}
	first, body, _ := strings.Cut(texts[1], "\n\n")
	return Mail{Subject: strings.TrimPrefix(first, subjectLine), Text: body, HTML: texts[2], Event: []byte(texts[0])}, nil
}

// Page is the README of the gallery: every scene with its subject, in the
// order of Scenes.
func Page(subjects []string) string {
	var b strings.Builder
	b.WriteString(`# The mails

Every mail that an owner can get. Each comes from a real run on the one-machine cloud, with the real binaries, and was taken
from the mail server as it arrived. ` + "`make gallery`" + ` plays them all again and writes this folder: for every scene the event that
asked for the mail, its plain text, its HTML, and pictures of it, which Chromium takes.

Two tests keep it true, without a browser. ` + "`services/notifier`" + ` renders every event again and compares all bytes: an event holds
its times, so nothing is left out. ` + "`infra/local/gallery`" + ` plays the scenes again, all but those marked slow, and compares the texts
without numbers, because prices and durations depend on the moment.

| What happened | Subject |
|---|---|
`)
	scenes := Scenes()
	for i, s := range scenes {
		fmt.Fprintf(&b, "| [%s](#%s) | `%s` |\n", strings.TrimSuffix(s.What, "."), s.Name, subjects[i])
	}
	for i, s := range scenes {
		slow := ""
		if s.Slow {
			slow = " (slow)"
		}
		fmt.Fprintf(&b, "\n## %[1]s\n\n%[2]s%[3]s\n\n`%[4]s` · [plain text](%[1]s/%[5]s) · [HTML](%[1]s/%[6]s) · [event](%[1]s/%[7]s)\n\n",
			s.Name, s.What, slow, subjects[i], TextFile, HTMLFile, EventFile)
		for n, look := range Looks() {
			if n > 0 {
				b.WriteString(" ")
			}
			fmt.Fprintf(&b, `<img src="%s/%s" alt="%s, %s" width="%d%%">`, s.Name, look.File, s.Name, strings.TrimSuffix(look.File, ".png"), look.Width*95/1780)
		}
		b.WriteString("\n")
	}
	return b.String()
}
