package aws

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/bus"
	"github.com/alchemiser/alchemiser/infra/local/lambda"
	"github.com/alchemiser/alchemiser/infra/local/template"
)

// ErrNoFunction is what Server.Invoke returns for a function or qualifier that does not exist.
var ErrNoFunction = errors.New("function not found")

// Function is a function's settings.
type Function struct {
	Name, ARN string
	Variables map[string]string
}

// lambdaOperation is the operation of Lambda's REST API that a request asks for, as policies name it.
func lambdaOperation(r *http.Request) string {
	if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/configuration") {
		return "lambda:GetFunctionConfiguration"
	}
	return "lambda:InvokeFunction"
}

// lambda is POST /2015-03-31/functions/{name}/invocations or GET …/configuration. The name may be an ARN and may carry the qualifier.
func (s *Server) lambda(r *http.Request, req request) *answer {
	rest := strings.TrimPrefix(r.URL.EscapedPath(), "/2015-03-31/functions/")
	path, isInvoke := strings.CutSuffix(rest, "/invocations")
	path, isConfiguration := strings.CutSuffix(path, "/configuration")
	name, err := url.PathUnescape(path)
	known := isInvoke && r.Method == http.MethodPost || isConfiguration && r.Method == http.MethodGet
	if !known || err != nil {
		return errorAnswer(fail("UnknownOperationException", "the one-machine cloud knows Invoke and GetFunctionConfiguration, not %s %s", r.Method, r.URL.Path))
	}
	if _, after, found := strings.Cut(name, ":function:"); found {
		name = after
	}
	name, qualifier, _ := strings.Cut(name, ":")
	if q := r.URL.Query().Get("Qualifier"); q != "" {
		qualifier = q
	}
	arn := "arn:aws:lambda:" + template.Region + ":" + template.Account + ":function:" + name
	if qualifier != "" {
		arn += ":" + qualifier
	}
	if isConfiguration {
		return s.configuration(req, name, arn)
	}
	return s.invoke(r, req, name, qualifier, arn)
}

// configuration answers with the part of a function's configuration that its template and its overrides define.
func (s *Server) configuration(req request, name, arn string) *answer {
	if err := s.authorize(req.caller, "lambda:GetFunctionConfiguration", arn, nil); err != nil {
		return errorAnswer(err)
	}
	f, ok := s.Function(name)
	if !ok {
		return errorAnswer(&failure{http.StatusNotFound, "ResourceNotFoundException", "Function not found: " + arn})
	}
	body, err := json.Marshal(map[string]any{
		"FunctionName": f.Name, "FunctionArn": f.ARN, "Version": "1", "Environment": map[string]any{"Variables": f.Variables},
	})
	if err != nil {
		return errorAnswer(err)
	}
	return &answer{http.StatusOK, map[string]string{"Content-Type": "application/json"}, body}
}

func (s *Server) invoke(r *http.Request, req request, name, qualifier, arn string) *answer {
	if err := s.authorize(req.caller, "lambda:InvokeFunction", arn, nil); err != nil {
		return errorAnswer(err)
	}
	kind := r.Header.Get("X-Amz-Invocation-Type")
	limit := lambda.MaxSync
	switch kind {
	case "", "RequestResponse":
	case "Event":
		limit = lambda.MaxAsync
	default:
		return errorAnswer(fail("InvalidParameterValueException", "the invocation type %s is not supported here", kind))
	}
	if len(req.body) > limit {
		return errorAnswer(&failure{http.StatusRequestEntityTooLarge, "RequestTooLargeException", "the payload is too large"})
	}
	if len(req.body) == 0 {
		req.body = []byte("{}")
	}
	result, err := s.Invoke(req.ctx, name, qualifier, bus.UUID(), req.body, kind == "Event")
	switch {
	case errors.Is(err, ErrNoFunction):
		return errorAnswer(&failure{http.StatusNotFound, "ResourceNotFoundException", "Function not found: " + arn})
	case err != nil:
		return errorAnswer(err)
	case kind == "Event":
		return &answer{status: http.StatusAccepted, header: map[string]string{}}
	case result.Throttled:
		return errorAnswer(&failure{http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded."})
	}
	header := map[string]string{"Content-Type": "application/json", "X-Amz-Executed-Version": "1"}
	if result.Failed {
		header["X-Amz-Function-Error"] = "Unhandled"
	}
	return &answer{http.StatusOK, header, result.Payload}
}
