package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
	"time"
)

// trace is what happened in a world, one line an effect. The hash over all
// lines says whether two worlds were the same.
type trace struct {
	hash  hash.Hash
	line  []byte
	keep  bool
	lines []string
}

func newTrace(keep bool) *trace { return &trace{hash: sha256.New(), keep: keep} }

const traceTime = "2006-01-02T15:04:05.000000Z"

// add writes a line: when, who, what, with what, what came of it.
func (t *trace) add(at int64, actor, call, args, result string) {
	t.line = appendLine(strconv.AppendInt(t.line[:0], at, 10), actor, call, args, result)
	t.hash.Write(t.line)
	if t.keep {
		b := appendLine(time.Unix(0, at).UTC().AppendFormat(nil, traceTime), actor, call, args, result)
		t.lines = append(t.lines, string(b[:len(b)-1]))
	}
}

func appendLine(b []byte, actor, call, args, result string) []byte {
	b = append(append(append(append(b, ' '), actor...), ' '), call...)
	if args != "" {
		b = append(append(b, ' '), args...)
	}
	if result != "" {
		b = append(append(b, " → "...), result...)
	}
	return append(b, '\n')
}

func (t *trace) sum() string { return hex.EncodeToString(t.hash.Sum(nil)) }

// digest is a short name of content, for the trace.
func digest(b []byte) string {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * prime
	}
	return strconv.FormatUint(h, 36)
}
