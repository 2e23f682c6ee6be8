package env_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/env"
)

func TestTogether(t *testing.T) {
	for name, tasks := range map[string]env.Tasks{"side by side": env.Goroutines(), "one after the other": nil} {
		t.Run(name, func(t *testing.T) {
			first, second := errors.New("first"), errors.New("second")
			lanes := make([]string, 3)
			late := make(chan struct{})
			err := env.Together(env.InLane(t.Context(), "outer"), tasks,
				func(ctx context.Context) error {
					lanes[0] = env.Lane(ctx)
					if tasks != nil {
						<-late // the second has failed by now
					}
					return first
				},
				func(ctx context.Context) error { lanes[1] = env.Lane(ctx); close(late); return second },
				func(ctx context.Context) error { lanes[2] = env.Lane(ctx); return nil },
			)
			if !errors.Is(err, first) {
				t.Errorf("error %v, want the first of the order", err)
			}
			if got := strings.Join(lanes, " "); got != "outer/1 outer/2 outer/3" {
				t.Errorf("lanes %s", got)
			}
			ended := false
			func() {
				defer func() {
					if r := recover(); r == nil || !strings.Contains(r.(string), "a defect") || !ended {
						t.Errorf("recovered %v, the other work ended: %v", r, ended)
					}
				}()
				_ = env.Together(t.Context(), tasks,
					func(context.Context) error { panic("a defect") },
					func(context.Context) error { ended = true; return nil })
			}()
		})
	}
}
