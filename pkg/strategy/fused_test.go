package strategy

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// The functions run on arm64, whose compiler may fuse x*y + z into one rounding.
// Then a decision could depend on the processor, so no such instruction may
// be in this package.
func TestNoFusedMultiplyAdd(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for another processor")
	}
	cmd := exec.Command("go", "build", "-gcflags=-S", ".")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	assembly, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("cannot compile for arm64: %v\n%.300s", err, assembly)
	}
	if !regexp.MustCompile(`\sFMULD\s`).Match(assembly) {
		t.Fatal("no multiplication found: the listing is not what this test expects")
	}
	for _, line := range regexp.MustCompile(`.*\sFN?M(ADD|SUB)[DS]\s.*`).FindAll(assembly, -1) {
		t.Errorf("fused: %s", line)
	}
}
