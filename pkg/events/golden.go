package events

import (
	"embed"
	"fmt"
	"path"
)

//go:embed testdata/golden/*.json
var golden embed.FS

// Golden are the recorded events of a type, one of every version that was ever
// released: what a build must be able to read before it gets traffic.
func Golden(t Type) ([][]byte, error) {
	const dir = "testdata/golden"
	files, err := golden.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("events: golden files: %w", err)
	}
	var all [][]byte
	for _, f := range files {
		if ok, _ := path.Match(string(t)+"-*.json", f.Name()); ok {
			b, err := golden.ReadFile(path.Join(dir, f.Name()))
			if err != nil {
				return nil, fmt.Errorf("events: golden files: %w", err)
			}
			all = append(all, b)
		}
	}
	return all, nil
}
