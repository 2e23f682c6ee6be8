package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/dynamoledger"
)

// operator is where a verb that looks after runs does its work: an environment
// in AWS, reached with the operator's own credentials, or a one-machine cloud,
// reached by its address. Nothing else differs.
type operator struct {
	environment, endpoint, region string
}

// flags adds the flags that name the place.
func (o *operator) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.environment, "env", "dev", "environment: dev, staging or prod")
	f.StringVar(&o.endpoint, "endpoint", "", "address of a one-machine cloud, as alchemiser serve prints it (default: AWS)")
	f.StringVar(&o.region, "region", "us-east-1", "AWS region of the environment")
}

// name is the name of a deployed part.
func (o *operator) name(part string) string { return "alchemiser-" + o.environment + "-" + part }

func (o *operator) aws(ctx context.Context) (aws.Config, error) {
	switch o.environment {
	case "dev", "staging", "prod":
	default:
		return aws.Config{}, fmt.Errorf("--env is %q; expected dev, staging or prod", o.environment)
	}
	if o.endpoint != "" {
		return aws.Config{
			Region: o.region, BaseEndpoint: &o.endpoint, Credentials: credentials.NewStaticCredentialsProvider("operator", "operator", ""),
		}, nil
	}
	c, err := config.LoadDefaultConfig(ctx, config.WithRegion(o.region))
	if err != nil {
		return c, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		return c, errors.New("no valid AWS credentials; log in (aws sso login, or AWS_PROFILE), or give the --endpoint of a one-machine cloud")
	}
	return c, nil
}

func (o *operator) ledger(ctx context.Context) (*ledger.Ledger, error) {
	c, err := o.aws(ctx)
	if err != nil {
		return nil, err
	}
	return ledger.New(dynamoledger.New(dynamodb.NewFromConfig(c), o.name("state")), env.SystemClock(0)), nil
}

func (o *operator) queues(ctx context.Context) (*sqs.Client, *eventbridge.Client, error) {
	c, err := o.aws(ctx)
	if err != nil {
		return nil, nil, err
	}
	return sqs.NewFromConfig(c), eventbridge.NewFromConfig(c), nil
}
