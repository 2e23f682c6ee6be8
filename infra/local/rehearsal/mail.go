package rehearsal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/emersion/go-message/mail"

	"github.com/alchemiser/alchemiser/infra/local/smtp"
)

// preview writes the page of a mail beside its .eml file.
func preview(m smtp.Mail, dir string) (Mail, error) {
	out := Mail{To: m.To, EML: m.File}
	reader, err := mail.CreateReader(bytes.NewReader(m.Data))
	if err != nil {
		return out, fmt.Errorf("rehearsal: the mail does not parse: %w", err)
	}
	if out.Subject, err = reader.Header.Subject(); err != nil {
		return out, fmt.Errorf("rehearsal: the mail's subject does not decode: %w", err)
	}
	if out.MessageID, err = reader.Header.MessageID(); err != nil {
		return out, fmt.Errorf("rehearsal: the mail's Message-ID does not decode: %w", err)
	}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return out, fmt.Errorf("rehearsal: the mail %q has no HTML part", out.Subject)
		}
		if err != nil {
			return out, fmt.Errorf("rehearsal: the mail does not parse: %w", err)
		}
		header, ok := part.Header.(*mail.InlineHeader)
		if !ok {
			continue
		}
		if kind, _, err := header.ContentType(); err != nil || kind != "text/html" {
			continue
		}
		page, err := io.ReadAll(part.Body)
		if err != nil {
			return out, fmt.Errorf("rehearsal: the mail's page does not decode: %w", err)
		}
		out.HTML = filepath.Join(dir, strings.TrimSuffix(filepath.Base(m.File), ".eml")+".html")
		if err := os.WriteFile(out.HTML, page, 0o644); err != nil {
			return out, fmt.Errorf("rehearsal: %w", err)
		}
		return out, nil
	}
}
