package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/truora/minidyn/server"

	"github.com/alchemiser/alchemiser/infra/local/journal"
	"github.com/alchemiser/alchemiser/infra/local/template"
)

type attributeDefinition struct{ AttributeName, AttributeType string }

type keyElement struct{ AttributeName, KeyType string }

type projection struct {
	ProjectionType   string
	NonKeyAttributes []string `json:",omitempty"`
}

type indexDefinition struct {
	IndexName  string
	KeySchema  []keyElement
	Projection projection
}

type createTable struct {
	TableName              string
	BillingMode            string
	AttributeDefinitions   []attributeDefinition
	KeySchema              []keyElement
	GlobalSecondaryIndexes []indexDefinition `json:",omitempty"`
}

// tables is a table engine in memory with the tables of the templates.
type tables struct {
	engine http.Handler
	models []*template.Table

	writing sync.Mutex                  // one write at a time: the journal has them in the order of their effect
	journal *journal.Journal[[]written] // nil: the items are not kept
	changed bool                        // since the last save
}

func newTables(models []*template.Table) (*tables, error) {
	t := &tables{engine: &reindexing{engine: server.NewServer(), models: models}, models: models}
	for _, m := range models {
		input := createTable{TableName: m.Name, BillingMode: "PAY_PER_REQUEST", KeySchema: elements(m.Key)}
		for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
			input.AttributeDefinitions = append(input.AttributeDefinitions, attributeDefinition{name, m.Attributes[name]})
		}
		for _, i := range m.Indexes {
			input.GlobalSecondaryIndexes = append(input.GlobalSecondaryIndexes, indexDefinition{i.Name, elements(i.Key), projection{i.Projection, i.Include}})
		}
		if err := t.call("CreateTable", input, nil); err != nil {
			return nil, fmt.Errorf("table %s: %w", m.Name, err)
		}
	}
	return t, nil
}

// ServeHTTP implements http.Handler.
func (t *tables) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems":
		if t.journal != nil {
			t.write(w, r)
			return
		}
	}
	t.engine.ServeHTTP(w, r)
}

// write passes a write on and answers once it is in the journal.
func (t *tables) write(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	recorder := httptest.NewRecorder()
	t.writing.Lock()
	defer t.writing.Unlock()
	t.engine.ServeHTTP(recorder, r)
	if recorder.Code == http.StatusOK {
		t.changed = true
		images, err := t.images(body)
		if err == nil {
			err = t.journal.Append(images)
		}
		if err != nil { // the outcome is unknown to the caller, as it would be when a service fails after a write
			w.WriteHeader(http.StatusInternalServerError)
			message, _ := json.Marshal(err.Error()) // a string can be marshalled
			_, _ = fmt.Fprintf(w, `{"__type":"InternalServerError","message":%s}`, message)
			return
		}
	}
	copyAnswer(w, recorder)
}

func copyAnswer(w http.ResponseWriter, from *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), from.Header())
	w.WriteHeader(from.Code)
	_, _ = w.Write(from.Body.Bytes())
}

// call asks the engine directly.
func (t *tables) call(operation string, input, output any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	recorder := httptest.NewRecorder()
	t.engine.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		return fmt.Errorf("%s: %s", operation, recorder.Body)
	}
	if output == nil {
		return nil
	}
	return json.Unmarshal(recorder.Body.Bytes(), output)
}

func elements(k template.Key) []keyElement {
	list := []keyElement{{k.Partition, "HASH"}}
	if k.Sort != "" {
		list = append(list, keyElement{k.Sort, "RANGE"})
	}
	return list
}
