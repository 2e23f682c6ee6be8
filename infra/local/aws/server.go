// Package aws is the door of the one-machine cloud: one HTTP listener that speaks enough of EventBridge, SQS, SSM, DynamoDB and
// Lambda for unmodified SDK clients that were given another endpoint. Callers are known by the access key id in their signature's
// credential scope (signatures are not verified), and what their role does not grant is denied.
//
//	s := &aws.Server{Caller: callers, Audit: audit, Buses: buses, Queues: queues, …}
//	http.Serve(listener, s)
package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/bus"
	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/iam"
	"github.com/alchemiser/alchemiser/infra/local/lambda"
	"github.com/alchemiser/alchemiser/infra/local/queue"
	"github.com/alchemiser/alchemiser/infra/local/template"
	"github.com/alchemiser/alchemiser/infra/local/work"
	"github.com/alchemiser/alchemiser/pkg/env"
)

// Caller is who signed a request.
type Caller struct {
	Name        string // of the function, or "operator"
	Service     string
	Operator    bool // may do everything
	Role        *template.Role
	Environment string // of the child process, from the session token
}

// Queue is a queue and the policies on it.
type Queue struct {
	*queue.Queue
	Model *template.Queue
}

// Call is one API call as observed.
type Call struct {
	Caller, Operation string
	Status            int
	Error             string // code, empty on success
	Duration          time.Duration
}

// Server answers API calls. All fields must be set before it serves; Observe may be nil.
type Server struct {
	Clock      env.Clock
	Audit      *iam.Audit
	Faults     *fault.Plan
	Tracker    *work.Tracker
	Caller     func(accessKeyID string) (Caller, bool)
	Buses      map[string]*bus.Bus
	Queues     map[string]Queue           // by name
	Tables     map[string]*template.Table // by name
	Dynamo     http.Handler               // the table engine
	Parameters func(name string) (Parameter, bool)
	Invoke     func(ctx context.Context, function, qualifier, requestID string, payload []byte, async bool) (lambda.Result, error)
	// Function gives the settings of a function: what GetFunctionConfiguration answers.
	Function func(name string) (Function, bool)
	// Logs gives the kept lines of a log group, oldest first.
	Logs    func(group string) ([]LogEvent, bool)
	Kill    func(environment string)
	Observe func(Call)
}

// Parameter is an SSM parameter.
type Parameter struct {
	Name, Value string
	Secure      bool
}

// failure is an error of an API: the code is what SDK clients switch on.
type failure struct {
	Status        int
	Code, Message string
}

func (f *failure) Error() string { return f.Code + ": " + f.Message }

func fail(code, format string, args ...any) *failure {
	return &failure{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// request is one call on its way.
type request struct {
	ctx    context.Context
	caller Caller
	body   []byte
}

type operation func(*Server, request) (any, error)

// operations are the awsJson operations by the value of X-Amz-Target. DynamoDB has a table of its own.
var operations = map[string]operation{
	"AWSEvents.PutEvents":               (*Server).putEvents,
	"AWSEvents.TestEventPattern":        (*Server).testEventPattern,
	"AWSEvents.ListRules":               (*Server).listRules,
	"AWSEvents.DescribeRule":            (*Server).describeRule,
	"AmazonSQS.GetQueueUrl":             (*Server).getQueueURL,
	"AmazonSQS.SendMessage":             (*Server).sendMessage,
	"AmazonSQS.ReceiveMessage":          (*Server).receiveMessage,
	"AmazonSQS.DeleteMessage":           (*Server).deleteMessage,
	"AmazonSQS.ChangeMessageVisibility": (*Server).changeMessageVisibility,
	"AmazonSQS.GetQueueAttributes":      (*Server).getQueueAttributes,
	"AmazonSQS.PurgeQueue":              (*Server).purgeQueue,
	"AmazonSSM.GetParameter":            (*Server).getParameter,
	"Logs_20140328.FilterLogEvents":     (*Server).filterLogEvents,
}

// services gives the prefix of a service's actions in policies.
var services = map[string]string{"AWSEvents": "events", "AmazonSQS": "sqs", "AmazonSSM": "ssm", "DynamoDB_20120810": "dynamodb", "Logs_20140328": "logs"}

const maxBody = 20 << 20

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Whoever calls is under way until the answer is: a chain must not look idle in between.
	s.Tracker.Begin()
	defer s.Tracker.End()
	started := s.Clock.Now()
	name, answer, caller := s.handle(w, r)
	if answer == nil { // the caller was killed: it gets no reply
		panic(http.ErrAbortHandler)
	}
	requestID := bus.UUID()
	for key, value := range answer.header {
		w.Header().Set(key, value)
	}
	w.Header().Set("X-Amzn-RequestId", requestID)
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body)
	if s.Observe != nil {
		s.Observe(Call{caller.Name, name, answer.status, answer.header["X-Amzn-ErrorType"], s.Clock.Now().Sub(started)})
	}
}

// answer is a reply not yet written.
type answer struct {
	status int
	header map[string]string
	body   []byte
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) (name string, a *answer, caller Caller) {
	target := r.Header.Get("X-Amz-Target")
	service, short, _ := strings.Cut(target, ".")
	name = services[service] + ":" + short
	if target == "" {
		name = lambdaOperation(r)
	}
	caller, err := s.identify(r)
	if err != nil {
		return name, errorAnswer(err), caller
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return name, errorAnswer(&failure{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", err.Error()}), caller
	}
	before, after := s.faults(r.Context(), caller, name)
	if before != nil {
		return name, errorAnswer(before), caller
	}
	req := request{ctx: r.Context(), caller: caller, body: body}
	switch {
	case service == "DynamoDB_20120810":
		a = s.dynamo(r, req, short)
	case target == "" && strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/"):
		a = s.lambda(r, req)
	default:
		a = s.json(req, target)
	}
	if _, ok := s.Faults.Take(fault.Occurrence{Do: fault.KillAfterCall, Function: caller.Service, Operation: name}); ok && s.Kill != nil {
		s.Kill(caller.Environment)
		return name, nil, caller
	}
	if after != nil && a.status == http.StatusOK {
		return name, errorAnswer(after), caller
	}
	return name, a, caller
}

// faults applies what goes wrong around a call: before it takes effect, or in its reply.
func (s *Server) faults(ctx context.Context, c Caller, operation string) (before, after error) {
	take := func(a fault.Action) (fault.Fault, bool) {
		return s.Faults.Take(fault.Occurrence{Do: a, Function: c.Service, Operation: operation})
	}
	if f, ok := take(fault.DelayCall); ok {
		if err := s.Clock.Sleep(ctx, f.Delay); err != nil {
			return &failure{http.StatusServiceUnavailable, "ServiceUnavailable", err.Error()}, nil
		}
	}
	if _, ok := take(fault.ThrottleCall); ok {
		return fail("ThrottlingException", "Rate exceeded"), nil
	}
	if _, ok := take(fault.FailCall); ok {
		return &failure{http.StatusInternalServerError, "InternalFailure", "injected: the call had no effect"}, nil
	}
	if _, ok := take(fault.FailReply); ok {
		return nil, &failure{http.StatusInternalServerError, "InternalFailure", "injected: the call took effect"}
	}
	return nil, nil
}

// identify reads Credential=<access key id>/… of the signature.
func (s *Server) identify(r *http.Request) (Caller, error) {
	_, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !ok {
		return Caller{Name: "anonymous"}, &failure{http.StatusForbidden, "MissingAuthenticationTokenException", "the request is not signed"}
	}
	keyID, _, _ := strings.Cut(rest, "/")
	caller, ok := s.Caller(keyID)
	if !ok {
		return Caller{Name: keyID}, &failure{http.StatusForbidden, "UnrecognizedClientException", "the access key id " + keyID + " is not known here"}
	}
	caller.Environment = r.Header.Get("X-Amz-Security-Token")
	return caller, nil
}

func (s *Server) json(r request, target string) *answer {
	run, ok := operations[target]
	if !ok {
		return errorAnswer(fail("UnknownOperationException", "the one-machine cloud has no operation %q", target))
	}
	value, err := run(s, r)
	if err != nil {
		return errorAnswer(err)
	}
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return errorAnswer(err)
	}
	return &answer{http.StatusOK, map[string]string{"Content-Type": "application/x-amz-json-1.1"}, body.Bytes()}
}

func errorAnswer(err error) *answer {
	f := &failure{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: err.Error()}
	errors.As(err, &f)
	body, marshalErr := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{f.Code, f.Message})
	if marshalErr != nil {
		body = []byte(`{"__type":"InternalFailure"}`)
	}
	return &answer{f.Status, map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amzn-ErrorType": f.Code}, body}
}

// authorize denies what neither the caller's role nor a policy on the resource allows.
func (s *Server) authorize(c Caller, action, resource string, context map[string]string, onResource ...iam.Policy) error {
	if c.Operator {
		return nil
	}
	full := map[string]string{"aws:securetransport": "true", "aws:sourceaccount": template.Account}
	for key, value := range context {
		full[key] = value
	}
	policies := append(c.Role.Policies[:len(c.Role.Policies):len(c.Role.Policies)], onResource...)
	d := s.Audit.Decide(c.Name, iam.Request{Principal: "aws:" + c.Role.ARN, Action: action, Resource: resource, Context: full}, policies...)
	if d.Allowed {
		return nil
	}
	return fail("AccessDeniedException", "User: arn:aws:sts::%s:assumed-role/%s/%s is not authorized to perform: %s on resource: %s because %s",
		template.Account, c.Role.Name, c.Name, action, resource, d.Reason)
}

// read decodes the body of an awsJson call. Unknown members are ignored: clients send settings that do not matter here.
func read(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fail("SerializationException", "%v", err)
	}
	return nil
}
