package local

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/template"
)

// journalFile holds what was written to the tables since they were saved last.
const journalFile = "writes.journal"

// written is an item as a write has left it; Item is empty when it was deleted.
type written struct {
	Table string          `json:"table"`
	Key   json.RawMessage `json:"key"`
	Item  json.RawMessage `json:"item,omitempty"`
}

// writeRequest is the part of a write that says which items it touches.
type writeRequest struct {
	touched

	RequestItems map[string][]struct{ PutRequest, DeleteRequest *touched }

	TransactItems []map[string]touched
}

type touched struct {
	TableName string
	Key, Item map[string]json.RawMessage
}

// images reads the items that a write has touched.
func (t *tables) images(body []byte) ([]written, error) {
	var in writeRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	var all []touched
	if in.TableName != "" {
		all = append(all, in.touched)
	}
	for table, requests := range in.RequestItems {
		for _, r := range requests {
			for _, one := range []*touched{r.PutRequest, r.DeleteRequest} {
				if one != nil {
					one.TableName = table
					all = append(all, *one)
				}
			}
		}
	}
	for _, parts := range in.TransactItems {
		for kind, one := range parts {
			if kind != "ConditionCheck" {
				all = append(all, one)
			}
		}
	}
	list := make([]written, 0, len(all))
	for _, one := range all {
		image, err := t.image(one)
		if err != nil {
			return nil, err
		}
		list = append(list, image)
	}
	return list, nil
}

func (t *tables) image(of touched) (written, error) {
	name := of.TableName[strings.LastIndex(of.TableName, "/")+1:]
	i := slices.IndexFunc(t.models, func(m *template.Table) bool { return m.Name == name })
	if i < 0 {
		return written{}, fmt.Errorf("no table is named %q", of.TableName)
	}
	key := of.Key
	if key == nil {
		key = map[string]json.RawMessage{}
		for _, attribute := range []string{t.models[i].Key.Partition, t.models[i].Key.Sort} {
			if attribute != "" {
				key[attribute] = of.Item[attribute]
			}
		}
	}
	text, err := json.Marshal(key)
	if err != nil {
		return written{}, err
	}
	var out struct{ Item json.RawMessage }
	if err := t.call("GetItem", map[string]any{"TableName": name, "Key": key}, &out); err != nil {
		return written{}, err
	}
	if s := string(out.Item); s == "null" || s == "{}" {
		out.Item = nil
	}
	return written{name, text, out.Item}, nil
}

// replay brings the items of a line back.
func (t *tables) replay(call []written) error {
	for _, w := range call {
		operation, input := "PutItem", map[string]any{"TableName": w.Table, "Item": w.Item}
		if w.Item == nil {
			operation, input = "DeleteItem", map[string]any{"TableName": w.Table, "Key": w.Key}
		}
		if err := t.call(operation, input, nil); err != nil {
			return err
		}
		t.changed = true
	}
	return nil
}
