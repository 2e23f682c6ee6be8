package local_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A host killed the hard way must not leave its functions behind: they could still trade.
func TestKilledHostLeavesNoOrphan(t *testing.T) {
	if os.Getenv("LOCAL_TEST_HOST") != "" {
		c := start(t, nil)
		answer, _ := call(t, c, `{"do":"count"}`)
		fmt.Printf("child %.0f\n", answer["pid"])
		select {}
	}
	host := exec.Command(os.Args[0], "-test.run=^TestKilledHostLeavesNoOrphan$")
	host.Env = append(os.Environ(), "LOCAL_TEST_HOST=1", "LOCAL_TEST_BINARIES="+binaries)
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	child := 0
	for lines := bufio.NewScanner(out); child == 0 && lines.Scan(); {
		if pid, ok := strings.CutPrefix(lines.Text(), "child "); ok {
			if child, err = strconv.Atoi(pid); err != nil {
				t.Fatal(err)
			}
		}
	}
	if child == 0 {
		t.Fatal("the host never started a child")
	}
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait() // it was killed
	for range 500 {
		if err := syscall.Kill(child, 0); errors.Is(err, syscall.ESRCH) || isZombie(child) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the child %d outlived its host", child)
}

// isZombie reports a process that has ended but was not waited for: where nobody adopts orphans it stays one.
func isZombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(text), ") Z ")
}
