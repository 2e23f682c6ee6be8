package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/alchemiser/alchemiser/pkg/strategy"
	"github.com/spf13/cobra"
)

func newCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE…",
		Short: "Check strategies, or a folder with a portfolio",
		Long: "Check reads strategy files and reports every mistake with its place and a remedy.\n" +
			"A folder stands for its portfolio.yaml and all strategies it names.\n" +
			"Warnings name conditions that are always true or never; they do not fail the check.\n" +
			"Exit code 2 when anything is wrong.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var reports []strategy.CheckReport
			bad := false
			for _, arg := range args {
				ds, warnings := checkPath(arg)
				bad = bad || len(ds) > 0
				reports = append(reports, strategy.NewCheckReport(arg, ds, warnings))
				if asJSON {
					continue
				}
				if err := printCheck(cmd.OutOrStdout(), arg, ds, warnings); err != nil {
					return err
				}
			}
			if asJSON {
				if err := printJSON(cmd.OutOrStdout(), reports); err != nil {
					return err
				}
			}
			if bad {
				return exitError{code: exitInvalid}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// checkPath checks a strategy file or a portfolio's folder.
func checkPath(path string) (mistakes, warnings strategy.Diagnostics) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return checkFolder(path)
	}
	src, ds := readStrategy(path)
	if len(ds) > 0 {
		return ds, nil
	}
	program, ds := strategy.Compile(path, src)
	if len(ds) > 0 {
		return ds, nil
	}
	return nil, program.Warnings()
}

func checkFolder(dir string) (mistakes, warnings strategy.Diagnostics) {
	portfolio, mistakes := strategy.LoadPortfolio(os.DirFS(dir))
	if len(mistakes) == 0 {
		for _, e := range portfolio.Entries {
			warnings = append(warnings, e.Program.Warnings()...)
		}
	}
	for _, ds := range []strategy.Diagnostics{mistakes, warnings} {
		for i := range ds {
			ds[i].File = filepath.Join(dir, filepath.FromSlash(ds[i].File))
		}
	}
	return mistakes, warnings
}

// readStrategy reads a file; a failure is reported like any other mistake.
func readStrategy(path string) ([]byte, strategy.Diagnostics) {
	src, err := readLimited(path)
	if err == nil {
		return src, nil
	}
	d := strategy.Diagnostic{File: path, Line: 1, Col: 1, Class: "unreadable-file", Message: err.Error()}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		d.Message = pathError.Err.Error()
	}
	if errors.Is(err, fs.ErrNotExist) {
		d.Class, d.Hint = "missing-file", "check the path; it is taken from the current folder"
	}
	return nil, strategy.Diagnostics{d}
}

// readLimited reads no more than is needed to see that a file is too large.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > 8*strategy.MaxFileSize {
		return nil, fmt.Errorf("file has %d bytes, the limit is %d", info.Size(), strategy.MaxFileSize)
	}
	return io.ReadAll(f)
}

// printCheck prints what was found in a file, for people.
func printCheck(w io.Writer, path string, ds, warnings strategy.Diagnostics) error {
	text := ds.Error() + "\n"
	switch len(ds) {
	case 0:
		text = ""
		for _, d := range warnings {
			d.Message = "warning: " + d.Message
			text += d.String() + "\n"
		}
		text += path + ": good" + map[bool]string{true: ", with warnings"}[len(warnings) > 0] + "\n"
	case strategy.MaxDiagnostics:
		text += fmt.Sprintf("%s: only the first %d errors are shown\n", path, len(ds))
	}
	_, err := io.WriteString(w, text)
	return err
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
