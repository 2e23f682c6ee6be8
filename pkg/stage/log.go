package stage

import (
	"context"
	"log/slog"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// runKey is the context's key for the run that an invocation is about.
type runKey struct{}

// about lets every line that is logged with the context name the run, by
// whomever it is written.
func about(ctx context.Context, runID string) context.Context {
	return context.WithValue(ctx, runKey{}, runID)
}

// LogHandler puts every line into the time of the clock, which in a rehearsal
// is that of everything else that is known of a run, and adds the run to every
// line whose context is that of a delivery: as correlation_id, by which the
// lines of all functions are found.
func LogHandler(h slog.Handler, clock env.Clock) slog.Handler { return runHandler{h, clock} }

type runHandler struct {
	slog.Handler
	clock env.Clock
}

func (h runHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Time = h.clock.Now()
	if id, ok := ctx.Value(runKey{}).(string); ok {
		r = r.Clone()
		r.AddAttrs(slog.String("correlation_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h runHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return runHandler{h.Handler.WithAttrs(attrs), h.clock}
}

func (h runHandler) WithGroup(name string) slog.Handler {
	return runHandler{h.Handler.WithGroup(name), h.clock}
}
