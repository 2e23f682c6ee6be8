package strategy

// op is what a node of the compiled tree does.
type op uint8

const (
	opSeq       op = iota // transparent: kids are spliced
	opIf                  // transparent: kids are condition, then, else
	opAsset               // sym
	opGroup               // text, kid body
	opEqual               // kids
	opWeighted            // weights, kids
	opInverse             // window, kids
	opFilter              // metric, top, count, kid source
	opCompare             // text (the operator), kids left and right
	opAnd                 // kids
	opOr                  // kids
	opNot                 // kid
	opIndicator           // measure, sym, slot
	opLiteral             // num, text
)

// node is one occurrence of an operator in a file. Two occurrences of the same
// content share sem; they differ in position and in the names of groups.
type node struct {
	op        op
	top       bool // filter: select-top
	composite bool // ranked or weighed by its own return series somewhere
	named     bool // holds a filter whose ties group names decide
	line, col int32
	depth     int32 // how many if, filter and inverse volatility enclose it
	sem       int32 // content id: operator and arguments, no names
	memo      int32 // content id with the names that decide ties
	sym       int32 // index into Program.symbols
	slot      int32 // indicator, asset that is scored: index into Program.uses
	count     int32 // filter: how many are selected
	text      string
	num       float64
	weights   []float64
	measure   measure // indicator, metric of a filter, stdev-return of inverse volatility
	kids      []*node
}

// transparent nodes are replaced by their items where they stand.
func (n *node) transparent() bool { return n.op == opSeq || n.op == opIf }

// branches are the kids that are allocations.
func (n *node) branches() []*node {
	if n.op == opIf {
		return n.kids[1:]
	}
	return n.kids
}

// label names an item among the candidates of a filter.
func (n *node) label(p *Program) string {
	switch n.op {
	case opAsset:
		return p.symbols[n.sym]
	case opGroup:
		return n.text
	}
	return ""
}

// kind names the sort of an item in a receipt.
func (n *node) kind() string {
	switch n.op {
	case opAsset:
		return "asset"
	case opGroup:
		return "group"
	case opEqual:
		return "equal"
	case opWeighted:
		return "specified"
	case opInverse:
		return "inverse"
	case opFilter:
		return "filter"
	}
	return ""
}
