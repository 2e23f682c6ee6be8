package lambdaenv

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Secrets reads SecureStrings below the function's SECRET_PATH, all at once: a
// cold start waits for the slowest, not for the sum.
func (e *Env) Secrets(ctx context.Context, names ...string) ([]string, error) {
	path := e.Vars.String("SECRET_PATH")
	client := ssm.NewFromConfig(e.AWS)
	values, errs := make([]string, len(names)), make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { values[i], errs[i] = secret(ctx, client, path+"/"+name) })
	}
	all.Wait()
	for i, name := range names {
		if name != "username" { // no secret, and often an ordinary word
			e.Tape.Hide(values[i], "SECRET")
		}
	}
	return values, errors.Join(errs...)
}

func secret(ctx context.Context, client *ssm.Client, name string) (string, error) {
	out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("read the parameter %s: %w; write it with scripts/parameters", name, err)
	}
	value := aws.ToString(out.Parameter.Value)
	if value == "" || value == "placeholder" {
		return "", fmt.Errorf("the parameter %s holds no value yet; write it with scripts/parameters", name)
	}
	return value, nil
}
