package strategy

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	deep := strings.Repeat("(", 1000) + strings.Repeat(")", 1000)
	for _, c := range []struct{ name, src, want string }{
		{"empty", "", `1:1 empty-file`},
		{"bom only", "\ufeff", `1:1 empty-file`},
		{"blanks", " ,\t\f\r\n", `1:1 empty-file`},
		{"comment", "; (", `1:1 empty-file`},
		{"nul", "(a \x00)", `1:1 encoding`},
		{"latin 1", "(a \"\xe9\")", `1:1 encoding`},
		{"second bom", "\ufeff\ufeff(a)", `1:1 bad-char`},
		{"line ends", "(a\n\r\n\r \x01", `4:2 bad-char`},
		{"tab is a column", "(\t@", `1:3 bad-char`},
		{"wide character", "(\"😀é\" @", `1:7 bad-char`},
		{"line end in string", "(\"a\r\nb\" @", `2:4 bad-char`},
		{"escapes", `("\"\\\n\t\r\b\f\u00e9\uD83D\uDE00")`, `ok`},
		{"escape", `("a\x")`, `1:4 bad-escape`},
		{"short hex", `("\u12")`, `1:3 bad-escape`},
		{"lone high", `("\uD83D\u0041")`, `1:3 bad-escape`},
		{"lone low", `("\uDE00")`, `1:3 bad-escape`},
		{"escape before end", `("\q`, `1:3 bad-escape`},
		{"open string", "(\n \"abc", `2:2 bad-string`},
		{"backslash at the end", `("a\`, `1:2 bad-string`},
		{"numbers", "(0 -0 +1 10 -0.5 1.50 1e3 15E-1 0.0e+0)", `ok`},
		{"number 1e", "(1e)", `1:2 bad-number`},
		{"number 1e+", "(1e+)", `1:2 bad-number`},
		{"number 10d", "(10d)", `1:2 bad-number`},
		{"number 007", "(007)", `1:2 bad-number`},
		{"number 5.", "(5.)", `1:2 bad-number`},
		{"number .5", "(.5)", `1:2 bad-number`},
		{"number -.5", "(-.5)", `1:2 bad-number`},
		{"number 1/2", "(1/2)", `1:2 bad-number`},
		{"number 0x10", "(0x10)", `1:2 bad-number`},
		{"number 1_000", "(1_000)", `1:2 bad-number`},
		{"41 characters", "(1" + strings.Repeat("0", 40) + ")", `1:2 bad-number`},
		{"40 characters", "(1" + strings.Repeat("0", 39) + ")", `ok`},
		{"overflow", "(1e309)", `1:2 bad-number`},
		{"underflow", "(1e-999)", `ok`},
		{"symbols", "(_ > < = ! ? + * / - . & % $ a#' -a +.a ..)", `ok`},
		{"symbol #a", "(#a)", `1:2 bad-char`},
		{"symbol a@b", "(a@b)", `1:3 bad-char`},
		{"keyword :1a", "(:1a)", `1:3 bad-char`},
		{"keyword ::x", "(::x)", `1:3 bad-char`},
		{"keyword :", "(: a)", `1:2 bad-char`},
		{"control before number", "(10\x7fd)", `1:4 bad-char`},
		{"non-ascii before number", "(10dé)", `1:5 bad-char`},
		{"unclosed", "(a [b {c", `1:7 unclosed`},
		{"mismatched", "(a\n [b)", `2:4 mismatched`},
		{"unexpected", ")", `1:1 unexpected-close`},
		{"unexpected after form", "(a) )", `1:5 unexpected-close`},
		{"odd map", "( {:a 1 :b})", `1:3 odd-map`},
		{"odd before dup", "({:a 1 :a})", `1:2 odd-map`},
		{"dup", "({:a 1, :a 2})", `1:9 dup-key`},
		{"dup of string and symbol", `({"a" 1, a 2})`, `ok`},
		{"dup in a large map", "({:a 1 :b 1 :c 1 :d 1 :e 1 :f 1 :g 1 :h 1 :i 1 :j 1 :c 2})", `1:53 dup-key`},
		{"depth 1000", deep, `ok`},
		{"depth 1001", "(" + deep + ")", `1:1001 too-deep`},
		{"trailing", "(a)\n b", `2:2 trailing-form`},
		{"trailing bracket", "(a) [", `1:5 trailing-form`},
		{"trailing string", `(a) "\q"`, `1:5 trailing-form`},
		{"trailing junk", "(a) 10d", `1:5 bad-number`},
		{"two atoms", "a b", `1:3 trailing-form`},
		{"atom", "a", `ok`},
	} {
		got := "ok"
		if _, ds := Read("x.clj", []byte(c.src)); len(ds) > 0 {
			got = fmt.Sprintf("%d:%d %s", ds[0].Line, ds[0].Col, ds[0].Class)
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestReadTooLarge(t *testing.T) {
	src := bytes.Repeat([]byte(" "), MaxFileSize+1)
	_, ds := Read("x.clj", src)
	if len(ds) != 1 || ds[0].Class != "too-large" || ds[0].Message != "file has 16777217 bytes, the limit is 16777216" {
		t.Errorf("got %v", ds)
	}
	copy(src[MaxFileSize-3:], "(a)")
	if _, ds := Read("x.clj", src[:MaxFileSize]); len(ds) > 0 {
		t.Errorf("a file of exactly the limit: %v", ds)
	}
}

func TestReadDecodesStrings(t *testing.T) {
	f, ds := Read("x.clj", []byte(`"a\"\\\n\t\r\b\f\u00e9\uD83D\uDE00é"`))
	if len(ds) > 0 || f.Text != "a\"\\\n\t\r\b\fé😀é" {
		t.Errorf("got %q, %v", f.Text, ds)
	}
}

func TestManyErrorsNeedLittleMemory(t *testing.T) {
	src := []byte("(defsymphony \"x\" {} [" + strings.Repeat("a ", 500_000) + "])")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ds := Check("x.clj", src)
	runtime.ReadMemStats(&after)
	if len(ds) != MaxDiagnostics || ds[0].Col != 22 || ds[99].Col != 22+2*99 {
		t.Errorf("%d diagnostics, first %v", len(ds), ds[0])
	}
	if used := after.Mallocs - before.Mallocs; used > 3_000_000 {
		t.Errorf("%d allocations", used)
	}
}
