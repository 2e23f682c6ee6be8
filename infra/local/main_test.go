package local_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
)

// binaries is where the test function is built, once for all tests.
var binaries string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if binaries = os.Getenv("LOCAL_TEST_BINARIES"); binaries != "" { // a test's own helper process
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "echo-*")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binaries = dir
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid=",
		"-o", filepath.Join(dir, "bootstrap"), "./internal/echo")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build of the test function: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// recorder keeps what an observer is told.
type recorder struct {
	mu     sync.Mutex
	events []local.Event
}

func (r *recorder) observe(e local.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) of(kind local.Kind) []local.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []local.Event
	for _, e := range r.events {
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	return list
}

// start runs the fixture environment.
func start(t testing.TB, edit func(*local.Options)) *local.Cloud {
	t.Helper()
	o := local.Options{
		Templates:       os.DirFS("testdata/templates"),
		Binaries:        map[string]string{"echo": binaries, "sink": binaries},
		Parameters:      map[string]string{"/alchemiser/test/echo/key": "planted-secret", "/alchemiser/test/other": "x"},
		Backoff:         local.Test(),
		ManualSchedules: true,
	}
	if edit != nil {
		edit(&o)
	}
	c, err := local.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func quiesce(t testing.TB, c *local.Cloud) local.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := c.Quiesce(ctx); err != nil {
		t.Fatal(err)
	}
	return c.Snapshot()
}

func fixtures() fs.FS { return os.DirFS("testdata/templates") }
