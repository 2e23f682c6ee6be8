package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"github.com/alchemiser/alchemiser/pkg/env"
	"github.com/alchemiser/alchemiser/pkg/ledger"
	"github.com/alchemiser/alchemiser/pkg/ledger/dynamoledger"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// where are the flags that name the place in which a verb looks.
type where struct{ env, region string }

// environmentVariable is the default of --env.
const environmentVariable = "ALCHEMISER_ENV"

func (w *where) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&w.env, "env", "e", "", "dev, staging or prod in AWS; local; a cloud's address; or the folder of a run\n(default: $"+environmentVariable+", else local: the cloud that serve runs here, or the newest run)")
	f.StringVar(&w.region, "region", "us-east-1", "AWS region of the environment")
	// The flag was defined a line above.
	_ = cmd.RegisterFlagCompletionFunc("env", cobra.FixedCompletions([]string{"dev", "staging", "prod", "local"}, cobra.ShellCompDirectiveDefault))
}

// place is where runs are recorded: an environment in AWS, reached with the
// operator's own credentials; a one-machine cloud, reached by its address; or
// the folder that a run has left. Between the first two nothing else differs.
type place struct {
	title       string      // for headings
	flag        string      // as it must be typed, with a space before it; empty for the default
	environment string      // of the names of deployed parts
	aws         *aws.Config // nil for a folder
	remote      bool        // in AWS
	folder      *folder     // nil unless it is one
	driver      ledger.Driver
	ledger      *ledger.Ledger // over driver
}

// open finds the place. named refuses the default: what changes something must
// say where.
func (w *where) open(ctx context.Context, named bool) (*place, error) {
	name := w.env
	if name == "" {
		name = os.Getenv(environmentVariable)
	}
	if name == "" && named {
		return nil, fmt.Errorf("say where: --env dev, staging or prod (AWS), or --env local; $%s sets it for good", environmentVariable)
	}
	flag := ""
	if w.env != "" {
		flag = " --env " + w.env
	}
	p, err := w.find(ctx, name)
	if err != nil {
		return nil, err
	}
	p.flag = flag
	return p, nil
}

func (w *where) find(ctx context.Context, name string) (*place, error) {
	switch {
	case name == "dev" || name == "staging" || name == "prod":
		return w.inAWS(ctx, name)
	case name == "" || name == "local":
		return thisMachine(ctx)
	case strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://"):
		return atAddress(ctx, name)
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return inFolder(ctx, name)
	}
	return nil, fmt.Errorf("--env is %q; expected dev, staging or prod, or local, or an address such as http://127.0.0.1:4566, or the folder of a run", name)
}

func (w *where) inAWS(ctx context.Context, environment string) (*place, error) {
	// What the SDK tries on its way to credentials is not for the operator: what fails in the end is said below.
	c, err := config.LoadDefaultConfig(ctx, config.WithRegion(w.region), config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		return nil, errors.New("no valid AWS credentials; log in (aws sso login, or AWS_PROFILE), or look at this machine with --env local")
	}
	return cloudPlace(environment+" ("+w.region+")", environment, c, true), nil
}

// atAddress reaches a one-machine cloud.
func atAddress(ctx context.Context, address string) (*place, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("--env is %q, which is no address such as http://127.0.0.1:4566", address)
	}
	if !answers(ctx, u) {
		return nil, fmt.Errorf("no cloud answers at %s: is alchemiser serve running? It prints its address when it starts", address)
	}
	return cloudPlace("the cloud at "+u.Host, localEnvironment, aws.Config{
		Region: "us-east-1", BaseEndpoint: &address, HTTPClient: &http.Client{Timeout: 30 * time.Second},
		Credentials: credentials.NewStaticCredentialsProvider("operator", "operator", ""),
	}, false), nil
}

// localEnvironment is whose templates a one-machine cloud runs.
const localEnvironment = "dev"

func cloudPlace(title, environment string, c aws.Config, remote bool) *place {
	p := &place{title: title, environment: environment, aws: &c, remote: remote}
	p.driver = dynamoledger.New(dynamodb.NewFromConfig(c), p.name("state"))
	p.ledger = ledger.New(p.driver, env.SystemClock(0))
	return p
}

// answers tells whether something listens at the address.
func answers(ctx context.Context, u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = u.Scheme // its name is a service's
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return false
	}
	_ = connection.Close() // it was opened to see whether it opens
	return true
}

// name is the name of a deployed part.
func (p *place) name(part string) string { return "alchemiser-" + p.environment + "-" + part }

// cloud is the configuration of SDK clients; a folder has no cloud behind it.
func (p *place) cloud() (aws.Config, error) {
	if p.aws == nil {
		return aws.Config{}, fmt.Errorf("%s is only the record of a run: there is no cloud behind it; name a running one with --env", p.title)
	}
	return *p.aws, nil
}

// settings are the environment variables of a function, as it has them now.
func (p *place) settings(ctx context.Context, function topology.Name) (map[string]string, error) {
	c, err := p.cloud()
	if err != nil {
		return nil, err
	}
	name := p.name(string(function))
	out, err := lambda.NewFromConfig(c).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name, Qualifier: aws.String("live")})
	if err != nil {
		return nil, fmt.Errorf("read the settings of %s: %w", name, err)
	}
	if out.Environment == nil {
		return nil, fmt.Errorf("read the settings of %s: it has none", name)
	}
	return out.Environment.Variables, nil
}

// accounts are the aliases of the accounts whose runs are recorded here.
func (p *place) accounts(ctx context.Context) ([]string, error) {
	if p.folder != nil {
		return p.folder.accounts(), nil
	}
	settings, err := p.settings(ctx, topology.Start)
	if err != nil {
		return nil, err
	}
	return []string{settings["ACCOUNT"]}, nil
}

// explain adds what to do about the usual errors of AWS.
func (p *place) explain(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	hint := ""
	switch api.ErrorCode() {
	case "ResourceNotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue":
		hint = "is " + p.environment + " deployed here? --region chooses another region"
	case "AccessDeniedException", "AccessDenied", "UnauthorizedOperation":
		hint = "your credentials lack this right; choose others with AWS_PROFILE"
	case "ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId", "UnrecognizedClientException":
		hint = "log in again (aws sso login)"
	case "ThrottlingException", "ProvisionedThroughputExceededException":
		hint = "AWS asks to slow down; try again in a minute"
	default:
		return err
	}
	return fmt.Errorf("%w\n  %s", err, hint)
}

// at runs a verb in its place: with progress while it takes long, and with
// errors that say what to do.
func (w *where) at(cmd *cobra.Command, named bool, what string, do func(ctx context.Context, p *place) error) error {
	p, err := w.open(cmd.Context(), named)
	if err != nil {
		return err
	}
	stop := progress(cmd, what+" "+p.title)
	defer stop()
	return p.explain(do(cmd.Context(), p))
}
