package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	deploymenttypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	lambdaclient "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// probe is the self-test that every function accepts: configuration,
// parameters, one read of the table, the events it must be able to decode. It
// changes nothing and publishes nothing.
const probe = `{"mode":"probe"}`

// probeTimeout covers a cold start and the function's own 30 s, and leaves the
// hook time to report.
const probeTimeout = 45 * time.Second

// command is what CodeDeploy sends to a hook.
type command struct {
	DeploymentID string `json:"DeploymentId"`
	ExecutionID  string `json:"LifecycleEventHookExecutionId"`
}

type invoker interface {
	Invoke(context.Context, *lambdaclient.InvokeInput, ...func(*lambdaclient.Options)) (*lambdaclient.InvokeOutput, error)
}

type reporter interface {
	PutLifecycleEventHookExecutionStatus(context.Context, *codedeploy.PutLifecycleEventHookExecutionStatusInput, ...func(*codedeploy.Options)) (*codedeploy.PutLifecycleEventHookExecutionStatusOutput, error)
}

// hook tests one version of one function.
type hook struct {
	version     string // ARN of the version under test
	functions   invoker
	deployments reporter
	log         *slog.Logger
}

// handle reports Succeeded or Failed. It returns an error only when it could
// not report: CodeDeploy then fails the deployment by itself, an hour later.
func (h *hook) handle(ctx context.Context, c command) error {
	if c.DeploymentID == "" || c.ExecutionID == "" {
		return errors.New("not a lifecycle event: DeploymentId or LifecycleEventHookExecutionId is missing")
	}
	status := deploymenttypes.LifecycleEventStatusSucceeded
	if err := h.test(ctx); err != nil {
		status = deploymenttypes.LifecycleEventStatusFailed
		h.log.ErrorContext(ctx, "the new version does not pass its self-test and gets no traffic", "version", h.version, "deployment", c.DeploymentID, "error", err)
	} else {
		h.log.InfoContext(ctx, "the new version passed its self-test", "version", h.version, "deployment", c.DeploymentID)
	}
	_, err := h.deployments.PutLifecycleEventHookExecutionStatus(ctx, &codedeploy.PutLifecycleEventHookExecutionStatusInput{
		DeploymentId: aws.String(c.DeploymentID), LifecycleEventHookExecutionId: aws.String(c.ExecutionID), Status: status,
	})
	if err != nil {
		return fmt.Errorf("report %s for deployment %s: %w", status, c.DeploymentID, err)
	}
	return nil
}

// test calls the version directly and waits for its answer.
func (h *hook) test(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	out, err := h.functions.Invoke(ctx, &lambdaclient.InvokeInput{
		FunctionName: aws.String(h.version), InvocationType: lambdatypes.InvocationTypeRequestResponse, Payload: []byte(probe),
	})
	if err != nil {
		return fmt.Errorf("invoke %s: %w", h.version, err)
	}
	if out.FunctionError != nil {
		return fmt.Errorf("%s: %s", aws.ToString(out.FunctionError), out.Payload)
	}
	return nil
}
