// Command alchemiser is the operator's tool: one verb per file.
//
//	alchemiser run
//	alchemiser runs --env prod
//	alchemiser why latest TQQQ
//
// alchemiser help says what the exit codes mean; they stand in root.go.
package main

import (
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and gives its exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return report(root.Execute(), stderr)
}
