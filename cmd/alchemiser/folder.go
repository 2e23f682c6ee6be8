package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local"
	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/infra/local/repository"
	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/memledger"
)

// folder is what a finished run, or a served cloud that has ended, has left.
type folder struct {
	items []ledger.Item
	logs  string // one file a log group
}

// thisMachine is the cloud that alchemiser serve runs here, or else the
// newest folder that a run has left.
func thisMachine(ctx context.Context) (*place, error) {
	root, err := repository.Root()
	if err != nil {
		return nil, fmt.Errorf("--env local: %w; or name a folder or an environment with --env", err)
	}
	type candidate struct {
		dir string
		at  time.Time
	}
	var found []candidate
	for _, pattern := range []string{filepath.Join("data", "*"), "*"} {
		dirs, err := filepath.Glob(filepath.Join(root, "runs", pattern))
		if err != nil {
			return nil, err
		}
		for _, dir := range dirs {
			if p, err := servedFrom(ctx, dir); err != nil || p != nil {
				return p, err
			}
			if info, err := os.Stat(tableFile(dir)); err == nil {
				found = append(found, candidate{dir, info.ModTime()})
			}
		}
	}
	if len(found) == 0 {
		return nil, errors.New("nothing has run on this machine yet: make run plays a run, alchemiser serve keeps a cloud running; --env dev, staging or prod looks at AWS")
	}
	newest := slices.MaxFunc(found, func(a, b candidate) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.dir, b.dir)) })
	return inFolder(ctx, newest.dir)
}

// servedFrom is the cloud that keeps its data in the folder, if it runs.
func servedFrom(ctx context.Context, dir string) (*place, error) {
	served, ok, err := rehearsal.ReadServed(dir)
	if err != nil || !ok {
		return nil, err
	}
	if u, err := url.Parse(served.Endpoint); err != nil || !answers(ctx, u) {
		return nil, nil // it has ended
	}
	return atAddress(ctx, served.Endpoint)
}

// tableFile is where a folder has its table: a run's in a folder of its own, a
// served cloud's beside the paper account.
func tableFile(dir string) string {
	name := rehearsal.TableName + ".jsonl"
	if own := filepath.Join(dir, rehearsal.LedgerDir, name); exists(own) {
		return own
	}
	return filepath.Join(dir, name)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// inFolder reads what a run has left in a folder.
func inFolder(ctx context.Context, dir string) (*place, error) {
	if p, err := servedFrom(ctx, dir); err != nil || p != nil {
		return p, err
	}
	if !exists(tableFile(dir)) {
		return nil, fmt.Errorf("there is no run in %s: alchemiser run leaves one in its folder runs/TIME, alchemiser serve in runs/data/BROKER", here(dir))
	}
	raw, err := local.KeptItems(filepath.Dir(tableFile(dir)), rehearsal.TableName)
	if err != nil {
		return nil, err
	}
	f := &folder{logs: filepath.Join(dir, rehearsal.LogsDir)}
	if served, ok, err := rehearsal.ReadServed(dir); err != nil {
		return nil, err
	} else if ok {
		f.logs = filepath.Join(served.Dir, rehearsal.LogsDir)
	}
	for _, r := range raw {
		item, err := keptItem(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", here(tableFile(dir)), err)
		}
		f.items = append(f.items, item)
	}
	driver := memledger.Of(f.items...)
	return &place{title: here(dir), environment: localEnvironment, folder: f, driver: driver, ledger: ledger.New(driver, env.SystemClock(0))}, nil
}

// keptItem reads a document in the form in which DynamoDB sends it.
func keptItem(raw json.RawMessage) (ledger.Item, error) {
	var w struct {
		PK, SK, Body struct{ S string }
		Version      struct{ N string }
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return ledger.Item{}, fmt.Errorf("a document does not decode: %w", err)
	}
	version, err := strconv.ParseInt(w.Version.N, 10, 64)
	if err != nil {
		return ledger.Item{}, fmt.Errorf("the version of %s / %s: %w", w.PK.S, w.SK.S, err)
	}
	return ledger.Item{Key: ledger.Key{PK: w.PK.S, SK: w.SK.S}, Version: version, Body: []byte(w.Body.S)}, nil
}

// accounts are the accounts with documents in the folder.
func (f *folder) accounts() []string {
	var list []string
	for _, i := range f.items {
		if account, ok := strings.CutPrefix(i.PK, "ACCT#"); ok && !slices.Contains(list, account) {
			list = append(list, account)
		}
	}
	slices.Sort(list)
	return list
}

// lines are the lines of a log group.
func (f *folder) lines(group string) ([]string, error) {
	path := filepath.Join(f.logs, strings.ReplaceAll(strings.Trim(group, "/"), "/", "_")+".log")
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the function was never called
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var list []string
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		text := scanner.Text()
		// The id of the invocation stands before the line.
		if _, rest, ok := strings.Cut(text, " {"); ok && !strings.HasPrefix(text, "{") {
			text = "{" + rest
		}
		list = append(list, text)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", here(path), err)
	}
	return list, nil
}
