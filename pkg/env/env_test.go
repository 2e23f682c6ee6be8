package env_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

func TestVarsReportEveryMistake(t *testing.T) {
	v := env.Read(map[string]string{"MODE": "BOTH", "MINUTES": "soon", "WAIT": "5", "ON": "yes", "LIST": "a, b,,c"})
	v.String("TABLE_NAME")
	v.OneOf("MODE", "PAPER", "LIVE")
	v.Int("MINUTES", 15)
	v.Duration("WAIT", time.Second)
	v.Bool("ON", false)
	err := v.Err()
	for _, name := range []string{"TABLE_NAME", "MODE", "MINUTES", "WAIT", "ON"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
	if got := v.List("LIST"); strings.Join(got, "|") != "a|b|c" {
		t.Errorf("List = %q", got)
	}
}

func TestVarsDefaults(t *testing.T) {
	v := env.Read(map[string]string{"SET": "7m"})
	if v.Int("A", 3) != 3 || v.Duration("SET", 0) != 7*time.Minute || !v.Bool("B", true) || v.Optional("C", "x") != "x" {
		t.Error("defaults or values were not taken")
	}
	if err := v.Err(); err != nil {
		t.Error(err)
	}
}

func TestSystemClock(t *testing.T) {
	ahead := env.SystemClock(time.Hour).Now().Sub(env.SystemClock(0).Now())
	if ahead < 59*time.Minute || ahead > 61*time.Minute {
		t.Errorf("an offset of 1h moved the clock by %s", ahead)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := env.SystemClock(0).Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("Sleep after cancel = %v", err)
	}
}

func TestTokensDiffer(t *testing.T) {
	if a, b := env.Token(), env.Token(); a == b || len(a) != 32 {
		t.Errorf("tokens %q and %q", a, b)
	}
}

// laneClock shows whose reading it was asked for.
type laneClock struct{ env.Clock }

func (laneClock) NowIn(lane string) time.Time { return time.Unix(int64(len(lane)), 0) }

func TestNowAsksForTheLane(t *testing.T) {
	ctx := env.InLane(env.InLane(context.Background(), "leg"), "7")
	if env.Lane(ctx) != "leg/7" || env.Lane(context.Background()) != "" {
		t.Errorf("lanes %q and %q", env.Lane(ctx), env.Lane(context.Background()))
	}
	if got := env.Now(ctx, laneClock{}); got.Unix() != 5 {
		t.Errorf("a clock with lanes was read as %s", got)
	}
	if off := env.Now(ctx, env.SystemClock(time.Hour)).Sub(env.SystemClock(0).Now()); off < 59*time.Minute {
		t.Errorf("a clock without lanes is %s ahead, want an hour", off)
	}
}
