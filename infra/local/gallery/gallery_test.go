package gallery_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/gallery"
	"github.com/alchemiser/alchemiser/infra/local/repository"
)

// The gallery shows what runs mail today: every scene is played again. Numbers
// and ids are left out, because prices and durations depend on the moment; what
// the mail says, and in which order, is not.
func TestTheGalleryIsWhatRunsMail(t *testing.T) {
	root, err := repository.Root()
	if err != nil {
		t.Fatal(err)
	}
	binaries, err := local.Build(t.Context(), local.BuildOptions{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range gallery.Scenes() {
		t.Run(s.Name, func(t *testing.T) {
			if s.Slow {
				t.Skip("make gallery plays it; services/notifier compares its mail")
			}
			t.Parallel()
			shown, err := gallery.Load(filepath.Join(root, "docs", "gallery", s.Name))
			if err != nil {
				t.Fatal(err)
			}
			mail, err := gallery.Play(t.Context(), s, gallery.Options{Root: root, Binaries: binaries, Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			for part, texts := range map[string][2]string{"subject": {mail.Subject, shown.Subject}, "text": {mail.Text, shown.Text}} {
				if got, want := wordsOf(texts[0]), wordsOf(texts[1]); got != want {
					t.Errorf("the %s differs from the gallery; look at it, then run make gallery\n%s\n\nwithout numbers:\n%s\nthe gallery has\n%s", part, texts[0], got, want)
				}
			}
		})
	}
}

var (
	ids     = regexp.MustCompile(`alc-[A-Z0-9-]+-[sb]\d{2}-[a-z2-7]{26}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	numbers = regexp.MustCompile(`[-+−]?\$?\d[\d,.:]*( (ms|s|min|h)\b)?`)
	several = regexp.MustCompile(`#([ ,.:%-]*#)+`)
	results = regexp.MustCompile(`about # (lost|gained)|nothing lost`) // of slippage: the sign is a number, too
)

// wordsOf are the words of a text: numbers and ids in a row are one #, and any
// number of spaces is one, as columns are as wide as their numbers.
func wordsOf(text string) string {
	text = numbers.ReplaceAllString(ids.ReplaceAllString(text, "#"), "#")
	text = several.ReplaceAllString(strings.Join(strings.Fields(text), " "), "#")
	return results.ReplaceAllString(text, "#")
}

// The page of the gallery is generated.
func TestThePageIsGenerated(t *testing.T) {
	var subjects []string
	for _, s := range gallery.Scenes() {
		m, err := gallery.Load(filepath.Join("../../../docs/gallery", s.Name))
		if err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, m.Subject)
	}
	got, err := os.ReadFile("../../../docs/gallery/README.md")
	if err != nil || string(got) != gallery.Page(subjects) {
		t.Error("docs/gallery/README.md is not what make gallery writes", err)
	}
}
