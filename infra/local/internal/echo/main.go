// Command echo is a function that does what its payload says. It stands for a real one in the tests of the one-machine cloud.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/wneessen/go-mail"
)

// command is the payload, or the detail of an event.
type command struct {
	Do     string          `json:"do"`
	Type   string          `json:"type,omitempty"`
	Name   string          `json:"name,omitempty"`
	Millis int             `json:"millis,omitempty"`
	At     string          `json:"at,omitempty"`
	Next   json.RawMessage `json:"next,omitempty"`
	Detail json.RawMessage `json:"detail,omitempty"`
}

type function struct {
	calls  int
	config aws.Config
}

func main() {
	if os.Getenv("FAIL_INIT") != "" {
		fmt.Println("init fails")
		os.Exit(3)
	}
	c, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	f := &function{config: c}
	lambda.Start(f.handle)
}

func (f *function) handle(ctx context.Context, payload json.RawMessage) (any, error) {
	f.calls++
	var c command
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, err
	}
	if c.Detail != nil {
		if err := json.Unmarshal(c.Detail, &c); err != nil {
			return nil, err
		}
	}
	context, _ := lambdacontext.FromContext(ctx)
	switch c.Do {
	case "", "count":
		return map[string]any{"calls": f.calls, "pid": os.Getpid(), "arn": context.InvokedFunctionArn, "request": context.AwsRequestID}, nil
	case "env":
		return os.Environ(), nil
	case "print":
		fmt.Println(c.Name)
		return nil, nil
	case "error":
		return nil, errors.New("as told")
	case "panic":
		panic("as told")
	case "exit":
		os.Exit(7)
	case "sleep":
		time.Sleep(time.Duration(c.Millis) * time.Millisecond)
		return map[string]any{"slept": c.Millis}, nil
	case "publish":
		return nil, f.publish(ctx, c)
	case "parameter":
		out, err := ssm.NewFromConfig(f.config).GetParameter(ctx, &ssm.GetParameterInput{Name: &c.Name, WithDecryption: aws.Bool(true)})
		if err != nil {
			return nil, err
		}
		return *out.Parameter.Value, nil
	case "put":
		return nil, f.put(ctx, c.Name)
	case "mail":
		return nil, sendMail(ctx, c.Name)
	}
	return nil, fmt.Errorf("unknown command %q", c.Do)
}

func (f *function) publish(ctx context.Context, c command) error {
	if c.Next == nil {
		c.Next = json.RawMessage(`{}`)
	}
	out, err := eventbridge.NewFromConfig(f.config).PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
		EventBusName: aws.String(os.Getenv("BUS_NAME")), Source: aws.String("alchemiser.echo"), DetailType: &c.Type,
		Detail: aws.String(string(c.Next)), Time: aws.Time(time.Now()), Resources: []string{"correlation:" + c.At},
	}}})
	if err != nil {
		return err
	}
	if out.FailedEntryCount > 0 {
		return errors.New(*out.Entries[0].ErrorCode)
	}
	return nil
}

func (f *function) put(ctx context.Context, key string) error {
	_, err := dynamodb.NewFromConfig(f.config).PutItem(ctx, &dynamodb.PutItemInput{
		TableName:           aws.String(os.Getenv("TABLE_NAME")),
		Item:                map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: key}, "sk": &types.AttributeValueMemberS{Value: "A"}},
		ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	return err
}

func sendMail(ctx context.Context, subject string) error {
	m := mail.NewMsg()
	if err := m.From("alchemiser@example.com"); err != nil {
		return err
	}
	if err := m.To("owner@example.com"); err != nil {
		return err
	}
	m.Subject(subject)
	m.SetBodyString(mail.TypeTextPlain, "four orders filled")
	port, err := strconv.Atoi(os.Getenv("SMTP_PORT"))
	if err != nil {
		return err
	}
	client, err := mail.NewClient(os.Getenv("SMTP_HOST"), mail.WithPort(port), mail.WithTLSPolicy(mail.TLSMandatory),
		mail.WithSMTPAuth(mail.SMTPAuthPlain), mail.WithUsername("user"), mail.WithPassword("secret"), mail.WithTimeout(5*time.Second))
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(ctx, m)
}
