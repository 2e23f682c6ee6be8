package sim

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// table is the ledger as a process sees it.
type table struct{ of *invocation }

const tableWay = int64(4 * time.Millisecond)

var errThrottled = errors.New("ProvisionedThroughputExceededException (simulated)")

// sickness is what happens to the ledger call that is hit.
type sickness int

const (
	healthy sickness = iota
	refusedByRace
	answerLost
	throttled
)

func (t table) sickness(write bool) sickness {
	i := t.of
	if i.sick == 0 {
		return healthy
	}
	if i.sick--; i.sick > 0 {
		return healthy
	}
	i.world.took(27, i.job.function.Name)
	if !write {
		return throttled
	}
	return pick(i.world.how(27), refusedByRace, answerLost, throttled)
}

// Get implements ledger.Driver.
func (t table) Get(ctx context.Context, key ledger.Key) (item ledger.Item, err error) {
	ill := t.sickness(false)
	err = t.of.call(ctx, "ledger.get", key.SK, tableWay, func() (string, error) {
		if ill == throttled {
			return "", errThrottled
		}
		item, err = t.of.world.memory.Get(context.Background(), key)
		return strconv.FormatInt(item.Version, 10), err
	})
	return item, err
}

// Put implements ledger.Driver.
func (t table) Put(ctx context.Context, item ledger.Item) error {
	ill := t.sickness(true)
	return t.of.call(ctx, "ledger.put", item.SK, tableWay, func() (string, error) {
		switch ill {
		case refusedByRace:
			return "", ledger.ErrConflict
		case throttled:
			return "", errThrottled
		}
		if err := t.of.world.memory.Put(context.Background(), item); err != nil {
			return "", err
		}
		t.of.world.wrote(item)
		t.of.noteMail(item)
		if ill == answerLost {
			return "", context.DeadlineExceeded
		}
		return strconv.FormatInt(item.Version, 10) + " " + digest(item.Body), nil
	})
}

// Query implements ledger.Driver.
func (t table) Query(ctx context.Context, pk, prefix string) (items []ledger.Item, err error) {
	ill := t.sickness(false)
	err = t.of.call(ctx, "ledger.query", prefix, tableWay, func() (string, error) {
		if ill == throttled {
			return "", errThrottled
		}
		items, err = t.of.world.memory.Query(context.Background(), pk, prefix)
		return strconv.Itoa(len(items)), err
	})
	return items, err
}

// Due implements ledger.Driver. The index may lag behind the table: a document
// then shows as due although it was written since, and what was written since
// does not show.
func (t table) Due(ctx context.Context, until time.Time, limit int) (items []ledger.Item, err error) {
	w := t.of.world
	lag := int64(0)
	if w.strikes(27) {
		lag = between(w.how(27), 0, 10*time.Second)
	}
	err = t.of.call(ctx, "ledger.due", "", tableWay, func() (string, error) {
		items, err = w.memory.Due(context.Background(), until, limit)
		if lag > 0 {
			items = w.lagging(items, w.loop.now-lag, until, limit)
		}
		return strconv.Itoa(len(items)), err
	})
	return items, err
}

// noteMail remembers that the process wrote that it sent its mail.
func (i *invocation) noteMail(item ledger.Item) {
	if strings.HasPrefix(item.SK, "MAIL#") && bytes.Contains(item.Body, []byte(`"state":"SENT"`)) {
		for _, k := range i.mailed {
			i.world.mails[k].marked = true
		}
	}
}

// wrote remembers a write.
func (w *world) wrote(item ledger.Item) {
	w.writes = append(w.writes, write{at: w.loop.now, key: item.Key, due: item.DueAt})
	if item.DueAt.IsZero() {
		delete(w.dueDocs, item.Key)
	} else {
		w.dueDocs[item.Key] = true
	}
	if strings.HasPrefix(item.SK, "LEG#") {
		const key = `"client_order_id":"`
		if k := bytes.LastIndex(item.Body, []byte(key)); k >= 0 {
			id, _, _ := bytes.Cut(item.Body[k+len(key):], []byte(`"`))
			if _, known := w.intended[string(id)]; !known {
				w.intended[string(id)] = w.loop.now
			}
		}
	}
	if w.died > 0 && w.recommitted == 0 && strings.HasPrefix(item.SK, "IN#") && bytes.Contains(item.Body, []byte(`"state":"DONE"`)) {
		w.recommitted = w.effects
	}
	if item.SK == "META" {
		if strings.Contains(string(item.Body), `"state":"OPEN"`) {
			w.open[item.PK] = true
		} else {
			delete(w.open, item.PK)
		}
	}
	w.sweepUntilQuiet()
}

// lagging leaves out documents that were written after an instant.
func (w *world) lagging(items []ledger.Item, seen int64, _ time.Time, _ int) []ledger.Item {
	fresh := make(map[ledger.Key]bool)
	for k := len(w.writes) - 1; k >= 0 && w.writes[k].at > seen; k-- {
		fresh[w.writes[k].key] = true
	}
	out := items[:0]
	for _, item := range items {
		if !fresh[item.Key] {
			out = append(out, item)
		}
	}
	return out
}
