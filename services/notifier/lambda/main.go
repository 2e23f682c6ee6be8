// The notifier function mails the summary of a run and errors outside of one.
package main

import (
	"context"

	"github.com/alchemiser/alchemiser/pkg/lambdaenv"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/services/notifier"
)

func main() { lambdaenv.Main(topology.Notifier, build) }

func build(_ context.Context, e *lambdaenv.Env) (stage.Config, error) {
	config := notifier.ReadConfig(e.Vars, e.Environment)
	e.Vars.String("SECRET_PATH") // a missing path is found before the first mail
	credentials := func(ctx context.Context) (username, password string, err error) {
		values, err := e.Secrets(ctx, "username", "password")
		if err != nil {
			return "", "", err
		}
		return values[0], values[1], nil
	}
	n := &notifier.Notifier{
		Config: config, Mailer: notifier.OnTape(e.Tape, &notifier.SMTP{Host: config.Host, Port: config.Port, Credentials: credentials}),
		Ledger: e.Ledger, Clock: e.Clock, Log: e.Log,
		Metrics: stage.Metrics{Environment: e.Environment, Log: e.Log, Clock: e.Clock},
	}
	return stage.Config{Handle: n.Handlers(), Probe: func(ctx context.Context) error {
		_, _, err := credentials(ctx)
		return err
	}}, nil
}
