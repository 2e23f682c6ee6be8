package aws

import (
	"bytes"
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
)

// dynamoOperations are those the table engine answers correctly. Tables come from the templates alone.
var dynamoOperations = map[string]bool{
	"GetItem": true, "PutItem": true, "UpdateItem": true, "DeleteItem": true, "Query": true, "Scan": true,
	"BatchGetItem": true, "BatchWriteItem": true, "TransactWriteItems": true, "TransactGetItems": true, "DescribeTable": true,
}

// removing finds REMOVE and DELETE clauses of an update expression: the table engine accepts and ignores them.
var removing = regexp.MustCompile(`(?i)(^|[\s)])(REMOVE|DELETE)\s`)

type dynamoRequest struct {
	TableName, IndexName, UpdateExpression, ReturnValues string

	RequestItems  map[string]json.RawMessage
	TransactItems []map[string]struct{ TableName, UpdateExpression string }
}

// dynamo authorizes a call, passes it to the table engine and adds the checksum that SDK clients expect.
func (s *Server) dynamo(original *http.Request, r request, name string) *answer {
	if !dynamoOperations[name] {
		return errorAnswer(fail("UnknownOperationException", "the one-machine cloud has no operation dynamodb:%s", name))
	}
	var in dynamoRequest
	if err := read(r.body, &in); err != nil {
		return errorAnswer(err)
	}
	if err := s.authorizeDynamo(r.caller, name, in); err != nil {
		return errorAnswer(err)
	}
	inner := original.Clone(r.ctx)
	inner.Body = io.NopCloser(bytes.NewReader(r.body))
	recorder := httptest.NewRecorder()
	s.Dynamo.ServeHTTP(recorder, inner)
	body := recorder.Body.Bytes()
	if recorder.Code == http.StatusOK {
		body = withoutAttributes(body, name, in.ReturnValues)
	}
	a := &answer{recorder.Code, map[string]string{
		"Content-Type": "application/x-amz-json-1.0",
		"X-Amz-Crc32":  strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10),
	}, body}
	if recorder.Code != http.StatusOK {
		var e struct {
			Type string `json:"__type"`
		}
		if json.Unmarshal(body, &e) == nil {
			a.header["X-Amzn-ErrorType"] = e.Type
		}
	}
	return a
}

// withoutAttributes takes the item out of the answer to a write that did not ask for it, which the table engine always gives.
// DynamoDB does not, and more than fidelity hangs on it. When a request is too large for one buffer and its answer comes at once, the
// SDK's HTTP client closes the connection under the answer, because the request's body, already closed, reports io.EOF where the
// transport expects nil; an answer too large for one buffer as well is then lost, and the SDK repeats a write that has succeeded.
func withoutAttributes(body []byte, name, returnValues string) []byte {
	switch name {
	case "PutItem", "UpdateItem", "DeleteItem":
	default:
		return body
	}
	if returnValues != "" && returnValues != "NONE" || !bytes.Contains(body, []byte(`"Attributes"`)) {
		return body
	}
	var out map[string]json.RawMessage
	if json.Unmarshal(body, &out) != nil {
		return body
	}
	delete(out, "Attributes")
	short, err := json.Marshal(out)
	if err != nil {
		return body
	}
	return short
}

func (s *Server) authorizeDynamo(c Caller, name string, in dynamoRequest) error {
	type use struct{ table, update string }
	uses := []use{}
	if in.TableName != "" {
		uses = append(uses, use{in.TableName, in.UpdateExpression})
	}
	for table := range in.RequestItems {
		uses = append(uses, use{table, ""})
	}
	for _, item := range in.TransactItems {
		for _, part := range item {
			uses = append(uses, use{part.TableName, part.UpdateExpression})
		}
	}
	if len(uses) == 0 {
		return fail("ValidationException", "no table is named")
	}
	for _, u := range uses {
		_, short, found := strings.Cut(u.table, ":table/")
		if !found {
			short = u.table
		}
		table, ok := s.Tables[short]
		if !ok {
			return fail("ResourceNotFoundException", "Requested resource not found: Table: %s not found", u.table)
		}
		if removing.MatchString(u.update) {
			return fail("ValidationException", "REMOVE and DELETE in an UpdateExpression are ignored by the table engine of the one-machine cloud: write the whole item with a conditional PutItem (%s)", u.update)
		}
		resource := table.ARN
		if in.IndexName != "" {
			resource += "/index/" + in.IndexName
		}
		if err := s.authorize(c, "dynamodb:"+name, resource, nil); err != nil {
			return err
		}
	}
	return nil
}
