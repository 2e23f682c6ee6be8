package costs

// price is a list price and the quantity that AWS gives every account each
// month for nothing, for as long as it exists. An account has its free quantity
// once, whatever number of environments it holds.
type price struct {
	item string
	unit string
	usd  float64 // for one unit
	free float64 // units a month
}

const (
	million  = 1e6
	thousand = 1e3
)

// List prices of us-east-1 in US dollars without tax, as on the services'
// pricing pages (aws.amazon.com/<service>/pricing) in spring 2026. They change
// seldom and mostly downwards; correct them here, then run the test with
// -update.
var (
	alarmMetrics  = price{"CloudWatch alarms", "alarm metrics", 0.10, 10}           // cloudwatch: standard resolution; every metric of an expression counts
	dashboards    = price{"CloudWatch dashboard", "dashboard", 3.00, 3}             // cloudwatch
	ownMetrics    = price{"CloudWatch own metrics", "metric months", 0.30, 10}      // cloudwatch: by the hour in which data arrives
	logIngestion  = price{"Logs, written", "GB", 0.50, 5}                           // cloudwatch
	logStorage    = price{"Logs, kept", "GB", 0.03, 0}                              // cloudwatch: compressed; counted here as written. Its free 5 GB are shared with ingestion
	lambdaTime    = price{"Lambda time", "GB-s", 0.0000133334, 400_000}             // lambda: arm64
	lambdaCalls   = price{"Lambda requests", "requests", 0.20 / million, million}   // lambda
	traces        = price{"X-Ray traces", "traces", 5.00 / million, 100 * thousand} // xray: recorded
	busEvents     = price{"EventBridge events", "events", 1.00 / million, 0}        // eventbridge: custom events, 64 KB each
	archived      = price{"EventBridge archive, written", "GB", 0.10, 0}            // eventbridge
	archiveKept   = price{"EventBridge archive, kept", "GB", 0.023, 0}              // eventbridge
	schedulerRuns = price{"Scheduler", "invocations", 1.00 / million, 14 * million} // eventbridge
	tableWrites   = price{"DynamoDB writes", "request units", 0.625 / million, 0}   // dynamodb: on demand, 1 KB each
	tableReads    = price{"DynamoDB reads", "request units", 0.125 / million, 0}    // dynamodb: on demand, 4 KB each, strongly consistent
	tableStorage  = price{"DynamoDB storage", "GB", 0.25, 25}                       // dynamodb
	tableRecovery = price{"DynamoDB point-in-time recovery", "GB", 0.20, 0}         // dynamodb
	queueCalls    = price{"SQS", "requests", 0.40 / million, million}               // sqs: standard queues
	mails         = price{"SNS e-mails", "mails", 2.00 / (100 * thousand), thousand}
	keyCalls      = price{"KMS decryption of parameters", "requests", 0.03 / (10 * thousand), 20 * thousand}
	parameters    = price{"SSM parameters", "standard parameters", 0, 0} // systems-manager: standard tier
	deployments   = price{"CodeDeploy", "Lambda deployments", 0, 0}      // codedeploy: no charge for Lambda
	assets        = price{"S3, deployed code", "GB", 0.023, 0}           // s3: standard
)
