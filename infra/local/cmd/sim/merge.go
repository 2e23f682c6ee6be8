package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/sim"
)

// mergeAll prints the joint report of the named files.
func (c command) mergeAll(out io.Writer) error {
	report, err := readReports(c.files)
	if err != nil {
		return err
	}
	return c.print(report, sim.Options{}, out)
}

// readReports reads what -json printed, and adds it.
func readReports(files []string) (sim.Report, error) {
	if len(files) == 0 {
		return sim.Report{}, errors.New("-merge needs the names of files that -json printed")
	}
	reports := make([]sim.Report, len(files))
	for k, file := range files {
		if strings.HasPrefix(file, "-") {
			return sim.Report{}, fmt.Errorf("%s stands behind a file; flags come first", file)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return sim.Report{}, err
		}
		if err := json.Unmarshal(raw, &reports[k]); err != nil {
			return sim.Report{}, fmt.Errorf("%s is no report of -json: %w", file, err)
		}
	}
	return sim.Merged(reports...)
}
