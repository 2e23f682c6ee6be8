package template

import (
	"encoding/json"
	"errors"
)

// The properties below are all the one-machine cloud understands. A property outside a list is a load error: a new setting must
// not be skipped in silence. Members of type any are recognised and inert here.

type tag struct{ Key, Value string }

type functionProperties struct {
	FunctionName, Description, Runtime, Handler, Role string

	Architectures []string
	Code          any
	Timeout       int
	MemorySize    int
	Environment   struct{ Variables map[string]string }
	LoggingConfig struct {
		LogGroup, LogFormat, ApplicationLogLevel, SystemLogLevel string
	}
	TracingConfig                any
	ReservedConcurrentExecutions *int
	Tags                         []tag
}

type versionProperties struct{ FunctionName, Description, CodeSha256 string }

type aliasProperties struct{ FunctionName, FunctionVersion, Name, Description string }

type eventInvokeProperties struct {
	FunctionName, Qualifier  string
	MaximumRetryAttempts     *int
	MaximumEventAgeInSeconds *int
	DestinationConfig        struct {
		OnFailure struct{ Destination string }
	}
}

type permissionProperties struct{ Action, FunctionName, Principal, SourceArn, SourceAccount string }

type busProperties struct {
	Name, Description, KmsKeyIdentifier string
	DeadLetterConfig, LogConfig, Tags   any
}

type deadLetter struct{ Arn string }

type retryPolicy struct{ MaximumRetryAttempts, MaximumEventAgeInSeconds *int }

type ruleProperties struct {
	Name, Description, EventBusName, State string

	EventPattern json.RawMessage
	Tags         any
	Targets      []struct {
		Arn, Input       string
		ID               string `json:"Id"`
		DeadLetterConfig *deadLetter
		RetryPolicy      *retryPolicy
	}
}

type archiveProperties struct {
	ArchiveName, SourceArn, Description, KmsKeyIdentifier string

	EventPattern  json.RawMessage
	RetentionDays int
}

type queueProperties struct {
	QueueName                     string
	KmsMasterKeyID                string `json:"KmsMasterKeyId"`
	MessageRetentionPeriod        int
	VisibilityTimeout             *int
	SqsManagedSseEnabled          any
	KmsDataKeyReusePeriodSeconds  any
	ReceiveMessageWaitTimeSeconds int
	Tags                          any
}

type queuePolicyProperties struct {
	Queues         []string
	PolicyDocument any
}

type keyPart struct{ AttributeName, KeyType string }

type tableProperties struct {
	TableName, BillingMode string
	AttributeDefinitions   []struct{ AttributeName, AttributeType string }
	KeySchema              []keyPart
	GlobalSecondaryIndexes []struct {
		IndexName  string
		KeySchema  []keyPart
		Projection struct {
			ProjectionType   string
			NonKeyAttributes []string
		}
		WriteOnDemandThroughputSettings any
	}
	TimeToLiveSpecification         any
	Replicas                        any
	SSESpecification                any
	WriteOnDemandThroughputSettings any
}

type scheduleProperties struct {
	Name, GroupName, Description, State, KmsKeyArn string
	ScheduleExpression, ScheduleExpressionTimezone string

	FlexibleTimeWindow struct{ Mode string }
	Target             struct {
		Arn, RoleArn, Input string
		DeadLetterConfig    *deadLetter
		RetryPolicy         *retryPolicy
	}
}

type groupProperties struct {
	Name string
	Tags any
}

type roleProperties struct {
	RoleName, Description, Path string

	AssumeRolePolicyDocument any
	Policies                 []struct {
		PolicyName     string
		PolicyDocument any
	}
	ManagedPolicyArns  []string
	MaxSessionDuration int
	Tags               any
}

type policyProperties struct {
	PolicyName     string
	PolicyDocument any
	Roles          []string
}

type logGroupProperties struct {
	LogGroupName, LogGroupClass string

	KmsKeyID                  string `json:"KmsKeyId"`
	RetentionInDays           int
	DeletionProtectionEnabled any
	Tags                      any
}

type parameterProperties struct {
	Name, Type, Value, Description, Tier, DataType, AllowedPattern string
	Tags                                                           any
}

// decode resolves all properties of a resource into their typed form.
func decode[T any](r *resource) (T, error) {
	var typed T
	resolved, err := r.resolved()
	if err != nil {
		return typed, err
	}
	text, err := json.Marshal(resolved)
	if err != nil {
		return typed, r.errorf("%w", err)
	}
	if err := strict(text, &typed); err != nil {
		return typed, r.errorf("%w", err)
	}
	return typed, nil
}

// resolved returns all properties with their intrinsics replaced.
func (r *resource) resolved() (map[string]any, error) {
	if r.Properties == nil {
		return map[string]any{}, nil
	}
	value, err := r.stack.resolve(r.Properties)
	if err != nil {
		return nil, r.errorf("%w", err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, r.errorf("%w", errors.New("its properties are an intrinsic"))
	}
	return object, nil
}
