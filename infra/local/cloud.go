// Package local is the one-machine cloud: one process that loads the CloudFormation templates we deploy, runs the real function
// binaries behind a Lambda Runtime API, and speaks enough of AWS's protocols that the functions need only another endpoint. What
// is wired, retried and permitted comes from the templates alone; what they ask for and this package does not know stops the start.
//
//	binaries, err := local.Build(ctx, local.BuildOptions{Root: ".", Cache: cache})
//	cloud, err := local.Start(ctx, local.Options{
//		Templates:  os.DirFS("infra/cdk/templates/dev"),
//		Binaries:   binaries,
//		Parameters: map[string]string{"/alchemiser/dev/broker/key_id": "…"},
//		Environment: map[string]map[string]string{"*": {"BROKER_BASE_URL": paper.URL, "DATA_BASE_URL": paper.URL}},
//		Backoff:    local.Run(),
//		MailDir:    "mails",
//		Observer:   func(e local.Event) { fmt.Println(e.Kind, e.Function, e.EventType, e.Duration) },
//	})
//	defer cloud.Close()
//	err = cloud.FireSchedule(ctx, "alchemiser-dev-start-daily", planned)
//	err = cloud.Quiesce(ctx)       // nothing queued, running or waiting
//	report := cloud.Snapshot()     // queues, unrouted events, denials, mails, …
//	client := sqs.NewFromConfig(cloud.AWSConfig())
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/alchemiser/alchemiser/infra/local/aws"
	"github.com/alchemiser/alchemiser/infra/local/bus"
	"github.com/alchemiser/alchemiser/infra/local/cloudwatch"
	"github.com/alchemiser/alchemiser/infra/local/delivery"
	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/iam"
	"github.com/alchemiser/alchemiser/infra/local/lambda"
	"github.com/alchemiser/alchemiser/infra/local/queue"
	"github.com/alchemiser/alchemiser/infra/local/smtp"
	"github.com/alchemiser/alchemiser/infra/local/template"
	"github.com/alchemiser/alchemiser/infra/local/work"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// Options configure a Cloud. Templates and Binaries are required.
type Options struct {
	// Templates holds the *.template.json of one environment at its root.
	Templates fs.FS
	// Binaries gives for every service the folder that holds its bootstrap.
	Binaries map[string]string
	// Parameters are SSM SecureStrings by name. Plain parameters of the templates are there too.
	Parameters map[string]string
	// Environment overrides variables the templates already define: service → variable → value. The service "*" means every
	// function that defines the variable. A variable nobody defines is an error.
	Environment map[string]map[string]string
	// ClockOffset is added to the machine's clock by the scheduler and, through CLOCK_OFFSET, by every function: the rehearsal clock.
	ClockOffset time.Duration
	// Backoff is how long retries wait; the zero value is AWS().
	Backoff Backoff
	// ManualSchedules keeps every schedule from firing by itself; FireSchedule still works.
	ManualSchedules bool
	// Enable names schedules that fire by themselves although their template has them disabled.
	Enable []string
	// Concurrency is the number of concurrent invocations per function, unless its template reserves fewer; 0 means 2.
	Concurrency int
	// MailDir receives the mails as .eml files; empty keeps them in memory. Functions that define SMTP_HOST and SMTP_PORT are
	// pointed at the sink, unless Environment points them elsewhere.
	MailDir string
	// MailUser and MailPassword, when given, are the only credentials the mail sink accepts.
	MailUser, MailPassword string
	// LogDir receives one file per log group; empty keeps the newest lines in memory only.
	LogDir string
	// Observer is told what happens, one event at a time and in order. It must not block and must not call the Cloud.
	Observer func(Event)
	// DataDir keeps the items of the tables over restarts: read at start, every write journalled before it is answered.
	// Empty keeps them in memory. One cloud at a time may use the folder.
	DataDir string
	// Faults are injected; nil injects none. Faults may be added while the cloud runs.
	Faults *fault.Plan
	// Listen is the address of the API; empty means a free loopback port.
	Listen string
	// CertificateFile is what this process itself trusts (its SSL_CERT_FILE), or empty for the system's usual places.
	CertificateFile string
}

// Backoff is one profile of waits.
type Backoff struct {
	Async    lambda.Backoff
	Delivery delivery.Backoff
}

// AWS waits as the services do.
func AWS() Backoff {
	return Backoff{lambda.AWS(), delivery.Backoff{Min: time.Second, Max: 5 * time.Minute}}
}

// Run is short enough to watch.
func Run() Backoff {
	return Backoff{lambda.Run(), delivery.Backoff{Min: 100 * time.Millisecond, Max: 2 * time.Second}}
}

// Test is as short as possible.
func Test() Backoff {
	return Backoff{lambda.Test(), delivery.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond}}
}

// horizon is the longest wait of the profile: what is due within it belongs to the work under way.
func (b Backoff) horizon() time.Duration { return max(b.Async.Horizon(), b.Delivery.Max) }

// function is a function of the model with what runs it.
type function struct {
	model    *template.Function
	run      *lambda.Function
	settings map[string]string // the template's variables, overridden
}

// Cloud is a running one-machine cloud.
type Cloud struct {
	options  Options
	model    *template.Model
	clock    env.Clock // the machine's
	rehearse *Clock    // moved by ClockOffset
	context  context.Context
	cancel   context.CancelFunc

	tracker   work.Tracker
	audit     iam.Audit
	host      *lambda.Host
	async     *lambda.Async
	deliverer *delivery.Deliverer
	functions map[string]*function // by name
	byService map[string]*function
	buses     map[string]*bus.Bus
	queues    map[string]aws.Queue // by name
	sink      *smtp.Sink
	logs      *logs
	metrics   *cloudwatch.Store
	scheduler *scheduler
	tables    *tables
	server    *http.Server
	endpoint  string
	temporary string
	serving   sync.WaitGroup
	closing   sync.Once
	detach    func() bool
	unlock    func() error // of DataDir

	observing   sync.Mutex
	invocations []Invocation
	problems    []string
}

// Start loads the templates, starts the listeners and returns a running cloud. The end of the context closes it.
func Start(ctx context.Context, o Options) (*Cloud, error) {
	model, err := template.Load(o.Templates)
	if err != nil {
		return nil, fmt.Errorf("one-machine cloud: %w", err)
	}
	c := &Cloud{options: o, model: model, clock: env.SystemClock(0), rehearse: NewClock(o.ClockOffset),
		functions: map[string]*function{}, byService: map[string]*function{}, buses: map[string]*bus.Bus{}, queues: map[string]aws.Queue{}}
	c.metrics = cloudwatch.NewStore(c.rehearse.Now())
	if o.Backoff.Async.ThrottleMax == 0 {
		c.options.Backoff = AWS()
	}
	if o.Faults == nil {
		c.options.Faults = &fault.Plan{}
	}
	c.context, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := c.start(); err != nil {
		return nil, fmt.Errorf("one-machine cloud: %w", errors.Join(err, c.Close()))
	}
	c.detach = context.AfterFunc(ctx, func() { _ = c.Close() })
	return c, nil
}

func (c *Cloud) start() error {
	var err error
	if c.temporary, err = os.MkdirTemp("", "alchemiser-cloud-*"); err != nil {
		return err
	}
	measure := func(value float64, m template.Metric) { c.metrics.Add(c.rehearse.Now(), value, m) }
	if c.logs, err = newLogs(c.options.LogDir, c.rehearse, measure); err != nil {
		return err
	}
	if c.options.DataDir != "" {
		if c.unlock, err = lock(c.options.DataDir); err != nil {
			return err
		}
	}
	c.sink, err = smtp.Start(smtp.Options{Dir: c.options.MailDir, Username: c.options.MailUser, Password: c.options.MailPassword,
		Clock: c.clock, Faults: c.options.Faults, Observe: c.mailArrived}) // certificates live in the machine's time
	if err != nil {
		return err
	}
	if err := c.sink.WriteBundle(c.bundle(), c.options.CertificateFile); err != nil {
		return err
	}
	address := c.options.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	c.endpoint = "http://" + listener.Addr().String()
	c.addQueues()
	c.addDelivery()
	if err := errors.Join(c.addFunctions(), c.checkTargets()); err != nil {
		return errors.Join(err, listener.Close())
	}
	handler, err := c.handler()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	c.server = &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	c.serving.Go(func() {
		if err := c.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.problem("the API listener ended: %v", err)
		}
	})
	if c.options.DataDir != "" {
		c.serving.Go(c.keepData)
	}
	c.serving.Go(c.watchAlarms)
	c.scheduler = newScheduler(c)
	return c.scheduler.start()
}

func (c *Cloud) bundle() string { return filepath.Join(c.temporary, "certificates.pem") }

func (c *Cloud) addQueues() {
	for _, m := range c.model.Queues {
		c.queues[m.Name] = aws.Queue{Model: m, Queue: queue.New(m.Name, queue.Options{Clock: c.rehearse, Visibility: m.VisibilityTimeout,
			Retention: m.Retention})}
	}
}

func (c *Cloud) addDelivery() {
	c.host = lambda.NewHost(lambda.Options{Clock: c.clock, Faults: c.options.Faults, Sink: c.logs.write})
	c.async = &lambda.Async{Backoff: c.options.Backoff.Async, Tracker: &c.tracker, Clock: c.rehearse, Faults: c.options.Faults,
		Observe: c.attempted}
	c.deliverer = &delivery.Deliverer{Backoff: c.options.Backoff.Delivery, Clock: c.rehearse, Tracker: &c.tracker, Send: c.send,
		DeadLetter: c.deadLetter}
	for _, m := range c.model.Buses {
		c.buses[m.Name] = bus.New(m, c.model.Rules, bus.Options{Clock: c.rehearse, Observe: c.published,
			// Deliveries outlive the call that put the event.
			Deliver: func(_ context.Context, j delivery.Job) { c.deliverer.Start(c.context, j) }})
	}
}

func (c *Cloud) handler() (http.Handler, error) {
	var err error
	if c.tables, err = newTables(c.model.Tables); err != nil {
		return nil, err
	}
	if c.options.DataDir != "" {
		if err := c.tables.load(c.options.DataDir); err != nil {
			return nil, err
		}
	}
	models := map[string]*template.Table{}
	for _, t := range c.model.Tables {
		models[t.Name] = t
	}
	return &aws.Server{Clock: c.clock, Audit: &c.audit, Faults: c.options.Faults, Tracker: &c.tracker, Caller: c.caller, Buses: c.buses,
		Queues: c.queues, Tables: models, Dynamo: c.tables, Parameters: c.parameter, Invoke: c.invoke, Function: c.settings, Logs: c.logEvents,
		Kill: func(environment string) { c.host.Kill(environment) }, Observe: c.called}, nil
}

// operator is the access key id that may do everything.
const operator = "operator"

// caller knows a function by its name, which is its access key id.
func (c *Cloud) caller(accessKeyID string) (aws.Caller, bool) {
	if accessKeyID == operator {
		return aws.Caller{Name: operator, Operator: true}, true
	}
	f, ok := c.functions[accessKeyID]
	if !ok {
		return aws.Caller{}, false
	}
	return aws.Caller{Name: f.model.Name, Service: f.model.Service, Role: f.model.Role}, true
}

func (c *Cloud) parameter(name string) (aws.Parameter, bool) {
	if value, ok := c.options.Parameters[name]; ok {
		return aws.Parameter{Name: name, Value: value, Secure: true}, true
	}
	value, ok := c.model.Parameters[name]
	return aws.Parameter{Name: name, Value: value}, ok
}

// Endpoint is the address of the API, for AWS_ENDPOINT_URL.
func (c *Cloud) Endpoint() string { return c.endpoint }

// Model is what the templates say.
func (c *Cloud) Model() *template.Model { return c.model }

// Faults is the plan of injected faults.
func (c *Cloud) Faults() *fault.Plan { return c.options.Faults }

// AWSConfig is what SDK clients need to act as the operator, who may do everything.
func (c *Cloud) AWSConfig() sdk.Config {
	return sdk.Config{Region: template.Region, BaseEndpoint: sdk.String(c.endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(operator, "local", "")}
}

// Mail is the mail sink.
func (c *Cloud) Mail() *smtp.Sink { return c.sink }

// Quiesce returns when nothing is queued, running, waiting for a retry or due within the longest wait of the back-off profile.
func (c *Cloud) Quiesce(ctx context.Context) error {
	for {
		if err := c.tracker.Idle(ctx); err != nil {
			return fmt.Errorf("quiesce: %d things are still under way: %w", c.tracker.Count(), err)
		}
		due := c.scheduler.due(c.options.Backoff.horizon())
		if due == nil {
			return nil
		}
		select {
		case <-due:
		case <-ctx.Done():
			return fmt.Errorf("quiesce: waiting for a schedule: %w", ctx.Err())
		case <-c.context.Done():
			return nil
		}
	}
}

// Drain stops the schedules for good and returns when nothing is under way any more.
func (c *Cloud) Drain(ctx context.Context) error {
	c.scheduler.stop()
	if err := c.tracker.Idle(ctx); err != nil {
		return fmt.Errorf("drain: %d things are still under way: %w", c.tracker.Count(), err)
	}
	return nil
}

// Advance moves the rehearsal clock on, for what would take minutes: a lease of a dead process that must run out. Invocations under
// way keep their time; processes that wait for work end, so that all later ones have the new one. An Observer may call it.
func (c *Cloud) Advance(d time.Duration) {
	c.rehearse.Advance(d)
	c.host.Recycle()
}

// UnderWay counts what is queued, running or waiting for a retry.
func (c *Cloud) UnderWay() int { return c.tracker.Count() }

// Close ends every child process, listener and timer and removes temporary files. Further calls do nothing.
func (c *Cloud) Close() error {
	var errs []error
	c.closing.Do(func() {
		if c.detach != nil {
			c.detach()
		}
		c.cancel()
		if c.scheduler != nil {
			c.scheduler.stop()
		}
		if c.host != nil {
			c.host.Close()
		}
		if c.server != nil {
			errs = append(errs, c.server.Close())
		}
		c.serving.Wait()
		if c.sink != nil {
			errs = append(errs, c.sink.Close())
		}
		// Everything under way sees the end of the context or a failed invocation; the wait is a formality.
		wait, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		errs = append(errs, c.tracker.Idle(wait))
		if c.tables != nil && c.options.DataDir != "" {
			errs = append(errs, c.tables.close(c.options.DataDir))
		}
		if c.unlock != nil {
			errs = append(errs, c.unlock())
		}
		if c.logs != nil {
			errs = append(errs, c.logs.close())
		}
		if c.temporary != "" {
			errs = append(errs, os.RemoveAll(c.temporary))
		}
	})
	return errors.Join(errs...)
}

// problem records something no call reports: it shows in the snapshot.
func (c *Cloud) problem(format string, args ...any) {
	c.observing.Lock()
	defer c.observing.Unlock()
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(c.problems, text) {
		c.problems = append(c.problems, text)
	}
}
