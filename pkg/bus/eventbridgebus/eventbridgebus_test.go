package eventbridgebus_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/alchemiser/alchemiser/pkg/bus"
	"github.com/alchemiser/alchemiser/pkg/bus/bustest"
	"github.com/alchemiser/alchemiser/pkg/bus/eventbridgebus"
	"github.com/alchemiser/alchemiser/pkg/events"
)

// recorder answers PutEvents as the service does and keeps the entries.
type recorder struct {
	published []bustest.Published
	reject    int // the ordinal of the entry to refuse, from 1
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var in struct {
		Entries []struct{ EventBusName, Source, DetailType, Detail string }
	}
	body, err := io.ReadAll(req.Body)
	if err != nil || json.Unmarshal(body, &in) != nil || req.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents" || len(in.Entries) > 10 {
		http.Error(w, `{"__type":"ValidationException"}`, http.StatusBadRequest)
		return
	}
	var answers []string
	failed := 0
	for i, e := range in.Entries {
		if i+1 == r.reject || e.EventBusName != "the-bus" {
			failed++
			answers = append(answers, `{"ErrorCode":"ThrottlingException","ErrorMessage":"slow down"}`)
			continue
		}
		r.published = append(r.published, bustest.Published{Source: events.Source(e.Source), DetailType: events.Type(e.DetailType), Detail: []byte(e.Detail)})
		answers = append(answers, fmt.Sprintf(`{"EventId":"%d"}`, i))
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	fmt.Fprintf(w, `{"FailedEntryCount":%d,"Entries":[%s]}`, failed, strings.Join(answers, ","))
}

func newDriver(t *testing.T, r *recorder) bus.Driver {
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	client := eventbridge.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""),
	})
	return eventbridgebus.New(client, "the-bus")
}

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T) (bus.Driver, func(*testing.T) []bustest.Published) {
		r := &recorder{}
		return newDriver(t, r), func(*testing.T) []bustest.Published { return r.published }
	})
}

// A call that succeeds with a failed entry is a failed publication (F25).
func TestF25PartialFailureIsAFailure(t *testing.T) {
	r := &recorder{reject: 2}
	results, err := newDriver(t, r).Put(t.Context(), []bus.Entry{{Source: "s", DetailType: "A", Detail: []byte("{}")}, {Source: "s", DetailType: "B", Detail: []byte("{}")}, {Source: "s", DetailType: "C", Detail: []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	if results[0] != nil || results[1] == nil || results[2] != nil || !strings.Contains(results[1].Error(), "ThrottlingException") {
		t.Errorf("results %v, want only the second to fail", results)
	}
}
