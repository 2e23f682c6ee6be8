package local_test

import (
	"context"
	"testing"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/fault"
)

func BenchmarkWarmInvocation(b *testing.B) {
	c := start(b, nil)
	for b.Loop() {
		if r, err := c.Invoke(context.Background(), "echo", []byte(`{}`)); err != nil || r.Failed {
			b.Fatal(err, string(r.Payload))
		}
	}
}

// A cold invocation with the SDK clients of a real function linked in.
func BenchmarkColdInvocation(b *testing.B) {
	plan := &fault.Plan{}
	if err := plan.Add(fault.Fault{Do: fault.KillBeforeWork, Function: "echo", Times: -1}); err != nil {
		b.Fatal(err)
	}
	c := start(b, func(o *local.Options) { o.Faults = plan })
	for b.Loop() {
		// The environment is started, asks for work and is then killed.
		if _, err := c.Invoke(context.Background(), "echo", []byte(`{}`)); err != nil {
			b.Fatal(err)
		}
	}
}

// Event → rule → function → PutEvents → rule → function.
func BenchmarkWarmChain(b *testing.B) {
	c := start(b, nil)
	put(b, c, "Ping", `{"do":"publish","type":"Pong","next":{"do":"count"}}`)
	quiesce(b, c)
	for b.Loop() {
		put(b, c, "Ping", `{"do":"publish","type":"Pong","next":{"do":"count"}}`)
		quiesce(b, c)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		c, err := local.Start(context.Background(), local.Options{Templates: fixtures(), Binaries: map[string]string{"echo": binaries, "sink": binaries}})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
