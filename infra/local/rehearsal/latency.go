package rehearsal

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

// latency pairs each function's first invocation of the run with the self-test
// of the process that served it, which is warm by then.
func (r *Rehearsal) latency(ctx context.Context, lines []Line) []Latency {
	var out []Latency
	for _, f := range topology.Functions() {
		l := Latency{Function: string(f.Name)}
		for _, line := range lines {
			if line.Function == l.Function {
				l.First, l.Cold = line.Duration, line.Cold
				break
			}
		}
		if l.First == 0 {
			continue // the run did not get there
		}
		began := time.Now()
		if r.Probe(ctx, l.Function) == nil {
			l.Warm = time.Since(began)
		}
		out = append(out, l)
	}
	return out
}

// Probe asks a function for its self-test and waits for the answer.
func (r *Rehearsal) Probe(ctx context.Context, function string) error {
	answer, err := lambda.NewFromConfig(r.Cloud.AWSConfig()).Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String("alchemiser-" + environment + "-" + function), Qualifier: aws.String("live"), Payload: []byte(`{"mode":"probe"}`),
	})
	if err != nil {
		return fmt.Errorf("rehearsal: probe %s: %w", function, err)
	}
	if answer.FunctionError != nil {
		return fmt.Errorf("rehearsal: probe %s: %s", function, answer.Payload)
	}
	return nil
}
