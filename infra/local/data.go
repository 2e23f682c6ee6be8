package local

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/journal"
)

// scanPage is what the engine returns of a table at a time; items keep their wire form.
type scanPage struct {
	Items            []json.RawMessage
	LastEvaluatedKey json.RawMessage `json:",omitempty"`
}

// lock keeps a second cloud off the folder: two ledgers of one account would trade twice. The system frees the lock of a process
// that has died.
func lock(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: another cloud is using this folder: end it, or choose another folder: %w", dir, err), file.Close())
	}
	return file.Close, nil
}

// save writes every table to <dir>/<table>.jsonl, one item a line, if anything has changed, and empties the journal. A file is
// replaced as a whole: a crash leaves the old one or the new one, and the journal makes the new one of the old.
func (t *tables) save(dir string) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if !t.changed {
		return nil
	}
	if err := t.copyTo(dir); err != nil {
		return err
	}
	if t.journal != nil {
		if err := t.journal.Clear(); err != nil {
			return err
		}
	}
	t.changed = false
	return nil
}

// copyTo writes every table to <dir>/<table>.jsonl.
func (t *tables) copyTo(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("save the tables: %w", err)
	}
	for _, m := range t.models {
		if err := t.saveTable(m.Name, filepath.Join(dir, m.Name+".jsonl")); err != nil {
			return fmt.Errorf("save table %s: %w", m.Name, err)
		}
	}
	return nil
}

// SaveTables writes the items of every table to <dir>/<table>.jsonl, one a line, as DynamoDB lays them out: a record of a cloud
// that is about to end.
func (c *Cloud) SaveTables(dir string) error {
	c.tables.writing.Lock()
	defer c.tables.writing.Unlock()
	return c.tables.copyTo(dir)
}

func (t *tables) saveTable(name, path string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".saving-*")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	input := map[string]any{"TableName": name}
	for {
		var page scanPage
		if err := t.call("Scan", input, &page); err != nil {
			return errors.Join(err, file.Close(), os.Remove(file.Name()))
		}
		for _, item := range page.Items {
			_, _ = w.Write(append(item, '\n')) // Flush reports what fails
		}
		if len(page.LastEvaluatedKey) == 0 || string(page.LastEvaluatedKey) == "null" || string(page.LastEvaluatedKey) == "{}" {
			break
		}
		input["ExclusiveStartKey"] = page.LastEvaluatedKey
	}
	if err := errors.Join(w.Flush(), file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), path)
}

// load reads what save wrote, replays the journal and keeps it from now on. A table without a file is empty; a file that cannot be read in full is an error, because a ledger
// with holes would let a run trade again.
func (t *tables) load(dir string) error {
	for _, m := range t.models {
		file, err := os.Open(filepath.Join(dir, m.Name+".jsonl"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("load table %s: %w", m.Name, err)
		}
		d := json.NewDecoder(file)
		for n := 1; d.More(); n++ {
			var item json.RawMessage
			if err = d.Decode(&item); err == nil {
				err = t.call("PutItem", map[string]any{"TableName": m.Name, "Item": item}, nil)
			}
			if err != nil {
				err = fmt.Errorf("load table %s, item %d: %w", m.Name, n, err)
				break
			}
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	var err error
	t.journal, err = journal.Open(filepath.Join(dir, journalFile), t.replay)
	return err
}

// close saves everything and ends the journal.
func (t *tables) close(dir string) error {
	if t.journal == nil { // loading failed: what is in memory is not what was kept
		return nil
	}
	return errors.Join(t.save(dir), t.journal.Close())
}

// keepData saves the tables whenever they have changed and nothing is under way.
func (c *Cloud) keepData() {
	for c.clock.Sleep(c.context, time.Second) == nil {
		if c.tracker.Count() > 0 {
			continue
		}
		if err := c.tables.save(c.options.DataDir); err != nil {
			c.problem("%v", err)
		}
	}
}
