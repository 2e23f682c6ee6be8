package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/infra/local/sim"
	"github.com/alchemiser/alchemiser/infra/local/sim/mutant"
)

// Where the figures are kept, below the repository's root, and the document
// that shows them.
const (
	worldsFile   = "infra/local/sim/figures/worlds.json"
	baselineFile = "infra/local/sim/figures/baseline.json"
	document     = "docs/simulation.md"

	figuresBegin  = "<!-- figures: make sim-report writes them -->"
	figuresEnd    = "<!-- end of the figures -->"
	baselineBegin = "<!-- baseline: make sim-baseline writes it -->"
	baselineEnd   = "<!-- end of the baseline -->"
)

// comparison are the same worlds with and without protections.
type comparison struct {
	With    sim.Report `json:"with"`
	Without sim.Report `json:"without"`
}

// publish keeps a report and writes its figures into the document.
func publish(root string, r sim.Report) error {
	if err := keep(filepath.Join(root, worldsFile), r); err != nil {
		return err
	}
	return writeBlock(filepath.Join(root, document), figuresBegin, figuresEnd, r.Figures())
}

// compare plays seeds from 1 with all protections and with none, and writes
// both into the document.
func (c command) compare(out io.Writer) error {
	root, err := repository.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "baseline")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var both comparison
	if both.Without, err = (mutant.Runner{Root: root, Dir: dir}).Play(context.Background(), mutant.Baseline(), c.n); err != nil {
		return err
	}
	both.With = sim.Many(sim.Batch{From: 1, N: c.n, Options: sim.Options{Once: true}, KeepOn: true})
	text := sim.Comparison(both.With, both.Without)
	fmt.Fprint(out, text)
	if c.write {
		both.Without.Violations = nil // by the thousand
		if err := keep(filepath.Join(root, baselineFile), both); err != nil {
			return err
		}
		if err := writeBlock(filepath.Join(root, document), baselineBegin, baselineEnd, text); err != nil {
			return err
		}
	}
	return both.With.Err()
}

func keep(file string, figures any) error {
	raw, err := json.MarshalIndent(figures, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o644)
}

// writeBlock replaces what stands between two lines of a document.
func writeBlock(file, begin, end, text string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	old, err := block(string(raw), begin, end)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(strings.Replace(string(raw), begin+"\n"+old+end, begin+"\n"+text+end, 1)), 0o644)
}

// block is what stands between two lines.
func block(text, begin, end string) (string, error) {
	_, rest, ok := strings.Cut(text, begin+"\n")
	inside, _, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("the lines %q and %q are missing", begin, end)
	}
	return inside, nil
}
