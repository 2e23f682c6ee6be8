package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// KeptItems reads the items of a table from a folder that SaveTables has written or that a cloud keeps its data in, one cloud running
// or not: the saved items and, over them, what the journal has. They are in the form in which DynamoDB sends them, in no order.
// A table that was never saved has none.
func KeptItems(dir, table string) ([]json.RawMessage, error) {
	type key struct{ PK, SK struct{ S string } }
	items := map[key]json.RawMessage{}
	keyOf := func(raw json.RawMessage) (k key, err error) {
		err = json.Unmarshal(raw, &k)
		return k, err
	}
	text, err := os.ReadFile(filepath.Join(dir, table+".jsonl"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the table %s: %w", table, err)
	}
	for n, line := range bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		k, err := keyOf(line)
		if err != nil {
			return nil, fmt.Errorf("read the table %s in %s, item %d: %w", table, dir, n+1, err)
		}
		items[k] = line
	}
	text, err = os.ReadFile(filepath.Join(dir, journalFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole { // a last line without its end was never answered for
			break
		}
		text = rest
		var call []written
		if err := json.Unmarshal(line, &call); err != nil {
			return nil, fmt.Errorf("read the journal in %s: %w", dir, err)
		}
		for _, w := range call {
			k, err := keyOf(w.Key)
			if err != nil {
				return nil, fmt.Errorf("read the journal in %s: %w", dir, err)
			}
			if w.Table != table {
				continue
			}
			if items[k] = w.Item; w.Item == nil {
				delete(items, k)
			}
		}
	}
	list := make([]json.RawMessage, 0, len(items))
	for _, item := range items {
		list = append(list, item)
	}
	return list, nil
}
