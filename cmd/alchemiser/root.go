package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Exit codes, stable for scripts.
const (
	exitUsage   = 1 // wrong usage, or a failure outside the verb's own answers
	exitInvalid = 2 // a strategy or portfolio with errors in it
	exitFailed  = 3 // a strategy without a target on these bars
	// exitRunFailed: a run that ended otherwise than intended, as it says.
	exitRunFailed = 4
	// exitNotFound: no such run, or a name that could be several.
	exitNotFound = 5
)

// exitError ends the command with a code. With an error it is printed first;
// without one the verb has said everything already.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// report prints what is left to say about an error and gives the exit code.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	exit := exitError{code: exitUsage, err: err}
	errors.As(err, &exit)
	if exit.err != nil {
		_, _ = fmt.Fprintf(stderr, "alchemiser: %v\n", exit.err) // there is nowhere else to say it
	}
	return exit.code
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "alchemiser",
		Short:         "Run and look after a portfolio that trades by itself",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newRunCommand(), newServeCommand(), newRunsCommand(), newShowCommand(), newWhyCommand(), newLogsCommand(), newPlanCommand(), newHaltCommand(), newResumeCommand(), newDLQCommand(), newRedriveCommand(), newBrokerCommand(), newCheckCommand(), newSignalCommand(), newFormatCommand())
	return root
}
