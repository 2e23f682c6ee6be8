package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	lambdaclient "github.com/aws/aws-sdk-go-v2/service/lambda"
)

const version = "arn:aws:lambda:us-east-1:111111111111:function:alchemiser-dev-signal:7"

// cloud answers the two calls that the hook makes, over HTTP, and keeps what
// it was told.
type cloud struct {
	functionError string // header of the answer to Invoke
	invokeStatus  int
	reportStatus  int

	invoked  []string // decoded path and body
	reported []string
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		var in struct{ DeploymentID, LifecycleEventHookExecutionID, Status string } // JSON names match in any case
		if err := json.Unmarshal(body, &in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.reported = append(c.reported, in.DeploymentID+" "+in.LifecycleEventHookExecutionID+" "+in.Status)
		w.WriteHeader(c.reportStatus)
		io.WriteString(w, `{}`)
		return
	}
	path, _ := url.PathUnescape(r.URL.EscapedPath())
	c.invoked = append(c.invoked, path+" "+r.Header.Get("X-Amz-Invocation-Type")+" "+string(body))
	if c.functionError != "" {
		w.Header().Set("X-Amz-Function-Error", c.functionError)
	}
	w.WriteHeader(c.invokeStatus)
	io.WriteString(w, `{"errorMessage":"parameter /alchemiser/dev/broker/key-id is missing"}`)
}

func newTestHook(t *testing.T, c *cloud) (*hook, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	settings := aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials:      credentials.NewStaticCredentialsProvider("id", "key", ""),
		RetryMaxAttempts: 1,
	}
	var log bytes.Buffer
	return &hook{
		version: version, functions: lambdaclient.NewFromConfig(settings), deployments: codedeploy.NewFromConfig(settings),
		log: slog.New(slog.NewJSONHandler(&log, nil)),
	}, &log
}

func TestHookReportsWhatTheVersionDid(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cloud cloud
		want  string
	}{
		{"passes", cloud{invokeStatus: 200, reportStatus: 200}, "Succeeded"},
		{"self-test fails", cloud{invokeStatus: 200, reportStatus: 200, functionError: "Unhandled"}, "Failed"},
		{"cannot be invoked", cloud{invokeStatus: 403, reportStatus: 200}, "Failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.cloud
			h, log := newTestHook(t, &c)
			if err := h.handle(t.Context(), command{DeploymentID: "d-1", ExecutionID: "e-1"}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(c.reported, "|"); got != "d-1 e-1 "+tt.want {
				t.Errorf("reported %q", got)
			}
			if len(c.invoked) != 1 || !strings.Contains(c.invoked[0], version) || !strings.HasSuffix(c.invoked[0], ` RequestResponse {"mode":"probe"}`) {
				t.Errorf("invoked %q", c.invoked)
			}
			if tt.cloud.functionError != "" && !strings.Contains(log.String(), "key-id is missing") {
				t.Errorf("the log does not say why: %s", log)
			}
		})
	}
}

func TestHookFailsWhenItCannotReport(t *testing.T) {
	h, _ := newTestHook(t, &cloud{invokeStatus: 200, reportStatus: 400})
	if err := h.handle(t.Context(), command{DeploymentID: "d-1", ExecutionID: "e-1"}); err == nil || !strings.Contains(err.Error(), "d-1") {
		t.Errorf("error %v does not name the deployment", err)
	}
}

func TestHookRefusesWhatIsNoLifecycleEvent(t *testing.T) {
	c := &cloud{invokeStatus: 200, reportStatus: 200}
	h, _ := newTestHook(t, c)
	if err := h.handle(t.Context(), command{DeploymentID: "d-1"}); err == nil || len(c.invoked)+len(c.reported) > 0 {
		t.Errorf("error %v, invoked %v, reported %v", err, c.invoked, c.reported)
	}
}
