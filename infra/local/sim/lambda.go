package sim

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// lambda is the service that runs the functions: its asynchronous queue with
// retries and age, the failure queues, and the invocations. It knows nothing
// of rules; the bus before it has retries and queues of its own.
type lambda struct {
	queues []*message
	count  map[topology.Name]int
	// running counts the invocations that are at work, by what they claim.
	running map[string]int
}

// job is an event in Lambda's queue.
type job struct {
	function topology.Function
	payload  []byte
	event    events.Envelope // decoded for the judge; empty for a command or poison
	command  string
	received int64
	tries    int
}

// claim names what an invocation claims that does the job.
func (j *job) claim() string {
	return string(j.function.Name) + " " + j.event.CorrelationID + " " + j.event.EventID
}

// message lies in one of a function's two queues.
type message struct {
	function topology.Function
	kind     string // delivery or failure
	at       int64
	payload  []byte
	event    events.Envelope
	command  string
	poison   bool
	redriven int
}

// where a process dies, seen from an effect.
type where int

const (
	beforeEffect where = iota
	afterEffect        // its answer is lost
	afterAnswer
)

func (w where) String() string { return [...]string{"before", "after effect", "after answer"}[w] }

// invocation is one process that handles one job. It has no memory of any
// other one.
type invocation struct {
	world     *world
	job       *job
	name      string
	began     int64
	skew      int64
	build     string
	processes []*process
	dead      bool
	over      bool

	effects int
	dieAt   int // effect number; 0: never
	dieIn   where
	first   bool // it is the first death of the sweep's point
	hangAt  int  // effect number after which no answer comes; 0: none
	sick    int  // ledger call that is hit; 0: none
	calls   int  // of the ledger
	err     error
	mailed  []int // letters that it sent
	sound   bool  // it began when faults were over
	reaches book  // the broker's
}

const deadline = int64(topology.Timeout)

// enqueue takes a job into Lambda's queue.
func (w *world) enqueue(j *job) {
	j.received = w.loop.now
	w.attempt(j, 0)
}

// attempt begins the job after a wait, unless it has become too old.
func (w *world) attempt(j *job, wait int64) {
	rate := 0.3
	if j.function.Name == topology.Execution { // the one that must not be late
		rate = 0.6
	}
	if w.strikesAt(9, rate, j.function.Name) {
		r := w.how(9)
		throttled := between(r, time.Minute, 20*time.Minute)
		switch left := j.event.NotAfter.Time().UnixNano() - w.loop.now; {
		case chance(r, 0.1):
			throttled = between(r, time.Hour, 6*time.Hour)
		case chance(r, 0.6) && j.event.EventID != "" && left > int64(time.Minute): // to the run's deadline or a little beyond, if it lives so long
			throttled = min(left+between(r, -30*time.Second, 90*time.Second), int64(j.function.Async.MaxAge))
		}
		wait += throttled
		w.until(w.loop.now + wait)
	}
	w.loop.after(wait, func() {
		if w.loop.now-j.received > int64(j.function.Async.MaxAge) {
			w.fail(j, "age")
			return
		}
		j.tries++
		w.invoke(j)
	})
}

// fail puts a job into the function's failure queue, which is an alarm.
func (w *world) fail(j *job, why string) {
	w.trace.add(w.loop.now, "lambda", "failure queue", string(j.function.Name), why)
	w.metrics["FailureQueue"]++
	w.lambda.queues = append(w.lambda.queues, &message{
		function: j.function, kind: "failure", at: w.loop.now, payload: j.payload, event: j.event, command: j.command, poison: j.command == "" && j.event.EventID == "",
	})
}

// finish is called once for every invocation.
func (w *world) finish(i *invocation, how string) {
	i.over = true
	w.lambda.running[i.job.claim()]--
	w.trace.add(w.loop.now, i.name, "end", how, "")
	j := i.job
	if how == "ok" {
		w.settled(i)
		return
	}
	planned := strings.HasPrefix(how, "killed") && len(w.point.deaths) > 0
	if i.sound && j.event.EventID != "" && !planned && !strings.Contains(how, "in_progress") && !strings.Contains(how, ledger.ErrConflict.Error()) {
		w.blame("I14", "%s (%s) was driven again, and ended with %s", i.name, j.event.EventType, how)
	}
	if j.tries > j.function.Async.Attempts {
		w.fail(j, "retries")
		return
	}
	wait := int64(time.Minute) << (j.tries - 1) // a minute, then two
	w.attempt(j, wait*int64(900+w.jitter.IntN(201))/1000)
}

// invoke runs the job in a process of its own.
func (w *world) invoke(j *job) {
	if w.lambda.count == nil {
		w.lambda.count, w.lambda.running = make(map[topology.Name]int), make(map[string]int)
	}
	w.lambda.count[j.function.Name]++
	w.invoked++
	i := &invocation{
		world: w, job: j, began: w.loop.now, build: "1",
		name: string(j.function.Name) + "/" + strconv.Itoa(w.lambda.count[j.function.Name]) + "#" + strconv.Itoa(j.tries),
	}
	i.sound = !w.faults.on
	w.afflict(i)
	w.lambda.running[j.claim()]++
	w.trace.add(w.loop.now, i.name, "begin", string(j.event.EventType)+j.command, strconv.FormatInt(i.skew, 10))
	w.loop.at(i.began+deadline, func() {
		if !i.over && !i.dead {
			w.loop.kill(i)
			w.finish(i, "timeout")
		}
	})
	w.loop.spawn(i, func() {
		_, i.err = i.handle(context.Background())
	}, func() {
		switch {
		case w.loop.panicked != "":
			w.blame("panic", "%s: %s", i.name, w.loop.panicked)
			w.loop.panicked = ""
			w.finish(i, "panic")
		case i.err != nil:
			w.finish(i, "error "+i.err.Error())
		default:
			w.finish(i, "ok")
		}
	})
}

// afflict draws what is wrong with the invocation's machine.
func (w *world) afflict(i *invocation) {
	i.skew = between(w.skews, -2*time.Second, 2*time.Second)
	name, beside := i.job.function.Name, 1.0
	if w.lambda.running[i.job.claim()] > 0 { // two clocks judge one claim
		beside = 4
	}
	if w.strikesAt(28, beside, name) {
		i.skew = between(w.how(28), -2*time.Minute, 2*time.Minute)
	}
	if w.draws(7, 1, name) {
		r := w.how(7)
		i.dieAt, i.dieIn = 1+r.IntN(pick(r, 4, 12, 40)), where(r.IntN(3))
	}
	if w.draws(8, 1, name) {
		r := w.how(8)
		i.hangAt = 1 + r.IntN(pick(r, 4, 12, 40))
	}
	if w.draws(27, 1, name) {
		r := w.how(27)
		i.sick = 1 + r.IntN(pick(r, 2, 6, 20))
	}
	if w.strikes(33, name) {
		i.build = "2"
	}
}

// die ends the invocation from inside.
func (i *invocation) die(call string) {
	if i.first {
		i.world.died = i.world.effects
	}
	i.world.until(i.world.loop.now)
	i.world.took(7, i.job.function.Name)
	i.world.loop.kill(i)
	i.world.finish(i, "killed at "+call)
	runtime.Goexit()
}

// call is one effect of the process on something outside of it: a way there,
// the effect, and a way back. The process can die at each of them, and its
// patience can end.
func (i *invocation) call(ctx context.Context, name, args string, way int64, do func() (string, error)) error {
	w, l := i.world, i.world.loop
	p := l.current
	if i.dead {
		runtime.Goexit()
	}
	i.effects++
	w.effects++
	n := i.effects
	w.strike(i, name)
	if n == i.dieAt && i.dieIn == beforeEffect {
		w.trace.add(l.now, i.name, name, args, "died before")
		i.die(name)
	}
	there := way/2 + w.latency.Int64N(way)
	end, patient := deadlineOf(ctx)
	if patient && l.now+there >= end {
		p.sleep(max(end, l.now))
		w.trace.add(l.now, i.name, name, args, "no time")
		return context.DeadlineExceeded
	}
	p.sleep(l.now + there)
	result, err := do()
	if err != nil {
		result = err.Error()
	}
	w.trace.add(l.now, i.name, name, args, result)
	if n == i.dieAt && i.dieIn == afterEffect {
		i.die(name)
	}
	back := way/2 + w.latency.Int64N(way)
	if n == i.hangAt {
		w.took(8, i.job.function.Name)
		back = 2 * deadline
	}
	if patient && l.now+back > end {
		p.sleep(max(end, l.now))
		return context.DeadlineExceeded
	}
	p.sleep(l.now + back)
	if n == i.dieAt && i.dieIn == afterAnswer {
		i.die(name)
	}
	return err
}
