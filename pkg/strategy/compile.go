package strategy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
)

// Program is a checked strategy, ready to be evaluated. It never changes and
// may be used by several goroutines.
type Program struct {
	File   string // name it was compiled under
	Name   string // first argument of defsymphony
	SHA256 string // of the file's bytes, hexadecimal
	Rule   Rule   // when a new target is applied

	root    *node
	symbols []string // all tickers of the file, ascending
	uses    []use    // all indicators of symbols that can be asked for
	memos   int      // number of different memo ids
}

// use is one indicator of one symbol.
type use struct {
	sym     int32
	measure measure
}

// Symbols are all tickers the file names, in any branch, ascending.
func (p *Program) Symbols() []string { return slices.Clone(p.symbols) }

// Compile reads, checks and compiles one file. With diagnostics there is no
// program.
func Compile(file string, src []byte) (*Program, Diagnostics) {
	form, ds := Read(file, src)
	if len(ds) > 0 {
		return nil, ds
	}
	c := &compiler{
		program:   &Program{File: file},
		src:       src,
		ids:       newInterner(len(src) / 512),
		symbolIDs: make(map[string]int32),
		useIDs:    make(map[use]int32),
	}
	c.file(form)
	if c.failed {
		return nil, c.diagnostics.trim()
	}
	sum := sha256.Sum256(src)
	c.program.SHA256 = hex.EncodeToString(sum[:])
	c.finish()
	return c.program, nil
}

// compiler builds the nodes of one file. Nodes of equal content get equal ids:
// an id stands for the operator and the ids of its arguments.
type compiler struct {
	program     *Program
	src         []byte
	diagnostics Diagnostics
	failed      bool

	ids       *interner
	key       []byte
	symbolIDs map[string]int32
	assetIDs  []int32 // by symbol
	useIDs    map[use]int32

	depth   int32    // how many decisions enclose the next node
	nodes   [][]node // all of them, in slabs
	kids    slab[*node]
	weights slab[float64]
}

// source is the text of a form as written, shortened.
func (c *compiler) source(f *Form) string {
	return clip(string(c.src[f.Start:min(f.End, f.Start+80)]))
}

func (c *compiler) node(f *Form, o op) *node {
	last := len(c.nodes) - 1
	if last < 0 || len(c.nodes[last]) == cap(c.nodes[last]) {
		c.nodes = append(c.nodes, make([]node, 0, min(512, 8<<min(len(c.nodes), 6))))
		last++
	}
	slab := c.nodes[last][:len(c.nodes[last])+1]
	c.nodes[last] = slab
	n := &slab[len(slab)-1] // zero; set by fields, so that no pointer is written
	n.op, n.line, n.col, n.depth, n.slot = o, f.Line, f.Col, c.depth, -1
	return n
}

func (c *compiler) symbol(s string) int32 {
	id, ok := c.symbolIDs[s]
	if !ok {
		id = int32(len(c.program.symbols))
		c.symbolIDs[s] = id
		c.program.symbols = append(c.program.symbols, s)
	}
	return id
}

func (c *compiler) use(sym int32, m measure) int32 {
	u := use{sym, m}
	id, ok := c.useIDs[u]
	if !ok {
		id = int32(len(c.program.uses))
		c.useIDs[u] = id
		c.program.uses = append(c.program.uses, u)
	}
	return id
}

// rank prepares what a filter or inverse volatility can score: assets get the
// indicator of their symbol, everything else a return series.
func (c *compiler) rank(n *node) {
	if c.failed {
		return
	}
	for _, k := range n.kids {
		c.rankItems(k, n.measure)
	}
}

func (c *compiler) rankItems(n *node, m measure) {
	switch {
	case n.transparent():
		for _, k := range n.branches() {
			c.rankItems(k, m)
		}
	case n.op == opAsset:
		n.slot = c.use(n.sym, m)
	default:
		n.composite = true
	}
}

// intern gives a node its ids. Names of groups are not content; but where
// equal scores are ordered by them (the candidates of a filter) nodes with
// different names must not share a remembered result, hence the second id.
func (c *compiler) intern(n *node) {
	if c.failed {
		return
	}
	n.named = n.op == opFilter && reachesComposite(n.kids[0])
	for _, k := range n.kids {
		n.named = n.named || k.named
	}
	if n.op == opAsset {
		n.sem = c.assetID(n)
	} else {
		n.sem = c.id(n, false)
	}
	n.memo = n.sem
	if n.named {
		n.memo = c.id(n, true)
	}
}

// assetID is the id of an asset, by far the most frequent node, without the
// detour through a key.
func (c *compiler) assetID(n *node) int32 {
	for int(n.sym) >= len(c.assetIDs) {
		c.assetIDs = append(c.assetIDs, -1)
	}
	if c.assetIDs[n.sym] < 0 {
		c.assetIDs[n.sym] = c.id(n, false)
	}
	return c.assetIDs[n.sym]
}

func (c *compiler) id(n *node, names bool) int32 {
	c.key = append(c.key[:0], byte(n.op))
	if names {
		c.key[0] |= 0x80
	}
	switch n.op {
	case opAsset:
		c.number(n.sym)
	case opInverse:
		c.measureKey(n.measure)
	case opFilter:
		c.measureKey(n.measure)
		c.number(n.count)
		if n.top {
			c.key = append(c.key, 1)
		} else {
			c.key = append(c.key, 0)
		}
	case opCompare:
		c.key = append(c.key, n.text...)
		c.operandKey(n.kids[0])
		c.operandKey(n.kids[1])
		return c.ids.id(c.key)
	}
	for i, k := range n.kids {
		if n.op == opWeighted {
			c.float(n.weights[i])
		}
		if names {
			c.number(k.memo)
		} else {
			c.number(k.sem)
		}
	}
	if names && n.op == opFilter {
		c.labels(n.kids[0])
	}
	return c.ids.id(c.key)
}

// labels adds the names of a filter's candidates to the key.
func (c *compiler) labels(n *node) {
	if n.transparent() {
		for _, k := range n.branches() {
			c.labels(k)
		}
		return
	}
	c.number(int32(len(n.text)))
	c.key = append(c.key, n.text...)
}

func (c *compiler) operandKey(n *node) {
	if n.op == opLiteral {
		c.key = append(c.key, '#')
		c.float(n.num)
		return
	}
	c.key = append(c.key, '$')
	c.number(n.sym)
	c.measureKey(n.measure)
}

func (c *compiler) measureKey(m measure) {
	c.key = append(c.key, byte(m.indicator))
	c.number(m.window)
	c.number(m.long)
	c.number(m.smooth)
}

func (c *compiler) number(v int32) { c.key = binary.AppendUvarint(c.key, uint64(uint32(v))) }

func (c *compiler) float(v float64) {
	c.key = binary.LittleEndian.AppendUint64(c.key, math.Float64bits(v+0)) // −0 is 0
}

// finish sorts the symbols and points everything to the sorted ones.
func (c *compiler) finish() {
	p := c.program
	p.memos = c.ids.len()
	sorted := slices.Sorted(slices.Values(p.symbols))
	position := make([]int32, len(sorted))
	for i, s := range sorted {
		position[c.symbolIDs[s]] = int32(i)
	}
	p.symbols = sorted
	for i := range p.uses {
		p.uses[i].sym = position[p.uses[i].sym]
	}
	for _, slab := range c.nodes {
		for i := range slab {
			if o := slab[i].op; o == opAsset || o == opIndicator {
				slab[i].sym = position[slab[i].sym]
			}
		}
	}
}
