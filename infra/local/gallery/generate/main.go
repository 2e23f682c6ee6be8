// Generate plays every scene of the gallery and writes its mail, and the
// pictures of it, into docs/gallery. make gallery calls it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/gallery"
	"github.com/alchemiser/alchemiser/infra/local/repository"
)

func main() {
	var g generator
	flag.BoolVar(&g.play, "play", true, "play the scenes; without it only the pictures of the mails there are taken again")
	flag.BoolVar(&g.pictures, "pictures", true, "take pictures; needs Chromium")
	flag.StringVar(&g.only, "only", "", "this scene alone")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "%q is not a flag; -only %s plays one scene\n", flag.Arg(0), flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := g.generate(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type generator struct {
	play, pictures bool
	only, browser  string
	options        gallery.Options
}

func (g *generator) generate(ctx context.Context) error {
	var err error
	if g.options.Root, err = repository.Root(); err != nil {
		return err
	}
	out := filepath.Join(g.options.Root, "docs", "gallery")
	if g.pictures {
		if g.browser, err = gallery.Browser(); err != nil {
			return err // before minutes of playing
		}
	}
	if g.play {
		if g.options.Binaries, err = local.Build(ctx, local.BuildOptions{Root: g.options.Root}); err != nil {
			return err
		}
	}
	var subjects, chosen []string
	for _, s := range gallery.Scenes() {
		folder := filepath.Join(out, s.Name)
		if g.only == "" || g.only == s.Name {
			chosen = append(chosen, folder)
			if g.play {
				if err := g.mail(ctx, s, folder); err != nil {
					return err
				}
			}
		}
		mail, err := gallery.Load(folder)
		if err != nil {
			return err
		}
		subjects = append(subjects, mail.Subject)
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no scene is named %q", g.only)
	}
	if g.pictures {
		if err := g.shoot(ctx, chosen); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(out, "README.md"), []byte(gallery.Page(subjects)), 0o644)
}

// shoot takes the pictures of the mails in folders.
func (g *generator) shoot(ctx context.Context, folders []string) error {
	var pages []string
	for _, f := range folders {
		pages = append(pages, filepath.Join(f, gallery.HTMLFile))
	}
	for _, look := range gallery.Looks() {
		pictures, err := gallery.Shoot(ctx, g.browser, pages, look)
		if err != nil {
			return err
		}
		for i, f := range folders {
			if err := os.WriteFile(filepath.Join(f, look.File), pictures[i], 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// mail plays one scene and writes what came of it.
func (g *generator) mail(ctx context.Context, s gallery.Scene, out string) error {
	dir, err := os.MkdirTemp("", "gallery-"+s.Name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	options := g.options
	options.Dir = dir
	mail, err := gallery.Play(ctx, s, options)
	if err != nil {
		return err
	}
	fmt.Println(mail.Subject)
	return mail.Save(out)
}
