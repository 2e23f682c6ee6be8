package lambda

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alchemiser/alchemiser/pkg/env"
)

// environment is one execution environment: a child process and the Runtime API it talks to.
type environment struct {
	function *Function
	id       string
	server   *http.Server
	command  *exec.Cmd
	output   *output

	ready chan struct{} // the child asks for work
	work  chan *handover
	dead  chan struct{} // the child has exited and was waited for
	exit  error         // why, once dead

	mu        sync.Mutex
	process   int  // 0 until started and after the exit
	doomed    bool // killed, perhaps before it was started
	current   *handover
	initError []byte
}

// handover is one invocation given to a child.
type handover struct {
	Invocation
	deadline time.Time
	reply    chan reply
}

type reply struct {
	payload []byte
	failed  bool
}

// newEnvironment starts a child. It is usable when ready fires.
func (f *Function) newEnvironment() (*environment, error) {
	bootstrap, err := filepath.Abs(filepath.Join(f.Folder, "bootstrap"))
	if err != nil {
		return nil, err
	}
	out, err := newOutput()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, out.close())
	}
	e := &environment{function: f, id: env.Token(), output: out, ready: make(chan struct{}, 1), work: make(chan *handover), dead: make(chan struct{})}
	e.server = &http.Server{Handler: e.routes(), ReadHeaderTimeout: time.Minute}
	e.command = &exec.Cmd{Path: bootstrap, Args: []string{bootstrap}, Dir: filepath.Dir(bootstrap), Stdout: out.file, Stderr: out.file,
		SysProcAttr: processAttributes(), Env: f.environ(e.id, listener.Addr().String(), filepath.Dir(bootstrap))}
	if err := f.host.startEnvironment(e); err != nil {
		return nil, errors.Join(fmt.Errorf("function %s: start %s: %w", f.Name, bootstrap, err), listener.Close(), out.close())
	}
	go e.serve(listener)
	go e.wait()
	return e, nil
}

// environ is the child's environment, built from nothing: inheriting variables has made SDK clients fail.
func (f *Function) environ(id, runtimeAPI, folder string) []string {
	variables := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          runtimeAPI,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "1",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME":       f.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME":      id,
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_LEVEL":            "INFO",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"_HANDLER":                        "bootstrap",
		"LAMBDA_TASK_ROOT":                folder,
		"TZ":                              ":UTC",
	}
	if f.Variables != nil {
		for key, value := range f.Variables(id) {
			variables[key] = value
		}
	}
	list := make([]string, 0, len(variables))
	for key, value := range variables {
		list = append(list, key+"="+value)
	}
	return list
}

func (e *environment) serve(listener net.Listener) {
	// Serve returns when wait closes the server; there is nobody to tell.
	if err := e.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		e.kill()
	}
}

// wait reaps the child. It alone frees what the environment holds.
func (e *environment) wait() {
	e.exit = e.command.Wait()
	e.kill() // what the child may have started
	e.mu.Lock()
	e.process = 0
	requestID := ""
	if e.current != nil {
		requestID = e.current.RequestID
	}
	e.mu.Unlock()
	e.flush(requestID)
	close(e.dead)
	// Everything worth having was read; what closing reports helps nobody.
	_ = errors.Join(e.output.close(), e.server.Close())
	e.function.host.unregister(e)
}

// launch starts the child, which must happen on the spawner's thread.
func (e *environment) launch() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.doomed {
		return errors.New("the host is closing")
	}
	if err := e.command.Start(); err != nil {
		return err
	}
	e.process = e.command.Process.Pid
	return nil
}

// kill ends the child and what it started. dead closes soon after. It may be called at any time and more than once.
func (e *environment) kill() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.end()
}

// killDuring is kill while the invocation has not ended.
func (e *environment) killDuring(h *handover) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == h {
		e.end()
	}
}

// end is kill for who holds the lock.
func (e *environment) end() {
	e.doomed = true
	if e.process != 0 {
		// ESRCH means the group has ended by itself, which is what we want.
		_ = syscall.Kill(-e.process, syscall.SIGKILL)
	}
}

func (e *environment) isDead() bool {
	select {
	case <-e.dead:
		return true
	default:
		return false
	}
}

// flush passes on what the child has printed.
func (e *environment) flush(requestID string) {
	if lines := e.output.lines(); len(lines) > 0 && e.function.host.options.Sink != nil {
		e.function.host.options.Sink(Output{e.function.Name, e.function.LogGroup, e.id, requestID, lines})
	}
}

// exitMessage words the end of the process as Lambda does.
func (e *environment) exitMessage(requestID string) string {
	reason := "exit status 0"
	if e.exit != nil {
		reason = e.exit.Error()
	}
	return fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", requestID, reason)
}

// output collects what a child prints in an unnamed file, so that all of it is there when the invocation ends, even after a crash.
type output struct {
	mu     sync.Mutex
	file   *os.File
	offset int64
}

const (
	maxLine   = 64 << 10
	maxOutput = 4 << 20 // per invocation; what exceeds it is cut
)

func newOutput() (*output, error) {
	file, err := os.CreateTemp("", "alchemiser-output-*")
	if err != nil {
		return nil, err
	}
	name := file.Name()
	if err := file.Close(); err != nil {
		return nil, err
	}
	// Appending lets the file be emptied while the child holds it open.
	if file, err = os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	return &output{file: file}, os.Remove(name)
}

// lines returns what was printed since the last call.
func (o *output) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text, err := io.ReadAll(io.NewSectionReader(o.file, o.offset, maxOutput))
	if err != nil || len(text) == 0 {
		return nil
	}
	o.offset += int64(len(text))
	if o.offset >= maxOutput {
		// A function that prints this much may lose lines here; the alternative is a full disk.
		if err := o.file.Truncate(0); err == nil {
			o.offset = 0
		}
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n") {
		lines = append(lines, line[:min(len(line), maxLine)])
	}
	return lines
}

func (o *output) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.file.Close()
}
