package events_test

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/alchemiser/alchemiser/pkg/events"
)

// schemaOf describes an event of the entry's type as JSON Schema, for readers
// in other languages. The Go types are the source.
func schemaOf(entry events.Entry) ([]byte, error) {
	text := func(pattern string) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Pattern: pattern}
	}
	r := &jsonschema.Reflector{
		DoNotReference: true,
		Anonymous:      true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			switch t {
			case reflect.TypeFor[events.Decimal]():
				return text(events.DecimalPattern)
			case reflect.TypeFor[events.Date]():
				return text(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
			case reflect.TypeFor[events.Time]():
				return text(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$`)
			}
			return nil
		},
	}
	schema := r.Reflect(&events.Envelope{})
	payload := r.Reflect(entry.New())
	payload.Version = ""
	schema.Title = string(entry.Type) + " " + entry.Version
	schema.Properties.Set("event_type", &jsonschema.Schema{Const: string(entry.Type)})
	schema.Properties.Set("payload", payload)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(schema)
	return b.Bytes(), err
}
