// Package mutant plants bugs, to see whether the simulation finds them. A bug
// is a few lines of the product with other ones in their place; the product's
// own code knows nothing of it. A simulation is built over the changed files
// and played until one of the invariants breaks that the bug must break.
//
//	for _, m := range mutant.Table() {
//		found, err := runner.Run(ctx, m)
//	}
package mutant

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Mutant is one planted bug.
type Mutant struct {
	ID        string
	Bug       string
	MustBreak []string // one of these invariants
	Sweep     bool     // found by the crash sweep; random worlds need luck
	Edits     []Edit
}

// Edit replaces a text that occurs exactly once in a file.
type Edit struct{ File, Old, New string }

// Apply makes the changed files, by their paths below root. A text that is not
// there, or there more than once, is an error: the table must not rot.
func (m Mutant) Apply(root string) (map[string]string, error) {
	out := make(map[string]string)
	for _, e := range m.Edits {
		text, ok := out[e.File]
		if !ok {
			raw, err := os.ReadFile(filepath.Join(root, e.File))
			if err != nil {
				return nil, fmt.Errorf("mutant %s: %w", m.ID, err)
			}
			text = string(raw)
		}
		if n := strings.Count(text, e.Old); n != 1 {
			return nil, fmt.Errorf("mutant %s: the text to be changed occurs %d times in %s; plant the bug anew:\n%s", m.ID, n, e.File, e.Old)
		}
		out[e.File] = strings.Replace(text, e.Old, e.New, 1)
	}
	return out, nil
}

// Runner builds and plays mutants.
type Runner struct {
	Root   string // of the repository
	Dir    string // for what is built
	Starts int    // points from which seeds are counted
	Limit  int    // seeds from each
}

// Found is how a mutant was found.
type Found struct {
	ID        string
	Seeds     []int // to detection, by starting point; 0: not within the limit
	Invariant string
	Example   string
}

// Median is the median number of seeds to detection; 0 when more than half of
// the starting points led to none.
func (f Found) Median() int {
	s := slices.Clone(f.Seeds)
	for i := range s {
		if s[i] == 0 {
			s[i] = int(^uint(0) >> 1)
		}
	}
	slices.Sort(s)
	if m := s[len(s)/2]; m != int(^uint(0)>>1) {
		return m
	}
	return 0
}

// Worst is the most seeds to detection; 0 when some starting point led to none.
func (f Found) Worst() int {
	if slices.Contains(f.Seeds, 0) {
		return 0
	}
	return slices.Max(f.Seeds)
}

// Run plants the bug, builds the simulation over it and plays it.
func (r Runner) Run(ctx context.Context, m Mutant) (Found, error) {
	binary, err := r.build(ctx, m)
	if err != nil {
		return Found{}, err
	}
	args := []string{"-detect", strings.Join(m.MustBreak, ","), "-n", fmt.Sprint(r.Limit), "-starts", fmt.Sprint(r.Starts)}
	if m.Sweep {
		args = append(args, "-sweep")
	}
	out, err := exec.CommandContext(ctx, binary, args...).Output()
	if err != nil {
		return Found{}, fmt.Errorf("mutant %s: play: %w", m.ID, err)
	}
	f := Found{ID: m.ID}
	if err := json.Unmarshal(out, &f); err != nil {
		return Found{}, fmt.Errorf("mutant %s: its report %q: %w", m.ID, out, err)
	}
	return f, nil
}

// build compiles the simulation over the changed files.
func (r Runner) build(ctx context.Context, m Mutant) (string, error) {
	files, err := m.Apply(r.Root)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(r.Dir, m.ID)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for file, text := range files {
		changed := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(changed, []byte(text), 0o644); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(r.Root, file)] = changed
	}
	raw, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	list, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "sim")
	if err := os.WriteFile(list, raw, 0o644); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-overlay", list, "-o", binary, "./infra/local/cmd/sim")
	build.Dir = r.Root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mutant %s: build: %w\n%s", m.ID, err, out)
	}
	return binary, nil
}
