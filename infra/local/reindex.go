package local

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/alchemiser/alchemiser/infra/local/template"
)

// reindexing is a table engine whose indexes follow their items. The engine
// below leaves an item that is put again where it was in an index, so that it
// is never found under its new key. A put that moves an item is made a delete
// under the same condition and a put, which nothing can come between.
type reindexing struct {
	engine http.Handler
	models []*template.Table
	turn   sync.RWMutex
}

// put is the part of a PutItem that a DeleteItem has as well, and the item.
type put struct {
	TableName                 string
	Item                      map[string]json.RawMessage `json:",omitempty"`
	Key                       map[string]json.RawMessage `json:",omitempty"`
	ConditionExpression       string                     `json:",omitempty"`
	ExpressionAttributeNames  json.RawMessage            `json:",omitempty"`
	ExpressionAttributeValues json.RawMessage            `json:",omitempty"`
}

// ServeHTTP implements http.Handler.
func (e *reindexing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); operation != "PutItem" {
		e.turn.RLock()
		defer e.turn.RUnlock()
		e.engine.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e.turn.Lock()
	defer e.turn.Unlock()
	var in put
	if err := json.Unmarshal(body, &in); err == nil && e.moves(r, in) {
		gone := in
		gone.Key, gone.Item = e.keyOf(in), nil
		if answer := e.ask(r, "DeleteItem", gone); answer.Code != http.StatusOK {
			copyAnswer(w, answer)
			return
		}
		body, _ = json.Marshal(put{TableName: in.TableName, Item: in.Item}) // it was decoded from JSON
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	e.engine.ServeHTTP(w, r)
}

func (e *reindexing) model(table string) *template.Table {
	name := table[strings.LastIndex(table, "/")+1:]
	if i := slices.IndexFunc(e.models, func(m *template.Table) bool { return m.Name == name }); i >= 0 {
		return e.models[i]
	}
	return nil
}

func (e *reindexing) keyOf(in put) map[string]json.RawMessage {
	key := make(map[string]json.RawMessage)
	m := e.model(in.TableName)
	for _, attribute := range []string{m.Key.Partition, m.Key.Sort} {
		if attribute != "" {
			key[attribute] = in.Item[attribute]
		}
	}
	return key
}

// moves tells whether the put replaces an item that an index has elsewhere.
func (e *reindexing) moves(r *http.Request, in put) bool {
	m := e.model(in.TableName)
	if m == nil || len(m.Indexes) == 0 {
		return false
	}
	answer := e.ask(r, "GetItem", put{TableName: in.TableName, Key: e.keyOf(in)})
	var old struct{ Item map[string]json.RawMessage }
	if answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &old) != nil || len(old.Item) == 0 {
		return false
	}
	return slices.ContainsFunc(m.Indexes, func(i template.Index) bool {
		return string(old.Item[i.Key.Partition]) != string(in.Item[i.Key.Partition]) || string(old.Item[i.Key.Sort]) != string(in.Item[i.Key.Sort])
	})
}

func (e *reindexing) ask(r *http.Request, operation string, input put) *httptest.ResponseRecorder {
	body, _ := json.Marshal(input) // texts and what was decoded from JSON
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)).WithContext(r.Context())
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	recorder := httptest.NewRecorder()
	e.engine.ServeHTTP(recorder, request)
	return recorder
}
