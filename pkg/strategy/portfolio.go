package strategy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// PortfolioFile is the name of the file that weighs the strategies beside it.
const PortfolioFile = "portfolio.yaml"

// Portfolio is a folder of strategies with their weights. The weights of the
// entries and the cash add up to exactly One.
type Portfolio struct {
	Entries []Entry
	Cash    Weight
	// SHA256 covers the portfolio file and every strategy file it names.
	SHA256 string
}

// Entry is one strategy of a portfolio.
type Entry struct {
	ID      string // path without ".clj"
	File    string // path inside the folder
	Weight  Weight
	Program *Program
}

// StrategyID is the file's path without ".clj".
func StrategyID(file string) string { return strings.TrimSuffix(file, ".clj") }

// Plan says how many bars of each symbol the portfolio needs: per symbol the
// most that any of its strategies plans. MinimumSessions is not applied.
func (p *Portfolio) Plan() map[string]int {
	plan := make(map[string]int)
	for _, e := range p.Entries {
		for s, bars := range e.Program.Plan() {
			plan[s] = max(plan[s], bars)
		}
	}
	return plan
}

// LoadPortfolio reads portfolio.yaml and compiles every strategy it names.
// With diagnostics there is no portfolio: they are of all the files, in the
// order they were read.
func LoadPortfolio(fsys fs.FS) (*Portfolio, Diagnostics) {
	src, err := fs.ReadFile(fsys, PortfolioFile)
	if err != nil {
		return nil, Diagnostics{unreadable(PortfolioFile, 1, 1, err)}
	}
	l := &portfolioLoader{fsys: fsys, portfolio: &Portfolio{}}
	l.digest.add(PortfolioFile, src)
	l.load(src)
	if len(l.diagnostics) > 0 {
		return nil, l.diagnostics
	}
	l.portfolio.SHA256 = l.digest.sum()
	return l.portfolio, nil
}

// unreadable reports a file that could not be read.
func unreadable(file string, line, col int, err error) Diagnostic {
	d := Diagnostic{File: file, Line: line, Col: col, Class: "unreadable-file", Message: err.Error()}
	if errors.Is(err, fs.ErrNotExist) {
		d.Class, d.Hint = "missing-file", "check the name; strategies stand in the folder of "+PortfolioFile
	}
	return d
}

// portfolioLoader reads the nodes of the YAML document itself, because a
// decoder would accept 0.6 where "0.6" is asked for, and lose the positions.
type portfolioLoader struct {
	fsys        fs.FS
	portfolio   *Portfolio
	diagnostics Diagnostics
	digest      digest
}

func (l *portfolioLoader) report(n ast.Node, message, hint string) {
	line, col := 1, 1
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key // the token of a mapping is a colon in its middle
	}
	if n != nil {
		if t := n.GetToken(); t != nil && t.Position != nil {
			line, col = t.Position.Line, t.Position.Column
		}
	}
	l.diagnostics = append(l.diagnostics, Diagnostic{File: PortfolioFile, Line: line, Col: col, Class: "portfolio", Message: message, Hint: hint})
}

func (l *portfolioLoader) load(src []byte) {
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		l.syntax(err)
		return
	}
	if len(file.Docs) != 1 {
		l.report(nil, fmt.Sprintf("expected one YAML document, found %d", len(file.Docs)), "")
		return
	}
	body := file.Docs[0].Body
	fields, ok := l.fields(body, "version", "strategies", "cash")
	if !ok {
		return
	}
	if v, ok := fields["version"].(*ast.IntegerNode); !ok || v.GetToken().Value != "1" {
		l.report(or(fields["version"], body), "version must be 1", "write version: 1")
	}
	if n, ok := fields["cash"]; ok {
		l.portfolio.Cash, _ = l.weight(n, "cash")
	}
	list, ok := fields["strategies"].(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		l.report(or(fields["strategies"], body), "strategies must be a list of at least one strategy", "write - strategy: file.clj, and weight: \"0.5\" below it")
		return
	}
	for _, n := range list.Values {
		l.entry(n)
	}
	if len(l.diagnostics) > 0 {
		return
	}
	sum := l.portfolio.Cash
	for _, e := range l.portfolio.Entries {
		sum += e.Weight
	}
	if sum != One {
		l.report(list, fmt.Sprintf("weights and cash add up to %s, not to 1", sum), fmt.Sprintf("the difference to 1 is %s", One-sum))
	}
}

func or(n, otherwise ast.Node) ast.Node {
	if n == nil {
		return otherwise
	}
	return n
}

func (l *portfolioLoader) syntax(err error) {
	d := Diagnostic{File: PortfolioFile, Line: 1, Col: 1, Class: "portfolio", Message: "not valid YAML: " + err.Error()}
	var located interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &located) {
		d.Message = "not valid YAML: " + located.GetMessage()
		if t := located.GetToken(); t != nil && t.Position != nil {
			d.Line, d.Col = t.Position.Line, t.Position.Column
		}
	} else {
		d.Message = "not valid YAML: " + yaml.FormatError(err, false, false)
	}
	l.diagnostics = append(l.diagnostics, d)
}

// fields reads a mapping with no other keys than the known ones.
func (l *portfolioLoader) fields(n ast.Node, known ...string) (map[string]ast.Node, bool) {
	hint := "known keys: " + strings.Join(known, ", ")
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	default:
		l.report(n, "expected keys and values", hint)
		return nil, false
	}
	fields := make(map[string]ast.Node, len(pairs))
	good := true
	for _, p := range pairs {
		key := p.Key.GetToken().Value
		isKnown := false
		for _, k := range known {
			isKnown = isKnown || k == key
		}
		_, twice := fields[key]
		switch {
		case !isKnown:
			l.report(p.Key, fmt.Sprintf("unknown key %q", clip(key)), hint)
			good = false
		case twice:
			l.report(p.Key, fmt.Sprintf("key %q is given twice", key), "keep one of them")
			good = false
		}
		fields[key] = p.Value
	}
	return fields, good
}

// weight reads a weight, which must be quoted: YAML would read 0.10 as a
// binary number.
func (l *portfolioLoader) weight(n ast.Node, what string) (Weight, bool) {
	s, ok := n.(*ast.StringNode)
	if !ok || s.Token.Type != token.DoubleQuoteType && s.Token.Type != token.SingleQuoteType {
		l.report(n, what+" must be a quoted decimal", `write it in quotes, e.g. "0.35"`)
		return 0, false
	}
	w, err := ParseWeight(s.Value)
	if err != nil {
		l.report(n, what+": "+err.Error(), "")
		return 0, false
	}
	return w, true
}

func (l *portfolioLoader) entry(n ast.Node) {
	fields, ok := l.fields(n, "strategy", "weight")
	if !ok {
		return
	}
	if fields["strategy"] == nil || fields["weight"] == nil {
		l.report(n, "an entry needs a strategy and a weight", "write - strategy: file.clj, and weight: \"0.5\" below it")
		return
	}
	e := Entry{}
	if e.Weight, ok = l.weight(fields["weight"], "weight"); ok && e.Weight == 0 {
		l.report(fields["weight"], "weight must be above 0", "delete the entry to leave the strategy out")
	}
	name, ok := fields["strategy"].(*ast.StringNode)
	if !ok {
		l.report(fields["strategy"], "strategy must be the path of a file", "write strategy: file.clj")
		return
	}
	e.File = name.Value
	e.ID = StrategyID(e.File)
	if e.ID == e.File || !fs.ValidPath(e.File) || strings.Contains(e.File, `\`) || path.Base(e.ID) == "." || path.Base(e.File) == ".clj" {
		l.report(name, fmt.Sprintf("%q is not the path of a strategy file", clip(e.File)),
			"write a path inside this folder with / between folders, without .., ending in .clj")
		return
	}
	for _, other := range l.portfolio.Entries {
		if other.File == e.File {
			l.report(name, fmt.Sprintf("strategy %q is given twice", e.File), "add the weights and keep one entry")
			return
		}
	}
	l.portfolio.Entries = append(l.portfolio.Entries, e)
	l.compile(&l.portfolio.Entries[len(l.portfolio.Entries)-1], name)
}

func (l *portfolioLoader) compile(e *Entry, name ast.Node) {
	src, err := fs.ReadFile(l.fsys, e.File)
	if err != nil {
		position := name.GetToken().Position
		l.diagnostics = append(l.diagnostics, unreadable(PortfolioFile, position.Line, position.Column, err))
		return
	}
	l.digest.add(e.File, src)
	program, ds := Compile(e.File, src)
	l.diagnostics = append(l.diagnostics, ds...)
	e.Program = program
}

// digest covers several files: the name of each and the hash of its content, in
// the order of the portfolio.
type digest struct{ content []byte }

func (d *digest) add(name string, content []byte) {
	sum := sha256.Sum256(content)
	d.content = binary.AppendUvarint(d.content, uint64(len(name)))
	d.content = append(d.content, name...)
	d.content = append(d.content, sum[:]...)
}

func (d *digest) sum() string {
	sum := sha256.Sum256(d.content)
	return hex.EncodeToString(sum[:])
}
