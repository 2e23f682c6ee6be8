package topology_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// docs/events.md describes every event as the code does: the Go types of
// pkg/events with their comments, and who publishes and consumes what.
func TestEveryEventIsDocumented(t *testing.T) {
	const document = "../../docs/events.md"
	files, err := filepath.Glob("../events/*.go")
	if err != nil {
		t.Fatal(err)
	}
	d := &eventsDocument{structs: map[string]structDoc{}, words: map[string][]string{}}
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			d.read(t, f)
		}
	}
	text := d.write(t)
	if *update {
		if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	stored, err := os.ReadFile(document)
	if err != nil || string(stored) != text {
		t.Errorf("docs/events.md is not what the code says (%v); make golden writes it anew", err)
	}
}

// eventsDocument is what the source of pkg/events says of its types.
type eventsDocument struct {
	structs map[string]structDoc
	order   []string
	words   map[string][]string // by type: the values of its constants
}

type structDoc struct {
	about  string
	fields []fieldDoc
}

type fieldDoc struct{ name, kind, about string }

// read collects the structs of a source file that travel as JSON.
func (d *eventsDocument) read(t *testing.T, file string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range parsed.Decls {
		g, ok := decl.(*ast.GenDecl)
		if ok && g.Tok == token.CONST {
			d.readWords(g)
		}
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			ts := spec.(*ast.TypeSpec)
			st, ok := ts.Type.(*ast.StructType)
			if !ok || !ts.Name.IsExported() {
				continue
			}
			s := structDoc{about: strings.Join(strings.Fields(g.Doc.Text()), " ")}
			for _, f := range st.Fields.List {
				if f.Tag == nil {
					continue
				}
				name, option, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
				kind := d.kindOf(f.Type)
				if option == "omitempty" {
					kind += ", may be absent"
				}
				s.fields = append(s.fields, fieldDoc{name, kind, strings.TrimSpace(f.Comment.Text())})
			}
			if len(s.fields) > 0 {
				d.structs[ts.Name.Name] = s
				d.order = append(d.order, ts.Name.Name)
			}
		}
	}
}

// readWords collects the texts that a type of its own may be.
func (d *eventsDocument) readWords(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		v := spec.(*ast.ValueSpec)
		if kind, ok := v.Type.(*ast.Ident); ok && len(v.Values) == 1 {
			if text, ok := v.Values[0].(*ast.BasicLit); ok {
				d.words[kind.Name] = append(d.words[kind.Name], strings.Trim(text.Value, `"`))
			}
		}
	}
}

// kindOf words a Go type as a reader of JSON would. Enumerations are marked,
// to be filled in when all files were read.
func (d *eventsDocument) kindOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return d.kindOf(e.X) + " or null"
	case *ast.IndexExpr:
		return "list of " + d.kindOf(e.Index)
	case *ast.Ident:
		switch e.Name {
		case "string", "Type", "Source":
			return "text"
		case "int", "int64":
			return "integer"
		case "bool":
			return "true or false"
		case "Decimal":
			return "decimal"
		case "Date":
			return "date"
		case "Time":
			return "time"
		case "Weights", "Prices":
			return "decimals by symbol"
		case "Timings":
			return "milliseconds by stage"
		case "Details":
			return "texts by name"
		case "Payload":
			return "by type, below"
		case "Side", "Kind", "LegStatus", "Outcome", "Mode", "ControlState", "Phase":
			return "{" + e.Name + "}"
		}
		return "[" + e.Name + "](#" + strings.ToLower(e.Name) + ")"
	}
	return fmt.Sprintf("%T", e)
}

func (d *eventsDocument) write(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`# Events

Everything that one function tells another one is an event on one EventBridge bus: its detail is the envelope below, with the
payload of its type. This page is written by ` + "`make golden`" + ` from ` + "`pkg/events`" + ` and ` + "`pkg/topology`" + `; a JSON Schema and a golden file of every type and
version lie beside the code, in ` + "`pkg/events/schema`" + ` and ` + "`pkg/events/testdata/golden`" + `.

- A decimal is a text such as "12.5": no exponent, at most nine fractional digits, no zeros at the end. No number has a fraction.
- A time is a text such as "2026-11-23T14:35:00.000Z", a date one such as "2026-11-23", in New York.
- The id of an event follows from what caused it, so that repeating a step repeats its events. Two deliveries of one id have the
  same bytes; other content under a known id is refused.
- A version is MAJOR.MINOR. A reader ignores fields that a newer minor version adds; older majors are brought up when they are
  read (` + "`pkg/events/upcast.go`" + `); an unknown major is refused.
- A trading event may be acted on until the run's deadline, a report for 14 days after it.

| Event | Version | Kind | Source | Published by | Consumed by |
|---|---|---|---|---|---|
`)
	kinds := map[events.Class]string{events.Trading: "trading", events.Report: "report"}
	for _, e := range events.Registry() {
		var publishers, consumers, sources []string
		for _, f := range topology.Functions() {
			if f.MayPublish(e.Type) {
				publishers = append(publishers, string(f.Name))
			}
		}
		for _, s := range e.Sources {
			sources = append(sources, "`"+string(s)+"`")
			for _, name := range topology.Consumers(s, e.Type) {
				if !slices.Contains(consumers, string(name)) {
					consumers = append(consumers, string(name))
				}
			}
		}
		if len(consumers) == 0 {
			consumers = []string{"the archive alone"}
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s | %s |\n", e.Type, strings.ToLower(string(e.Type)), e.Version, kinds[e.Class],
			strings.Join(sources, "<br>"), strings.Join(publishers, ", "), strings.Join(consumers, ", "))
	}
	written := map[string]bool{}
	section := func(name string) {
		s, ok := d.structs[name]
		if !ok {
			t.Fatalf("no type %s in pkg/events", name)
		}
		written[name] = true
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| Field | Type | Meaning |\n|---|---|---|\n", name, s.about)
		for _, f := range s.fields {
			kind := f.kind
			for name, values := range d.words {
				kind = strings.ReplaceAll(kind, "{"+name+"}", strings.Join(values, ", "))
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.name, kind, f.about)
		}
	}
	b.WriteString("\n## The envelope\n")
	section("Envelope")
	section("Producer")
	b.WriteString("\n## The payloads\n")
	for _, e := range events.Registry() {
		section(string(e.Type))
	}
	b.WriteString("\n## What payloads are made of\n")
	for _, name := range d.order {
		if !written[name] {
			section(name)
		}
	}
	return b.String()
}
