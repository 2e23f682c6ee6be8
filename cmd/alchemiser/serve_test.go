package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/journal"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/pkg/broker/paperbroker"
	"github.com/alchemiser/alchemiser/pkg/record"
)

func TestServeChecksItsFlags(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no time":          {[]string{"--clock-at", "tomorrow"}, "--clock-at is"},
		"another's clock":  {[]string{"--broker", "alpaca", "--clock-at", "2024-03-13T09:34:00"}, "paper broker only"},
		"an open door":     {[]string{"--admin", "0.0.0.0:8200"}, "this machine alone"},
		"live on paper":    {[]string{"--live"}, "--broker alpaca"},
		"a flag of run":    {[]string{"--as-of", "2024-03-12"}, "unknown flag"},
		"before the world": {[]string{"--clock-at", "1901-01-01T09:34:00"}, "the calendar knows no session"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("APCA_API_KEY_ID", "")
			args := append([]string{"serve", "--data", t.TempDir(), "--dir", t.TempDir()}, c.args...)
			if code, _, stderr := call(args...); code != exitUsage || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, want %d and %q in\n%s", code, exitUsage, c.want, stderr)
			}
		})
	}
}

// served is a running alchemiser serve.
type served struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	seen  strings.Builder
}

func startServe(t *testing.T, binary string, args ...string) *served {
	t.Helper()
	s := &served{t: t, cmd: exec.Command(binary, append([]string{"serve"}, args...)...)}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.lines = bufio.NewScanner(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // it has ended, unless the test failed
	return s
}

// until reads lines up to one with the text.
func (s *served) until(text string) string {
	s.t.Helper()
	for s.lines.Scan() {
		s.seen.WriteString(s.lines.Text() + "\n")
		if strings.Contains(s.lines.Text(), text) {
			return s.lines.Text()
		}
	}
	s.t.Fatalf("no line with %q in\n%s", text, s.seen.String())
	return ""
}

// children are the processes that it has started and that live.
func (s *served) children() []int {
	s.t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(folders) == 0 {
		s.t.Skip("this system does not list its processes in /proc")
	}
	var list []int
	for _, path := range folders {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		var state string
		var parent int
		if _, err := fmt.Sscanf(string(text[strings.LastIndex(string(text), ")")+1:]), "%s %d", &state, &parent); err != nil {
			s.t.Fatal(err)
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && parent == s.cmd.Process.Pid {
			list = append(list, pid)
		}
	}
	return list
}

// end sends the signal and wants exit code 0 and no child left.
func (s *served) end(signal os.Signal) {
	s.t.Helper()
	children := s.children()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	for s.lines.Scan() {
		s.seen.WriteString(s.lines.Text() + "\n")
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("after %v: %v\n%s", signal, err, s.seen.String())
	}
	for _, pid := range children {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			s.t.Errorf("the child %d is still there (%v)", pid, err)
		}
	}
}

// kept reads the paper account that a data folder has.
func kept(t *testing.T, data string) (account paperbroker.Change) {
	t.Helper()
	j, err := journal.Open(filepath.Join(data, "paper-account.jsonl"), func(c paperbroker.Change) error {
		account.Add(c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return account
}

// purse is what the account holds and what was ordered for it.
func purse(t *testing.T, data string) string {
	t.Helper()
	account := kept(t, data)
	text, err := json.Marshal([]any{account.Cash, account.Positions, account.Orders})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// buildCommand builds this command.
func buildCommand(t *testing.T, dir string) string {
	t.Helper()
	binary := filepath.Join(dir, "alchemiser")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// Killed at any moment of a run, and again, the paper account has every order
// that a function was told of, filled at least as far, and goes on with it.
func TestServeLosesNoOrderToAKill(t *testing.T) {
	dir := t.TempDir()
	binary := buildCommand(t, dir)
	for i, kill := range []struct {
		line  string
		after time.Duration
	}{
		{"signal  ", 60 * time.Millisecond}, {"portfolio  ", 30 * time.Millisecond}, {"execution  ", 0},
	} {
		t.Run(strings.TrimSpace(kill.line), func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(dir, fmt.Sprint("data", i))
			args := []string{"--trade", "--clock-at", "2024-03-13T09:34:58", "--data", data, "--seed", "7"}
			s := startServe(t, binary, append(args, "--dir", filepath.Join(dir, fmt.Sprint("first", i)))...)
			s.until(kill.line)
			time.Sleep(kill.after)
			if err := s.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = s.cmd.Wait() // it was killed
			account := kept(t, data)
			orders := map[string]paperbroker.KeptOrder{}
			for _, o := range account.Orders {
				orders[o.ClientID] = o
			}
			items, err := local.KeptItems(data, rehearsal.TableName)
			if err != nil {
				t.Fatal(err)
			}
			told := 0
			for _, raw := range items {
				var item struct{ SK, Body struct{ S string } }
				if err := json.Unmarshal(raw, &item); err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(item.SK.S, "LEG#") {
					continue
				}
				var leg record.Leg
				if err := json.Unmarshal([]byte(item.Body.S), &leg); err != nil {
					t.Fatal(err)
				}
				for _, a := range leg.Attempts {
					if a.BrokerOrderID == "" {
						continue
					}
					told++
					if o := orders[a.ClientOrderID]; o.ID != a.BrokerOrderID || o.Filled.Less(a.Filled) {
						t.Errorf("killed %s after %q: the ledger has %+v, the account %+v", kill.after, kill.line, a, o)
					}
				}
			}
			if told == 0 && kill.line == "execution  " {
				t.Error("execution was told of no order: this proves nothing")
			}
			t.Logf("killed %s after %q: %d orders in the ledger, %d in the account", kill.after, strings.TrimSpace(kill.line), told, len(orders))

			again := startServe(t, binary, append(args, "--dir", filepath.Join(dir, fmt.Sprint("again", i)))...)
			again.until("Serving on paper")
			again.end(syscall.SIGTERM)
			after := kept(t, data)
			for _, o := range account.Orders {
				if !slices.ContainsFunc(after.Orders, func(n paperbroker.KeptOrder) bool { return n.ID == o.ID && !n.Filled.Less(o.Filled) }) {
					t.Errorf("the order %+v did not come back", o)
				}
			}
		})
	}
}

// The daily run begins by itself; its state outlives the process (F21).
func TestF21ServeTradesASlotOnceOverRestarts(t *testing.T) {
	root, err := repository.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	binary := buildCommand(t, dir)
	args := []string{"--trade", "--clock-at", "2024-03-13T09:34:56", "--data", filepath.Join(dir, "data"), "--seed", "7"}
	account := func() string { return purse(t, filepath.Join(dir, "data")) }
	mails := func(run string) int {
		list, err := filepath.Glob(filepath.Join(dir, run, "mail", "*.eml"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}

	first := startServe(t, binary, append(args, "--dir", filepath.Join(dir, "first"))...)
	if line := first.until("start  "); !strings.Contains(line, "began the run of 2024-03-13") || !strings.HasPrefix(line, "2024-03-13 09:35:0") {
		t.Errorf("start: %s", line)
	}
	first.until("mailed ")
	second := exec.Command(binary, append([]string{"serve"}, append(args, "--dir", filepath.Join(dir, "second"))...)...)
	second.Dir = root
	if out, err := second.CombinedOutput(); err == nil || !strings.Contains(string(out), "another cloud is using this folder") {
		t.Errorf("a second process on the same folder: %v\n%s", err, out)
	}
	if len(first.children()) == 0 {
		t.Error("a run without any process of a function")
	}
	first.end(syscall.SIGTERM)
	bought := account()
	if !strings.Contains(bought, "symbol") || mails("first") != 1 {
		t.Fatalf("%d mails, account %s", mails("first"), bought)
	}

	again := startServe(t, binary, append(args, "--dir", filepath.Join(dir, "again"))...)
	again.until("start  ")
	again.end(os.Interrupt)
	if seen := again.seen.String(); !strings.Contains(seen, "sent no mail") {
		t.Errorf("what had begun did not finish:\n%s", seen)
	}
	if after := account(); after != bought || mails("again") != 0 {
		t.Errorf("after a restart: %d mails, account %s, was %s", mails("again"), after, bought)
	}
}
