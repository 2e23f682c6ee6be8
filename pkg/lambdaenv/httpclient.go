package lambdaenv

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// wholeRequests is the SDK's HTTP client with every request in one piece. The
// SDK hands over bodies as streams of its own. The transport then sends the
// headers by themselves, and when the answer has come before it has seen the
// end of a body that the SDK has closed by now, it closes the connection: on
// one machine that is every fifth call.
type wholeRequests struct{ aws.HTTPClient }

func newHTTPClient() aws.HTTPClient { return wholeRequests{awshttp.NewBuildableClient()} }

// Do implements aws.HTTPClient.
func (c wholeRequests) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.ContentLength <= 0 {
		return c.HTTPClient.Do(r)
	}
	whole := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, whole); err != nil {
		return nil, fmt.Errorf("lambdaenv: body of a request to %s: %w", r.URL.Host, err)
	}
	if err := r.Body.Close(); err != nil {
		return nil, fmt.Errorf("lambdaenv: body of a request to %s: %w", r.URL.Host, err)
	}
	sent := r.WithContext(r.Context()) // a copy
	sent.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(whole)), nil }
	sent.Body = io.NopCloser(bytes.NewReader(whole))
	return c.HTTPClient.Do(sent)
}
