package aws

import (
	"crypto/md5" //nolint:gosec // SQS proves message bodies by MD5; SDK clients check it
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/fault"
	"github.com/alchemiser/alchemiser/infra/local/template"
)

type messageAttribute struct{ DataType, StringValue string }

// queueNamed is the body of a call that names a queue and nothing else that matters here.
type queueNamed struct {
	QueueURL string `json:"QueueUrl"`
}

// findQueue authorizes an action on the queue a URL names by its last part.
func (s *Server) findQueue(r request, url, action string) (Queue, error) {
	q, ok := s.Queues[path.Base(url)]
	if !ok {
		return Queue{}, fail("QueueDoesNotExist", "The specified queue does not exist: %s", url)
	}
	return q, s.authorize(r.caller, action, q.Model.ARN, nil, q.Model.Policies...)
}

func (s *Server) getQueueURL(r request) (any, error) {
	var in struct{ QueueName string }
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	q, err := s.findQueue(r, in.QueueName, "sqs:GetQueueUrl")
	if err != nil {
		return nil, err
	}
	return struct {
		QueueURL string `json:"QueueUrl"`
	}{q.Model.URL}, nil
}

func (s *Server) sendMessage(r request) (any, error) {
	var in struct {
		QueueURL          string `json:"QueueUrl"`
		MessageBody       string
		MessageAttributes map[string]messageAttribute
	}
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	q, err := s.findQueue(r, in.QueueURL, "sqs:SendMessage")
	if err != nil {
		return nil, err
	}
	if in.MessageBody == "" || len(in.MessageBody) > 256<<10 {
		return nil, fail("InvalidParameterValue", "a message has 1 to 262144 bytes, this one has %d", len(in.MessageBody))
	}
	attributes := map[string]string{}
	for name, a := range in.MessageAttributes {
		attributes[name] = a.StringValue
	}
	id := q.Send(in.MessageBody, attributes)
	return struct {
		MessageID        string `json:"MessageId"`
		MD5OfMessageBody string
	}{id, digest(in.MessageBody)}, nil
}

func digest(body string) string {
	sum := md5.Sum([]byte(body)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

type receivedMessage struct {
	MessageID string `json:"MessageId"`

	ReceiptHandle, Body, MD5OfBody string

	Attributes        map[string]string           `json:",omitempty"`
	MessageAttributes map[string]messageAttribute `json:",omitempty"`
}

func (s *Server) receiveMessage(r request) (any, error) {
	var in struct {
		QueueURL            string `json:"QueueUrl"`
		MaxNumberOfMessages int
		VisibilityTimeout   *int
		WaitTimeSeconds     int

		AttributeNames, MessageSystemAttributeNames, MessageAttributeNames []string
	}
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	q, err := s.findQueue(r, in.QueueURL, "sqs:ReceiveMessage")
	if err != nil {
		return nil, err
	}
	if in.MaxNumberOfMessages < 0 || in.MaxNumberOfMessages > 10 || in.WaitTimeSeconds < 0 || in.WaitTimeSeconds > 20 {
		return nil, fail("InvalidParameterValue", "a call receives 1 to 10 messages and waits at most 20 seconds")
	}
	visibility := time.Duration(-1)
	if in.VisibilityTimeout != nil {
		visibility = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	out := struct{ Messages []receivedMessage }{[]receivedMessage{}}
	for _, m := range q.Receive(r.ctx, max(in.MaxNumberOfMessages, 1), visibility, time.Duration(in.WaitTimeSeconds)*time.Second) {
		if _, ok := s.Faults.Take(fault.Occurrence{Do: fault.ReceiveTwice, Function: r.caller.Service, Operation: "sqs:ReceiveMessage"}); ok {
			q.Duplicate(m.Receipt)
		}
		received := receivedMessage{m.ID, m.Receipt, m.Body, digest(m.Body), asked(map[string]string{
			"ApproximateReceiveCount":          strconv.Itoa(m.Receives),
			"SentTimestamp":                    strconv.FormatInt(m.Sent.UnixMilli(), 10),
			"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.FirstReceived.UnixMilli(), 10),
			"SenderId":                         template.Account,
		}, append(in.AttributeNames, in.MessageSystemAttributeNames...)), map[string]messageAttribute{}}
		for name, value := range asked(m.Attributes, in.MessageAttributeNames) {
			received.MessageAttributes[name] = messageAttribute{"String", value}
		}
		out.Messages = append(out.Messages, received)
	}
	return out, nil
}

// asked keeps the attributes that the caller wants, by name, by prefix (X.*) or All. Who asks for none gets none.
func asked(all map[string]string, names []string) map[string]string {
	kept := map[string]string{}
	for name, value := range all {
		if slices.ContainsFunc(names, func(want string) bool {
			prefix, isPrefix := strings.CutSuffix(want, ".*")
			return want == "All" || want == name || isPrefix && strings.HasPrefix(name, prefix)
		}) {
			kept[name] = value
		}
	}
	return kept
}

func (s *Server) deleteMessage(r request) (any, error) {
	var in struct {
		QueueURL      string `json:"QueueUrl"`
		ReceiptHandle string
	}
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	q, err := s.findQueue(r, in.QueueURL, "sqs:DeleteMessage")
	if err != nil {
		return nil, err
	}
	q.Delete(in.ReceiptHandle)
	return struct{}{}, nil
}

func (s *Server) changeMessageVisibility(r request) (any, error) {
	var in struct {
		QueueURL          string `json:"QueueUrl"`
		ReceiptHandle     string
		VisibilityTimeout int
	}
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	q, err := s.findQueue(r, in.QueueURL, "sqs:ChangeMessageVisibility")
	if err != nil {
		return nil, err
	}
	if !q.ChangeVisibility(in.ReceiptHandle, time.Duration(in.VisibilityTimeout)*time.Second) {
		return nil, fail("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
	}
	return struct{}{}, nil
}

func (s *Server) getQueueAttributes(r request) (any, error) {
	var in struct {
		queueNamed
		AttributeNames []string
	}
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	q, err := s.findQueue(r, in.QueueURL, "sqs:GetQueueAttributes")
	if err != nil {
		return nil, err
	}
	visible, hidden := q.Count()
	visibility, retention := q.Defaults()
	return struct{ Attributes map[string]string }{asked(map[string]string{
		"QueueArn":                              q.Model.ARN,
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden),
		"ApproximateNumberOfMessagesDelayed":    "0",
		"VisibilityTimeout":                     strconv.Itoa(int(visibility.Seconds())),
		"MessageRetentionPeriod":                strconv.Itoa(int(retention.Seconds())),
	}, in.AttributeNames)}, nil
}

func (s *Server) purgeQueue(r request) (any, error) {
	var in queueNamed
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	q, err := s.findQueue(r, in.QueueURL, "sqs:PurgeQueue")
	if err != nil {
		return nil, err
	}
	q.Purge()
	return struct{}{}, nil
}
