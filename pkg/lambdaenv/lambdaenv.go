// Package lambdaenv builds from a function's environment what every stage
// needs: clock, log, ledger, secrets. A function's main is then a few
// lines:
//
//	func main() { lambdaenv.Main(topology.Monitor, build) }
//
//	func build(ctx context.Context, e *lambdaenv.Env) (stage.Config, error) {
//		m := monitor.New(monitor.ReadConfig(e.Vars), e.Ledger, e.Clock)
//		return stage.Config{Bus: busenv.Connect(e), Handle: m.Handlers()}, nil
//	}
//
// Nothing here or in a function's main knows where it runs: on one machine
// AWS_ENDPOINT_URL points at the local cloud, and that is all.
package lambdaenv

import (
	"context"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/dynamoledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/tapeledger"
	"github.com/alchemiser/alchemiser/pkg/stage"
	"github.com/alchemiser/alchemiser/pkg/topology"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// Env is what every function reads from its environment.
type Env struct {
	Vars        *env.Vars
	Name        topology.Name
	Environment string // dev, staging or prod
	Account     string
	Mode        events.Mode
	Version     string
	// ClockOffset is 0 except in a rehearsal.
	ClockOffset time.Duration
	SimHosts    []string
	// Clock, Ledger and what Connect returns write down on Tape what they tell
	// while a delivery is decided. System is the clock below, for drivers.
	Clock, System env.Clock
	Tape          *transcript.Tape
	Log           *slog.Logger
	Ledger        *ledger.Ledger
	// Process is the whole environment, for libraries that must be kept from
	// reading it by themselves.
	Process map[string]string

	// AWS is for clients of the services that the function uses.
	AWS aws.Config
}

// Build turns the environment into a stage's configuration. The fields that
// every function has in common are filled in by Main.
type Build func(ctx context.Context, e *Env) (stage.Config, error)

// Main runs a function: it reads the whole environment, says every mistake at
// once, and serves invocations. A configuration that does not hold makes the
// process exit before it takes work.
func Main(name topology.Name, build Build) {
	ctx := context.Background()
	process := env.Process()
	spareCollections(process["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
	s, err := assemble(ctx, name, process, build)
	if err != nil {
		slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error("the function's configuration is wrong", "service", name, "error", err.Error())
		os.Exit(1)
	}
	lambda.Start(s)
}

// spareCollections lets the heap grow to 32 MB and nine times of what is in use
// before garbage is collected: a function has its memory to itself, and with
// the runtime's default of 4 MB and twice, signal collects three times while it
// reads a run's bars. Close to the function's size, given in MB, it is
// collected as often as needed.
func spareCollections(megabytes string) {
	debug.SetGCPercent(800)
	if size, err := strconv.ParseInt(megabytes, 10, 64); err == nil && size > 0 {
		debug.SetMemoryLimit(size << 20 / 4 * 3)
	}
}

func assemble(ctx context.Context, name topology.Name, values map[string]string, build Build) (*stage.Stage, error) {
	e, err := Load(name, values)
	if err != nil {
		return nil, err
	}
	c, err := build(ctx, e)
	if mistakes := e.Vars.Err(); mistakes != nil {
		return nil, mistakes
	}
	if err != nil {
		return nil, err
	}
	c.Name, c.Account, c.Mode, c.Version, c.Environment = e.Name, e.Account, e.Mode, e.Version, e.Environment
	c.Ledger, c.Clock, c.Log, c.Owner, c.Tape = e.Ledger, e.Clock, e.Log, env.Token, e.Tape
	e.Tape.Set(settings(e.Vars))
	return stage.New(c)
}

// Load reads what every function has in common from variables: the process's
// own in a function, a deployed function's in a tool that looks at what it
// would do. Mistakes are collected in Vars.
func Load(name topology.Name, values map[string]string) (*Env, error) {
	if _, err := topology.Lookup(name); err != nil {
		return nil, err
	}
	v := env.Read(values)
	e := &Env{
		Vars:        v,
		Name:        name,
		Environment: v.String("ALCHEMISER_ENV"),
		Account:     v.String("ACCOUNT"),
		Mode:        events.Mode(v.OneOf("TRADING_MODE", string(events.Paper), string(events.Live))),
		Version:     v.String("BUILD_VERSION"),
		ClockOffset: v.Duration("CLOCK_OFFSET", 0),
		SimHosts:    v.List("SIM_HOSTS"),
		Process:     values,
	}
	table := v.String("TABLE_NAME")
	level := env.Parsed(v, "LOG_LEVEL", slog.LevelInfo, "debug, info, warn or error", func(s string) (slog.Level, error) {
		var l slog.Level
		return l, l.UnmarshalText([]byte(s))
	})
	if e.ClockOffset != 0 && (e.Mode != events.Paper || len(e.SimHosts) == 0) {
		v.Fail("CLOCK_OFFSET", "is %s: a rehearsal clock is for paper trading against hosts in SIM_HOSTS only", e.ClockOffset)
	}
	e.AWS = awsConfig(v)
	e.System = env.SystemClock(e.ClockOffset)
	e.Tape = transcript.NewTape(transcript.Identity{Service: string(name), Build: e.Version})
	e.Clock = e.Tape.Clock(e.System)
	e.Log = slog.New(stage.LogHandler(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: level}), e.System)).With("stage", string(name))
	e.Ledger = ledger.New(tapeledger.New(e.Tape, dynamoledger.New(dynamodb.NewFromConfig(e.AWS), table)), e.Clock)
	return e, nil
}

// settings are the variables that the function was set up with, for its
// transcripts: what decides, not how AWS is reached.
func settings(v *env.Vars) map[string]string {
	all := v.Used()
	maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasPrefix(name, "AWS_") })
	return all
}

// awsConfig reads what Lambda gives every function. The SDK's own loader would
// also look for files, profiles and metadata servers, which a function does
// not have: leaving it out halves the time to the first response.
func awsConfig(v *env.Vars) aws.Config {
	c := aws.Config{
		Region:      v.String("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(v.String("AWS_ACCESS_KEY_ID"), v.String("AWS_SECRET_ACCESS_KEY"), v.Optional("AWS_SESSION_TOKEN", "")),
		HTTPClient:  newHTTPClient(),
		// A stage has 30 seconds; the SDK's own back-off of up to 20 would waste them.
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 4, 500*time.Millisecond })
		},
	}
	if endpoint := v.Optional("AWS_ENDPOINT_URL", ""); endpoint != "" {
		c.BaseEndpoint = &endpoint
	}
	return c
}

// Host checks that the host of the URL in the variable may be used: with a
// rehearsal clock only hosts in SIM_HOSTS may.
func (e *Env) Host(name string) string {
	raw := e.Vars.String(name)
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		e.Vars.Fail(name, "is %q; expected a URL such as https://paper-api.alpaca.markets", raw)
		return raw
	}
	if e.ClockOffset != 0 && !e.Simulated(u) {
		e.Vars.Fail(name, "points at %s, which is not in SIM_HOSTS: a rehearsal clock may not meet a real market", u.Host)
	}
	return raw
}

// Simulated reports whether the URL's host is listed in SIM_HOSTS, with or
// without its port.
func (e *Env) Simulated(u *url.URL) bool {
	return slices.Contains(e.SimHosts, u.Host) || slices.Contains(e.SimHosts, u.Hostname())
}
