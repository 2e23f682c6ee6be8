package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// BuildOptions say what to build. Root is required.
type BuildOptions struct {
	Root     string   // the repository: services are in Root/services/<service>/lambda
	Cache    string   // receives one folder per service; empty: a folder of this checkout in the user's cache folder
	Services []string // empty: every folder below Root/services that has a lambda/main.go
	// Strategies is copied next to signal's bootstrap; empty means the strategies that ship with it.
	Strategies string
	// Bundle is the folder that receives signal's bootstrap with its strategies. It belongs to one cloud alone: in the shared
	// cache another start could put other strategies in their place. Empty means in the cache.
	Bundle string
	// Parallel bounds the number of builds at a time; 0 means the number of processors.
	Parallel int
}

// buildFlags make the same binary from the same sources, wherever and however often it is built; see docs on packaging. They are
// those of the deployed binaries, only for this machine's processor.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w -buildid="}

// Build compiles the functions for this machine and returns the folder of each, as Options.Binaries wants them. An unchanged
// service costs a look into the Go build cache.
func Build(ctx context.Context, o BuildOptions) (map[string]string, error) {
	if len(o.Services) == 0 {
		var err error
		if o.Services, err = services(o.Root); err != nil {
			return nil, err
		}
	}
	cache, err := o.cache()
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	if o.Parallel == 0 {
		o.Parallel = runtime.NumCPU()
	}
	slots := make(chan struct{}, o.Parallel)
	failures := make([]error, len(o.Services))
	var building sync.WaitGroup
	binaries := map[string]string{}
	for i, service := range o.Services {
		folder := filepath.Join(cache, service)
		binaries[service] = folder
		if service == "signal" && o.Bundle != "" {
			binaries[service] = o.Bundle
		}
		building.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			failures[i] = o.build(ctx, service, folder)
		})
	}
	building.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	return binaries, nil
}

// cache is where the binaries go. Every checkout has a folder of its own, so that two of them do not overwrite each other's.
func (o BuildOptions) cache() (string, error) {
	if o.Cache != "" {
		return filepath.Abs(o.Cache)
	}
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return "", err
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	checkout := sha256.Sum256([]byte(root))
	return filepath.Join(user, "alchemiser", "bin-"+hex.EncodeToString(checkout[:6])), nil
}

// services lists the folders that hold a function.
func services(root string) ([]string, error) {
	mains, err := filepath.Glob(filepath.Join(root, "services", "*", "lambda", "main.go"))
	if err != nil {
		return nil, err
	}
	if len(mains) == 0 {
		return nil, fmt.Errorf("build: no services/*/lambda/main.go below %s: give the root of the repository", root)
	}
	var list []string
	for _, path := range mains {
		list = append(list, filepath.Base(filepath.Dir(filepath.Dir(path))))
	}
	return list, nil
}

func (o BuildOptions) build(ctx context.Context, service, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("build %s: %w", service, err)
	}
	arguments := append([]string{"build"}, buildFlags...)
	arguments = append(arguments, "-o", filepath.Join(folder, "bootstrap"), "./lambda")
	command := exec.CommandContext(ctx, "go", arguments...) //nolint:gosec // the arguments are ours
	command.Dir = filepath.Join(o.Root, "services", service)
	command.Env = buildEnvironment()
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", service, err, out)
	}
	if service != "signal" {
		return nil
	}
	from := o.Strategies
	if from == "" {
		from = filepath.Join(o.Root, "services", "signal", "strategies")
	}
	if o.Bundle != "" {
		if err := bundle(filepath.Join(folder, "bootstrap"), o.Bundle); err != nil {
			return fmt.Errorf("build %s: %w", service, err)
		}
		folder = o.Bundle
	}
	return copyFolder(from, filepath.Join(folder, "strategies"))
}

// bundle puts a binary into a folder of its own, as a link where the file system allows it.
func bundle(binary, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	to := filepath.Join(folder, "bootstrap")
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if os.Link(binary, to) == nil {
		return nil
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755) //nolint:gosec // it must be executable
}

// buildEnvironment is this process's environment for this machine's processor, as the deployed binaries without C.
func buildEnvironment() []string {
	variables := env.Process()
	variables["CGO_ENABLED"], variables["GOOS"], variables["GOARCH"] = "0", runtime.GOOS, runtime.GOARCH
	variables["GOFLAGS"] = ""
	var list []string
	for key, value := range variables {
		list = append(list, key+"="+value)
	}
	return list
}

// copyFolder makes to an exact copy: what was there before is gone.
func copyFolder(from, to string) error {
	if info, err := os.Stat(from); err != nil || !info.IsDir() {
		return fmt.Errorf("strategies: %s is not a folder", from)
	}
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("strategies: %w", err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return fmt.Errorf("strategies: %w", err)
	}
	return nil
}
