// Command alchemiser is the operator's tool: one verb per file.
//
//	alchemiser check services/signal/strategies
//	alchemiser signal --strategy trend.clj --bars bars --explain
//
// Exit codes: 0 done; 1 wrong usage or a failure outside the verb's own
// answers; 2 a strategy with errors in it; 3 a strategy that has no target on
// these bars.
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
