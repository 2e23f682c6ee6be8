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
	// exitDiffers: a replay that came out otherwise, or could not be made whole.
	exitDiffers = 6
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
		Use:   "alchemiser",
		Short: "Run and look after a portfolio that trades by itself",
		Long: `Alchemiser runs and looks after a portfolio that trades by itself.

The verbs that look after runs take --env: dev, staging or prod in AWS; local for
this machine; an address; or the folder of a run. $ALCHEMISER_ENV is its default,
else local. Tables are for people, --json is for programs. Colours are for
terminals only; NO_COLOR switches them off.

Exit codes: 0 done; 1 wrong usage, or no answer; 2 a strategy with errors in it;
3 a strategy without a target on these bars; 4 a run that ended, or would end,
otherwise than intended; 5 no such run, or a name that could be several; 6 a replay
that came out otherwise, or that is not whole.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	add := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	add("runs", "Look after runs:", newRunsCommand(), newShowCommand(), newWhyCommand(), newLogsCommand(), newPlanCommand(), newExportCommand(), newReplayCommand(), newHaltCommand(), newResumeCommand(), newDLQCommand(), newRedriveCommand())
	add("machine", "Run on this machine:", newRunCommand(), newServeCommand(), newBrokerCommand())
	add("strategies", "Work on strategies:", newCheckCommand(), newSignalCommand(), newFormatCommand())
	return root
}
