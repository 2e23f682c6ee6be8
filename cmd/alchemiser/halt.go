package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// controlFlags name an account and why its switch is turned.
type controlFlags struct {
	where
	account, reason string
	asJSON          bool
}

func newHaltCommand() *cobra.Command {
	var f controlFlags
	var reducing bool
	cmd := &cobra.Command{
		Use:   "halt --env ENV --reason TEXT",
		Short: "Stop an account's trading: no new run, no new order",
		Long: `Halt turns the account's halt switch. Every stage reads it before it acts,
execution at most two seconds before every order; orders that are working are
looked after to their end. With --reducing sells go on and buys do not.

Nothing at the broker is cancelled or sold by this. It must be said where
(--env): there is no default for what changes something.

Exit codes: 0 the switch is turned; 1 it is not.`,
		Example: `  alchemiser halt --env prod --reason "broker outage"
  alchemiser halt --env prod --reducing --reason "taking risk off"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			state := events.Halted
			if reducing {
				state = events.Reducing
			}
			return f.set(cmd, state)
		},
	}
	f.define(cmd, "why; it stands in the mails of skipped runs")
	cmd.Flags().BoolVar(&reducing, "reducing", false, "allow sells")
	if err := cmd.MarkFlagRequired("reason"); err != nil {
		panic(err) // a flag that was not defined above
	}
	return cmd
}

func newResumeCommand() *cobra.Command {
	var f controlFlags
	cmd := &cobra.Command{
		Use:   "resume --env ENV",
		Short: "Let an account trade again, from the next run on",
		Long: `Resume turns the account's halt switch back. What was skipped meanwhile is not
made up for: the next scheduled run trades.

Exit codes: 0 the switch is turned; 1 it is not.`,
		Example: `  alchemiser resume --env prod`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.reason == "" {
				f.reason = "resumed"
			}
			return f.set(cmd, events.Active)
		},
	}
	f.define(cmd, "why, for the record")
	return cmd
}

func (f *controlFlags) define(cmd *cobra.Command, reason string) {
	f.flags(cmd)
	cmd.Flags().StringVar(&f.account, "account", "", "our alias of the account (default: the environment's)")
	cmd.Flags().StringVar(&f.reason, "reason", "", reason)
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
}

// controlChange is what halt and resume print with --json.
type controlChange struct {
	Account string         `json:"account"`
	Before  ledger.Control `json:"before"`
	Now     ledger.Control `json:"now"`
}

func (f *controlFlags) set(cmd *cobra.Command, state events.ControlState) error {
	if strings.TrimSpace(f.reason) == "" {
		return errors.New("--reason is empty; say why in a few words: whoever reads the mail of a skipped run will want to know")
	}
	return f.at(cmd, true, "turning the halt switch of", func(ctx context.Context, p *place) error {
		if _, err := p.cloud(); err != nil {
			return err
		}
		account, err := p.accountOr(ctx, f.account)
		if err != nil {
			return err
		}
		change := controlChange{Account: account}
		if change.Before, err = p.ledger.Control(ctx, account); err != nil {
			return err
		}
		by := "operator"
		if u, err := user.Current(); err == nil {
			by = u.Username
		}
		if err := p.ledger.SetControl(ctx, account, state, f.reason, by); err != nil {
			return err
		}
		if change.Now, err = p.ledger.Control(ctx, account); err != nil {
			return err
		}
		if f.asJSON {
			return printJSON(cmd.OutOrStdout(), change)
		}
		s := newScreen(cmd)
		with := good
		if state != events.Active {
			with = bad
		}
		s.printf("%s in %s is %s (it was %s)\n", account, p.title, s.paint(with, string(change.Now.State)), change.Before.State)
		if state != events.Active {
			s.printf("Orders that work already are looked after to their end. Undo: alchemiser resume%s\n", p.flag)
		}
		return nil
	})
}

// accountOr is the named account, or the only one of the place. A name that is
// not configured is refused: a switch nobody reads stops nothing.
func (p *place) accountOr(ctx context.Context, named string) (string, error) {
	all, err := p.accounts(ctx)
	if err != nil {
		if named != "" && p.remote {
			return named, nil // the functions' settings may be unreadable exactly when a halt is needed
		}
		return "", err
	}
	switch {
	case named == "" && len(all) == 1:
		return all[0], nil
	case slices.Contains(all, named):
		return named, nil
	case named == "":
		return "", fmt.Errorf("name the account with --account: %s", strings.Join(all, ", "))
	}
	return "", fmt.Errorf("--account is %q; the account here is %s", named, strings.Join(all, ", "))
}
