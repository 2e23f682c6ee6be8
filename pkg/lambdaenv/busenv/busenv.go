// Package busenv connects a function to the event bus. It is apart from
// lambdaenv so that a function that publishes nothing does not link it.
package busenv

import (
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/bus/eventbridgebus"
	"github.com/alchemiser/alchemiser/pkg/lambdaenv"
)

// Connect reads BUS_NAME.
func Connect(e *lambdaenv.Env) *bus.Bus {
	return bus.New(eventbridgebus.New(eventbridge.NewFromConfig(e.AWS), e.Vars.String("BUS_NAME")))
}
