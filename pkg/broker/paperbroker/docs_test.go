package paperbroker

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The document lists the routes that there are.
func TestDocumentedRoutes(t *testing.T) {
	text, err := os.ReadFile("../../../docs/paper-broker.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "<!-- routes:")
	list, _, _ = strings.Cut(list, "<!-- end of the routes -->")
	var documented, served []string
	for _, m := range regexp.MustCompile("`([A-Z]+ /v2/[^`]+)`").FindAllStringSubmatch(list, -1) {
		documented = append(documented, m[1])
	}
	for _, op := range operations() {
		served = append(served, op.pattern)
	}
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("documented\n%s\nserved\n%s", strings.Join(documented, "\n"), strings.Join(served, "\n"))
	}
}
