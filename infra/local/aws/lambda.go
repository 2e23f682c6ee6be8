package aws

import (
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

// invoke is POST /2015-03-31/functions/{name}/invocations. The name may be an ARN and may carry the qualifier.
func (s *Server) invoke(r *http.Request, req request) *answer {
	path, isInvoke := strings.CutSuffix(strings.TrimPrefix(r.URL.EscapedPath(), "/2015-03-31/functions/"), "/invocations")
	name, err := url.PathUnescape(path)
	if !isInvoke || err != nil || r.Method != http.MethodPost {
		return errorAnswer(fail("UnknownOperationException", "the one-machine cloud knows Invoke only, not %s %s", r.Method, r.URL.Path))
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
