package rehearsal

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/alchemiser/alchemiser/infra/local/journal"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
)

// paperFile keeps the paper account of a served cloud: every change is in it
// before the broker answers with it.
const paperFile = "paper-account.jsonl"

// openPaper reads the paper account that a data folder has. A folder without
// one begins with the options.
func (r *Rehearsal) openPaper(dir string) error {
	path := filepath.Join(dir, paperFile)
	var whole paperbroker.Change
	var err error
	r.kept, err = journal.Open(path, func(c paperbroker.Change) error {
		whole.Add(c)
		r.purse = &whole
		return nil
	})
	if err != nil {
		return fmt.Errorf("rehearsal: read the paper account: %w", err)
	}
	r.close = append(r.close, r.kept.Close)
	return nil
}

// keep is what the paper broker does before it answers with a change; nil when
// nobody keeps the account.
func (r *Rehearsal) keep() func(paperbroker.Change) error {
	if r.kept == nil {
		return nil
	}
	return r.kept.Append
}

// foldPaper writes the paper account as one change, when nobody trades any
// more: the next start reads less.
func (r *Rehearsal) foldPaper() error {
	if r.kept == nil {
		return nil
	}
	if err := r.kept.Replace(r.Paper.Kept()); err != nil {
		return errors.Join(errors.New("rehearsal: keep the paper account"), err)
	}
	return nil
}
