module github.com/alchemiser/alchemiser/cmd/alchemiser

go 1.26.0

require (
	github.com/alchemiser/alchemiser/infra/local v0.0.0
	github.com/alchemiser/alchemiser/pkg v0.0.0
	github.com/alchemiser/alchemiser/pkg/events v0.0.0
	github.com/alchemiser/alchemiser/services/notifier v0.0.0
	github.com/alchemiser/alchemiser/services/portfolio v0.0.0
	github.com/alchemiser/alchemiser/services/signal v0.0.0
	github.com/alpacahq/alpaca-trade-api-go/v3 v3.10.0
	github.com/aws/aws-sdk-go-v2 v1.47.7
	github.com/aws/aws-sdk-go-v2/config v1.33.15
	github.com/aws/aws-sdk-go-v2/credentials v1.20.15
	github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs v1.92.0
	github.com/aws/aws-sdk-go-v2/service/dynamodb v1.73.1
	github.com/aws/aws-sdk-go-v2/service/eventbridge v1.55.9
	github.com/aws/aws-sdk-go-v2/service/lambda v1.114.2
	github.com/aws/aws-sdk-go-v2/service/sqs v1.52.10
	github.com/aws/smithy-go v1.28.8
	github.com/rogpeppe/go-internal v1.16.0
	github.com/shopspring/decimal v1.6.0
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.9
	github.com/truora/minidyn v0.8.0
	golang.org/x/term v0.45.0
)

require (
	cloud.google.com/go v0.118.0 // indirect
	github.com/alchemiser/alchemiser/services/execution v0.0.0 // indirect
	github.com/alchemiser/alchemiser/services/monitor v0.0.0 // indirect
	github.com/alchemiser/alchemiser/services/start v0.0.0 // indirect
	github.com/aws/aws-lambda-go v1.55.1 // indirect
	github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream v1.7.26 // indirect
	github.com/aws/aws-sdk-go-v2/feature/ec2/imds v1.20.7 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.10 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.10 // indirect
	github.com/aws/aws-sdk-go-v2/internal/v4a v1.5.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding v1.13.24 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/endpoint-discovery v1.13.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/presigned-url v1.14.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/signin v1.12.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/ssm v1.81.4 // indirect
	github.com/aws/aws-sdk-go-v2/service/sso v1.39.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/ssooidc v1.44.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/sts v1.51.8 // indirect
	github.com/cockroachdb/apd/v3 v3.2.3 // indirect
	github.com/emersion/go-message v0.18.2 // indirect
	github.com/emersion/go-sasl v0.0.0-20241020182733-b788ff22d5a6 // indirect
	github.com/emersion/go-smtp v0.25.1 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/hashicorp/cronexpr v1.1.3 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/josharian/intern v1.0.0 // indirect
	github.com/mailru/easyjson v0.7.7 // indirect
	github.com/wneessen/go-mail v0.8.1 // indirect
	golang.org/x/crypto v0.54.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.40.0 // indirect
	golang.org/x/tools v0.47.0 // indirect
)

replace (
	github.com/alchemiser/alchemiser/infra/local => ../../infra/local
	github.com/alchemiser/alchemiser/pkg => ../../pkg
	github.com/alchemiser/alchemiser/pkg/events => ../../pkg/events
	github.com/alchemiser/alchemiser/services/execution => ../../services/execution
	github.com/alchemiser/alchemiser/services/monitor => ../../services/monitor
	github.com/alchemiser/alchemiser/services/notifier => ../../services/notifier
	github.com/alchemiser/alchemiser/services/portfolio => ../../services/portfolio
	github.com/alchemiser/alchemiser/services/signal => ../../services/signal
	github.com/alchemiser/alchemiser/services/start => ../../services/start
)
