package main

import (
	"fmt"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/events"
)

func newHaltCommand() *cobra.Command {
	var o operator
	var account, reason string
	var reducing bool
	cmd := &cobra.Command{
		Use:   "halt --account ALIAS --reason TEXT",
		Short: "Stop an account's trading: no new run, no new order",
		Long: "Halt turns the account's halt switch. Every stage reads it before it acts, execution at\n" +
			"most two seconds before every order; orders that are working are looked after to their end.\n" +
			"With --reducing sells go on and buys do not.",
		Example: "  alchemiser halt --env prod --account live-main --reason \"broker outage\"\n  alchemiser halt --account paper-main --reducing --reason \"taking risk off\"",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			state := events.Halted
			if reducing {
				state = events.Reducing
			}
			return setControl(cmd, &o, account, state, reason)
		},
	}
	o.flags(cmd)
	accountFlag(cmd, &account)
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stands in the mails of skipped runs")
	cmd.Flags().BoolVar(&reducing, "reducing", false, "allow sells")
	cmd.MarkFlagRequired("reason") //nolint:errcheck // the flag exists
	return cmd
}

func newResumeCommand() *cobra.Command {
	var o operator
	var account string
	cmd := &cobra.Command{
		Use:     "resume --account ALIAS",
		Short:   "Let an account trade again, from the next run on",
		Example: "  alchemiser resume --env prod --account live-main",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return setControl(cmd, &o, account, events.Active, "resumed")
		},
	}
	o.flags(cmd)
	accountFlag(cmd, &account)
	return cmd
}

func accountFlag(cmd *cobra.Command, account *string) {
	cmd.Flags().StringVar(account, "account", "", "our alias of the account: ACCOUNT of the functions")
	cmd.MarkFlagRequired("account") //nolint:errcheck // the flag exists
}

func setControl(cmd *cobra.Command, o *operator, account string, state events.ControlState, reason string) error {
	l, err := o.ledger(cmd.Context())
	if err != nil {
		return err
	}
	by := "operator"
	if u, err := user.Current(); err == nil {
		by = u.Username
	}
	if err := l.SetControl(cmd.Context(), account, state, reason, by); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s is %s\n", account, state)
	return nil
}
