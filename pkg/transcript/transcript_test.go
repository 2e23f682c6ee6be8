package transcript_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/transcript"
)

// ticking moves by a millisecond with every reading.
type ticking struct {
	mu  sync.Mutex
	now time.Time
}

func (c *ticking) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *ticking) Sleep(ctx context.Context, d time.Duration) error { return ctx.Err() }

var errGone = errors.New("gone")

type refusal struct{ Code int }

func (r *refusal) Error() string { return fmt.Sprintf("refused with %d", r.Code) }

func port(t *transcript.Tape) transcript.Port {
	return transcript.Port{Tape: t, Kinds: []transcript.Kind{
		transcript.Sentinel("gone", errGone),
		transcript.Typed("refusal", func(r *refusal) int { return r.Code }, func(c int) *refusal { return &refusal{c} }),
	}}
}

// decide is an invocation: legs side by side that each read the clock, ask and
// write. It returns everything it came to know.
func decide(t *transcript.Tape, clock env.Clock, price func(symbol string) (string, error)) string {
	ctx := context.Background()
	began := clock.Now()
	legs := []string{"MSFT", "QQQ", "SHY", "NONE", "BAD"}
	said := make([]string, len(legs))
	var wg sync.WaitGroup
	for i, symbol := range legs {
		wg.Go(func() {
			ctx := env.InLane(ctx, symbol)
			for range 3 {
				at := env.Now(ctx, clock)
				p, err := transcript.Call(ctx, port(t), transcript.Request{Op: "quote", Args: symbol}, func() (string, error) { return price(symbol) })
				said[i] += fmt.Sprintln(at.Sub(began), p, err, errors.Is(err, errGone))
				var r *refusal
				if errors.As(err, &r) {
					said[i] += fmt.Sprintln("code", r.Code)
				}
			}
			_, err := transcript.Call(ctx, port(t), transcript.Request{Op: "submit", Args: symbol, Wrote: said[i], Effect: true}, func() (bool, error) { return true, nil })
			said[i] += fmt.Sprint(err)
		})
	}
	wg.Wait()
	return strings.Join(said, "") + clock.Now().String()
}

func quoted() func(string) (string, error) {
	var mu sync.Mutex
	n := 100
	return func(symbol string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		switch symbol {
		case "NONE":
			return "", fmt.Errorf("quote of %s: %w", symbol, errGone)
		case "BAD":
			return "", fmt.Errorf("quote: %w", &refusal{n})
		}
		return fmt.Sprint(n), nil
	}
}

// record is a decided delivery with its transcript.
func record(t *testing.T, tape *transcript.Tape) (said string, sealed []byte) {
	t.Helper()
	clock := tape.Clock(&ticking{now: time.Date(2026, 11, 23, 14, 35, 0, 0, time.UTC)})
	tape.Begin(clock, transcript.Scope{Attempt: 1})
	defer tape.End()
	said = decide(tape, clock, quoted())
	sealed, lost := tape.Seal()
	if lost != "" {
		t.Fatal(lost)
	}
	return said, sealed
}

func play(t *testing.T, sealed []byte) (*transcript.Tape, env.Clock) {
	t.Helper()
	text, err := transcript.Read(sealed)
	if err != nil {
		t.Fatal(err)
	}
	tape := transcript.Play(text, nil, nil)
	clock := tape.Clock(nil)
	tape.Begin(clock, transcript.Scope{})
	return tape, clock
}

// A repetition does not depend on how its goroutines are scheduled.
func TestARepetitionHearsTheSame(t *testing.T) {
	said, sealed := record(t, transcript.NewTape(transcript.Identity{Service: "execution", Build: "1"}))
	for range 50 {
		tape, clock := play(t, sealed)
		again := decide(tape, clock, func(string) (string, error) { panic("the world was asked") })
		if again != said || len(tape.Differences()) != 0 {
			t.Fatalf("recorded\n%s\nrepeated\n%s\n%+v", said, again, tape.Differences())
		}
	}
}

func TestARepetitionThatGoesAnotherWay(t *testing.T) {
	_, sealed := record(t, transcript.NewTape(transcript.Identity{}))
	text, err := transcript.Read(sealed)
	if err != nil {
		t.Fatal(err)
	}
	stopped := 0
	tape := transcript.Play(text, nil, func() { stopped++ })
	tape.Begin(tape.Clock(nil), transcript.Scope{})
	ctx := env.InLane(context.Background(), "MSFT")
	submit := func(wrote string) error {
		_, err := transcript.Call(ctx, port(tape), transcript.Request{Op: "submit", Args: "MSFT", Wrote: wrote, Effect: true}, func() (bool, error) { panic("asked") })
		return err
	}
	if err := submit("other"); err != nil {
		t.Errorf("an effect with other content has an answer: %v", err)
	}
	if err := submit("other"); !errors.Is(err, transcript.ErrNotRecorded) || stopped != 1 {
		t.Errorf("an effect too many: %v, stopped %d times", err, stopped)
	}
	_, err = transcript.Call(ctx, port(tape), transcript.Request{Op: "quote", Args: "IEF"}, func() (string, error) { panic("asked") })
	if !errors.Is(err, transcript.ErrNotRecorded) {
		t.Errorf("another symbol: %v", err)
	}
	var what []string
	for _, d := range tape.Differences() {
		what = append(what, fmt.Sprintf("%s %s: %s %s %s", d.Lane, d.Op, d.What, d.Recorded, d.Replayed))
	}
	want := []string{"other content", "not recorded", `other arguments "MSFT" "IEF"`, "QQQ submit: not done again", "SHY submit", "NONE submit", "BAD submit"}
	if len(what) != len(want) {
		t.Fatalf("differences %q, want %d", what, len(want))
	}
	for i, w := range want[:3] {
		if !strings.Contains(what[i], w) {
			t.Errorf("difference %d is %q, want %q in it", i, what[i], w)
		}
	}
	for _, w := range want[3:] {
		if !strings.Contains(strings.Join(what, "\n"), w) {
			t.Errorf("no difference %q in %q", w, what)
		}
	}
}

// A build that does in turn what the recorded one did side by side has the
// same answers.
func TestALaneThatIsNewIsAnsweredFromAnother(t *testing.T) {
	_, sealed := record(t, transcript.NewTape(transcript.Identity{}))
	tape, clock := play(t, sealed)
	ctx := env.InLane(context.Background(), "another")
	for range 3 {
		if p, err := transcript.Call(ctx, port(tape), transcript.Request{Op: "quote", Args: "QQQ"}, func() (string, error) { panic("asked") }); p == "" || err != nil {
			t.Errorf("%q, %v", p, err)
		}
	}
	if _, err := transcript.Call(ctx, port(tape), transcript.Request{Op: "quote", Args: "QQQ"}, func() (string, error) { panic("asked") }); !errors.Is(err, transcript.ErrNotRecorded) {
		t.Errorf("a fourth quote: %v", err)
	}
	first := clock.Now()
	if now := env.Now(ctx, clock); now.Before(first) {
		t.Errorf("the new lane is at %s, before %s", now, first)
	}
}

// F96: what is hidden does not show, whoever says it.
func TestF96NoTranscriptHoldsASecret(t *testing.T) {
	tape := transcript.NewTape(transcript.Identity{})
	tape.Hide("PKTESTKEY123", "SECRET")
	tape.Hide(`pass"word<1>`, "SECRET")
	tape.Hide("short", "SECRET")
	tape.Set(map[string]string{"ACCOUNT": "short", "LIVE_CONFIRM": "PKTESTKEY123"})
	clock := tape.Clock(&ticking{})
	tape.Begin(clock, transcript.Scope{LastError: "PKTESTKEY123"})
	defer tape.End()
	for _, text := range []string{`{"key":"PKTESTKEY123"}`, `pass"word<1>`} {
		_, err := transcript.Call(t.Context(), port(tape), transcript.Request{Op: "x", Args: text, Wrote: text}, func() (string, error) { return text, errors.New(text) })
		if err == nil || err.Error() != text {
			t.Errorf("the caller got %v", err)
		}
	}
	sealed, lost := tape.Seal()
	if lost != "" {
		t.Fatal(lost)
	}
	text, err := transcript.Read(sealed)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%+v %s %s", text, text.Entries[0].Args, text.Entries[1].Args)
	if strings.Contains(all, "PKTESTKEY123") || strings.Contains(all, "word<1>") || text.Head.Setup["ACCOUNT"] != "short" {
		t.Errorf("the transcript says %s", all)
	}
}

// What is large is stored beside the transcript; when that fails, the
// transcript says so, and nothing else happens.
func TestWhatIsKeptBeside(t *testing.T) {
	for name, failure := range map[string]error{"stored": nil, "lost": errors.New("the table is away")} {
		tape := transcript.NewTape(transcript.Identity{})
		stored := map[string]string{}
		tape.Begin(&ticking{}, transcript.Scope{Keep: func(ctx context.Context, n string, content []byte) error {
			if tape.Active(ctx) {
				t.Error("storing is written down itself")
			}
			stored[n] = string(content)
			return failure
		}})
		ref := tape.Keep(t.Context(), "bars", func() ([]byte, error) { return []byte("content"), nil })
		sealed, lost := tape.Seal()
		tape.End()
		text, err := transcript.Read(sealed)
		if err != nil || lost != "" {
			t.Fatal(err, lost)
		}
		if stored[ref] != "content" || (failure == nil) != (text.Head.Lost == "") {
			t.Errorf("%s: stored %v, lost %q", name, stored, text.Head.Lost)
		}
		if k := text.Head.Kept[ref]; failure == nil && (k.Bytes != 7 || k.SHA256 != transcript.Digest([]byte("content"))) {
			t.Errorf("%s: %+v", name, text.Head.Kept)
		}
	}
}

func TestInvocationsThatOverlapAreLost(t *testing.T) {
	tape := transcript.NewTape(transcript.Identity{})
	clock := tape.Clock(&ticking{})
	tape.Begin(clock, transcript.Scope{})
	tape.Begin(clock, transcript.Scope{})
	for range 2 {
		if sealed, lost := tape.Seal(); sealed != nil || lost == "" {
			t.Errorf("sealed %d bytes, lost %q", len(sealed), lost)
		}
		tape.End()
	}
	if said, sealed := record(t, tape); said == "" || sealed == nil {
		t.Error("nothing was recorded afterwards")
	}
}

func TestOutsideOfADeliveryNothingIsRecorded(t *testing.T) {
	for _, tape := range []*transcript.Tape{nil, transcript.NewTape(transcript.Identity{})} {
		got, err := transcript.Call(t.Context(), port(tape), transcript.Request{Op: "x"}, func() (int, error) { return 7, nil })
		if got != 7 || err != nil {
			t.Errorf("%d, %v", got, err)
		}
		tape.Hide("whatever it is", "SECRET")
		if sealed, lost := tape.Seal(); sealed != nil || lost != "" {
			t.Errorf("sealed %q, lost %q", sealed, lost)
		}
	}
}

// Files are read again as they were, mistakes included.
func TestFilesAsTheyWere(t *testing.T) {
	tape := transcript.NewTape(transcript.Identity{})
	fsys := tape.Files(fstest.MapFS{"a.clj": {Data: []byte("(a)")}})
	if text, err := fs.ReadFile(fsys, "a.clj"); string(text) != "(a)" || err != nil {
		t.Fatalf("%q, %v", text, err)
	}
	_, missing := fs.ReadFile(fsys, "b.clj")
	_, sealed := record(t, tape)
	text, err := transcript.Read(sealed)
	if err != nil {
		t.Fatal(err)
	}
	again := transcript.FilesOf(text.Head)
	if got, err := fs.ReadFile(again, "a.clj"); string(got) != "(a)" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := fs.ReadFile(again, "b.clj"); !errors.Is(err, fs.ErrNotExist) || err.Error() != missing.Error() {
		t.Errorf("%v, want %v", err, missing)
	}
	if _, err := fs.ReadFile(again, "c.clj"); !errors.Is(err, transcript.ErrNotRecorded) {
		t.Errorf("a file that was not read: %v", err)
	}
}

func TestReadRefusesWhatItDoesNotKnow(t *testing.T) {
	_, sealed := record(t, transcript.NewTape(transcript.Identity{}))
	for name, b := range map[string][]byte{"nothing": nil, "text": []byte("{}"), "cut": sealed[:len(sealed)/2]} {
		if _, err := transcript.Read(b); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	tape := transcript.NewTape(transcript.Identity{})
	for b.Loop() {
		clock := tape.Clock(&ticking{})
		tape.Begin(clock, transcript.Scope{})
		for i := range 200 {
			_, _ = transcript.Call(b.Context(), port(tape), transcript.Request{Op: "broker.order", Args: i}, func() (map[string]string, error) {
				return map[string]string{"id": fmt.Sprint(i), "status": "filled", "symbol": "MSFT", "qty": "12.345678"}, nil
			})
		}
		if sealed, _ := tape.Seal(); sealed == nil {
			b.Fatal("nothing was sealed")
		}
		tape.End()
	}
}
