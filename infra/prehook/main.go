// Command prehook lets a new version of a function prove itself before
// CodeDeploy moves traffic to it. It calls the version's self-test and reports
// the result; a version that fails is never put behind the alias. It is a tool
// of the deployment, not a stage: it neither reads nor publishes events.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	lambdaclient "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/alchemiser/alchemiser/pkg/env"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	h, err := newHook(context.Background(), log)
	if err != nil {
		log.Error("the hook cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(h.handle)
}

func newHook(ctx context.Context, log *slog.Logger) (*hook, error) {
	vars := env.Read(env.Process())
	version := vars.String("TARGET_VERSION")
	if err := vars.Err(); err != nil {
		return nil, err
	}
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the AWS settings: %w", err)
	}
	return &hook{version: version, functions: lambdaclient.NewFromConfig(settings), deployments: codedeploy.NewFromConfig(settings), log: log}, nil
}
