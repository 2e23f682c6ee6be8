package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/alchemiser/alchemiser/pkg/strategy"
	"github.com/spf13/cobra"
)

func newFormatCommand() *cobra.Command {
	var only bool
	cmd := &cobra.Command{
		Use:   "fmt [FILE…]",
		Short: "Lay strategy files out in the canonical way",
		Long: "Fmt rewrites strategy files in place and prints the names of those it changed.\n" +
			"Without a file it formats its input. What a strategy means never changes,\n" +
			"comments stay. With --check nothing is written; exit code 2 when a file would change.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return formatInput(cmd.InOrStdin(), cmd.OutOrStdout())
			}
			bad := false
			for _, path := range args {
				changed, err := formatFile(path, !only, cmd.OutOrStdout())
				if err != nil {
					return err
				}
				bad = bad || changed && only
			}
			if bad {
				return exitError{code: exitInvalid}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&only, "check", false, "only list the files that would change")
	return cmd
}

func formatInput(r io.Reader, w io.Writer) error {
	src, err := io.ReadAll(io.LimitReader(r, strategy.MaxFileSize+1))
	if err != nil {
		return fmt.Errorf("read the input: %w", err)
	}
	out, ds := strategy.Format("input", src)
	if len(ds) > 0 {
		if err := printCheck(w, "input", ds, nil); err != nil {
			return err
		}
		return exitError{code: exitInvalid}
	}
	_, err = w.Write(out)
	return err
}

// formatFile formats one file and tells whether its layout was another.
func formatFile(path string, write bool, w io.Writer) (changed bool, err error) {
	src, ds := readStrategy(path)
	var out []byte
	if len(ds) == 0 {
		out, ds = strategy.Format(path, src)
	}
	if len(ds) > 0 {
		if err := printCheck(w, path, ds, nil); err != nil {
			return false, err
		}
		return false, exitError{code: exitInvalid}
	}
	if bytes.Equal(src, out) {
		return false, nil
	}
	if write {
		if err := replaceFile(path, out); err != nil {
			return false, err
		}
	}
	_, err = fmt.Fprintln(w, path)
	return true, err
}

// replaceFile writes a file beside the old one and puts it in its place, so
// that an interruption leaves one of the two whole.
func replaceFile(path string, content []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // nothing is left to remove after the rename
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
