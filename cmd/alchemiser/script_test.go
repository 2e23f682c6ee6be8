package main

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/dynamoledger"
	"github.com/alchemiser/alchemiser/pkg/market/synthmarket"
	"github.com/alchemiser/alchemiser/pkg/money"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"alchemiser": main})
}

// TestScripts types every verb as an operator does, rightly and wrongly,
// against the one-machine cloud with the real functions.
func TestScripts(t *testing.T) {
	root, err := repository.Root()
	if err != nil {
		t.Fatal(err)
	}
	bundle := t.TempDir()
	binaries := sync.OnceValues(func() (map[string]string, error) {
		return local.Build(context.Background(), local.BuildOptions{Root: root, Bundle: bundle})
	})
	// The scripts have another home; what was built already is not built again.
	caches, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS").Output()
	if err != nil {
		t.Fatal(err)
	}
	build := strings.Split(string(caches), "\n")
	w := &scriptWorld{root: root, binaries: binaries}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("REPO", root)
			for i, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS"} {
				e.Setenv(name, build[i])
			}
			e.Setenv("NO_COLOR", "1")
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true") // no credentials are on this machine
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cloud": w.cloud, "trade": w.trade, "rehearse": w.rehearse, "quiesce": w.quiesce, "untouched": w.untouched,
		},
	})
}

// scriptWorld are the clouds of the scripts that run.
type scriptWorld struct {
	root     string
	binaries func() (map[string]string, error)
	clouds   sync.Map // by the script's folder
}

// cloud starts a one-machine cloud whose clock stands at 09:35 on 2024-03-13,
// and sets $CLOUD to its address and $RUN_DIR to its folder. With "no-mail" the
// mail server refuses the first three mails.
func (w *scriptWorld) cloud(ts *testscript.TestScript, _ bool, args []string) {
	binaries, err := w.binaries()
	ts.Check(err)
	plan := &fault.Plan{}
	if len(args) > 0 && args[0] == "no-mail" {
		ts.Check(plan.Add(fault.Fault{Do: fault.MailReject, Code: 451, Times: 3}))
	}
	dir := ts.MkAbs("run")
	r, err := rehearsal.Start(context.Background(), rehearsal.Options{
		Root: w.root, Binaries: binaries, Source: synthmarket.New(7), AsOf: "2024-03-12", Cash: money.MustParse("100000"),
		Positions: map[string]money.Decimal{"COST": money.MustParse("12")}, Seed: 7, Dir: dir, Backoff: local.Test(), Faults: plan,
	})
	ts.Check(err)
	ts.Defer(func() { ts.Check(r.Close()) })
	w.clouds.Store(ts.MkAbs("."), r)
	ts.Setenv("CLOUD", r.Cloud.Endpoint())
	ts.Setenv("RUN_DIR", dir)
}

func (w *scriptWorld) of(ts *testscript.TestScript) *rehearsal.Rehearsal {
	r, ok := w.clouds.Load(ts.MkAbs("."))
	if !ok {
		ts.Fatalf("no cloud was started")
	}
	return r.(*rehearsal.Rehearsal)
}

// trade fires the daily schedule, for the slot of the given time (HH:MM UTC) if
// one is given, and waits until all is done.
func (w *scriptWorld) trade(ts *testscript.TestScript, _ bool, args []string) {
	r := w.of(ts)
	if len(args) > 0 {
		at, err := time.Parse("2006-01-02T15:04", "2024-03-13T"+args[0])
		ts.Check(err)
		r.Slot = at
	}
	_, err := r.Run(context.Background())
	ts.Check(err)
}

// rehearse asks for a dry run by hand, as docs/operations.md does, and checks
// that the broker heard of no order.
func (w *scriptWorld) rehearse(ts *testscript.TestScript, _ bool, _ []string) {
	r := w.of(ts)
	before := len(r.Paper.Orders())
	_, err := lambda.NewFromConfig(r.Cloud.AWSConfig()).Invoke(context.Background(), &lambda.InvokeInput{
		FunctionName: aws.String("alchemiser-dev-start"), Qualifier: aws.String("live"),
		Payload: []byte(`{"mode":"trade","schedule":"manual","scheduled_time":"` + r.Slot.Format(time.RFC3339) + `","dry_run":true,"requested_by":"cli"}`),
	})
	ts.Check(err)
	ts.Check(r.Cloud.Quiesce(context.Background()))
	if n := len(r.Paper.Orders()) - before; n > 0 {
		ts.Fatalf("a dry run sent %d orders", n)
	}
}

func (w *scriptWorld) quiesce(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(w.of(ts).Cloud.Quiesce(context.Background()))
}

// untouched checks that the ledger has no run under the run key.
func (w *scriptWorld) untouched(ts *testscript.TestScript, _ bool, args []string) {
	c := w.of(ts).Cloud.AWSConfig()
	l := ledger.New(dynamoledger.New(dynamodb.NewFromConfig(c), rehearsal.TableName), env.SystemClock(0))
	items, err := l.Run(context.Background(), events.RunID(args[0]))
	ts.Check(err)
	if len(items) > 0 {
		ts.Fatalf("%d documents of %s, the first is %s", len(items), args[0], items[0].Key)
	}
}
