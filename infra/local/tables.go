package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/truora/minidyn/server"

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
	engine  http.Handler
	models  []*template.Table
	changed atomic.Bool // since the last save
}

func newTables(models []*template.Table) (*tables, error) {
	t := &tables{engine: server.NewServer(), models: models}
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
	t.engine.ServeHTTP(w, r)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems":
		t.changed.Store(true)
	}
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
