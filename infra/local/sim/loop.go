package sim

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// loop is virtual time: a heap of what is due, ordered by time and, within one
// instant, by when it was scheduled. Nothing else decides what happens next.
// Processes are goroutines of which exactly one runs at a time, so a world is
// single-threaded whatever GOMAXPROCS says.
type loop struct {
	now      int64 // ns since 1970
	until    int64 // nothing beyond is run
	due      []due
	sequence uint64
	current  *process
	threads  *threads
	back     chan struct{}
	steps    int
	panicked string
}

type due struct {
	at       int64
	sequence uint64
	do       func()
	resume   *process
	turn     int
}

func newLoop(now int64, t *threads) *loop {
	return &loop{now: now, until: now, threads: t, back: make(chan struct{})}
}

func (d *due) before(o *due) bool { return d.at < o.at || d.at == o.at && d.sequence < o.sequence }

func (l *loop) push(d due) {
	l.sequence++
	d.sequence, d.at = l.sequence, max(d.at, l.now)
	l.due = append(l.due, d)
	h := l.due
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (l *loop) pop() due {
	h := l.due
	top := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h[last] = due{}
	h = h[:last]
	l.due = h
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if least == i {
			return top
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// at lets do happen at an instant.
func (l *loop) at(at int64, do func()) { l.push(due{at: at, do: do}) }

// after lets do happen after ns nanoseconds.
func (l *loop) after(ns int64, do func()) { l.at(l.now+ns, do) }

// run lets everything happen that is due until the given instant.
func (l *loop) run(until int64) {
	l.until = until
	for len(l.due) > 0 && l.due[0].at <= until {
		d := l.pop()
		l.now = d.at
		l.steps++
		switch {
		case d.resume == nil:
			d.do()
		case d.resume.turn == d.turn:
			l.resume(d.resume)
		}
	}
	l.now = max(l.now, until)
}

// process is one thread of control of an invocation.
type process struct {
	loop   *loop
	of     *invocation
	body   func()
	ended  func()
	thread *thread // nil: not begun
	turn   int     // counts resumptions; an appointment of an earlier turn has lapsed
	over   bool
}

// thread is a goroutine that runs processes, one after the other: the next one
// finds its stack as large as the last one needed it. The one whose process is
// killed ends with it.
type thread struct{ wake chan *process }

// threads are those that run nothing. Worlds that are played one after the
// other share them.
type threads struct{ idle []*thread }

// spawn makes a process that begins now, after what is due already.
func (l *loop) spawn(of *invocation, body, ended func()) {
	p := &process{loop: l, of: of, body: body, ended: ended}
	of.processes = append(of.processes, p)
	l.push(due{at: l.now, resume: p})
}

func (l *loop) resume(p *process) {
	p.turn++
	if p.thread == nil {
		if p.of.dead {
			p.over = true
			return
		}
		p.thread = l.threads.free()
	}
	l.current = p
	p.thread.wake <- p
	<-l.back
	l.current = nil
}

// free is a thread that runs nothing.
func (t *threads) free() *thread {
	last := len(t.idle) - 1
	if last < 0 {
		next := &thread{wake: make(chan *process)}
		go next.main(t)
		return next
	}
	next := t.idle[last]
	t.idle = t.idle[:last]
	return next
}

// end lets them go.
func (t *threads) end() {
	for _, next := range t.idle {
		close(next.wake)
	}
	t.idle = nil
}

func (t *thread) main(among *threads) {
	var killed *process
	defer func() {
		if killed != nil {
			killed.loop.back <- struct{}{}
		}
	}()
	for p := range t.wake {
		killed = p
		p.main()
		killed = nil
		among.idle = append(among.idle, t)
		p.loop.back <- struct{}{}
	}
}

func (p *process) main() {
	defer func() {
		if r := recover(); r != nil { // beyond the runtime's own recovery: the process would have died
			p.loop.panicked = fmt.Sprintf("%v\n%s", r, debug.Stack())
		}
		p.over = true
		if p.ended != nil && !p.of.dead {
			p.ended()
		}
	}()
	p.body()
}

// wakeAt makes an appointment with a parked process.
func (l *loop) wakeAt(p *process, at int64) { l.push(due{at: at, resume: p, turn: p.turn}) }

// park gives control back until somebody wakes the process. A process of a
// dead invocation never goes on.
func (p *process) park() {
	p.loop.back <- struct{}{}
	<-p.thread.wake
	if p.of.dead {
		runtime.Goexit()
	}
}

// sleep passes time in a process. When nothing else is due before, it simply
// goes on.
func (p *process) sleep(until int64) {
	l := p.loop
	if p.of.dead {
		runtime.Goexit()
	}
	if until <= l.until && (len(l.due) == 0 || l.due[0].at > until) {
		l.now = max(l.now, until)
		return
	}
	l.wakeAt(p, until)
	p.park()
}

// kill ends an invocation: none of its processes goes on.
func (l *loop) kill(i *invocation) {
	i.dead = true
	for _, p := range i.processes {
		if !p.over && p != l.current {
			l.wakeAt(p, l.now)
		}
	}
}
