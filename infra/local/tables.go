package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"

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

// newTables returns a table engine in memory with the tables of the templates.
func newTables(models []*template.Table) (http.Handler, error) {
	engine := server.NewServer()
	for _, m := range models {
		input := createTable{TableName: m.Name, BillingMode: "PAY_PER_REQUEST", KeySchema: elements(m.Key)}
		for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
			input.AttributeDefinitions = append(input.AttributeDefinitions, attributeDefinition{name, m.Attributes[name]})
		}
		for _, i := range m.Indexes {
			input.GlobalSecondaryIndexes = append(input.GlobalSecondaryIndexes, indexDefinition{i.Name, elements(i.Key), projection{i.Projection, i.Include}})
		}
		body, err := json.Marshal(input)
		if err != nil {
			return nil, err
		}
		request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		request.Header.Set("X-Amz-Target", "DynamoDB_20120810.CreateTable")
		recorder := httptest.NewRecorder()
		engine.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK {
			return nil, fmt.Errorf("table %s: %s", m.Name, recorder.Body)
		}
	}
	return engine, nil
}

func elements(k template.Key) []keyElement {
	list := []keyElement{{k.Partition, "HASH"}}
	if k.Sort != "" {
		list = append(list, keyElement{k.Sort, "RANGE"})
	}
	return list
}
