package aws

import (
	"encoding/json"
	"regexp"
	"strconv"

	"github.com/alchemiser/alchemiser/infra/local/template"
)

// LogEvent is one line of a log group; Time is in epoch milliseconds.
type LogEvent struct {
	Stream, Message string
	Time            int64
}

// fieldPattern is the one form of filter pattern that is understood: a field of a JSON line equals a text.
var fieldPattern = regexp.MustCompile(`^\{ *\$\.([A-Za-z_][A-Za-z0-9_]*) *= *"([^"\\]*)" *\}$`)

// logPage is how many lines one answer holds at most.
const logPage = 1000

type filteredEvent struct {
	EventID       string `json:"eventId"`
	IngestionTime int64  `json:"ingestionTime"`
	LogStreamName string `json:"logStreamName"`
	Message       string `json:"message"`
	Timestamp     int64  `json:"timestamp"`
}

type filteredEvents struct {
	Events    []filteredEvent `json:"events"`
	NextToken string          `json:"nextToken,omitempty"`
	Searched  []struct{}      `json:"searchedLogStreams"`
}

// filterLogEvents answers from the newest lines of a log group, which are kept in memory. As in AWS a page may be empty.
func (s *Server) filterLogEvents(r request) (any, error) {
	var in struct {
		LogGroupName, FilterPattern, NextToken string
		StartTime, EndTime                     *int64
		Limit                                  int
	}
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	arn := "arn:aws:logs:" + template.Region + ":" + template.Account + ":log-group:" + in.LogGroupName
	if err := s.authorize(r.caller, "logs:FilterLogEvents", arn, nil); err != nil {
		return nil, err
	}
	lines, ok := s.Logs(in.LogGroupName)
	if !ok {
		return nil, fail("ResourceNotFoundException", "The specified log group does not exist.")
	}
	field, want := "", ""
	if in.FilterPattern != "" {
		m := fieldPattern.FindStringSubmatch(in.FilterPattern)
		if m == nil {
			return nil, fail("InvalidParameterException", "the one-machine cloud understands filter patterns of the form { $.field = \"text\" } only")
		}
		field, want = m[1], m[2]
	}
	from := 0
	if in.NextToken != "" {
		var err error
		if from, err = strconv.Atoi(in.NextToken); err != nil || from < 0 || from > len(lines) {
			return nil, fail("InvalidParameterException", "The specified nextToken is invalid.")
		}
	}
	most := logPage
	if in.Limit > 0 {
		most = min(most, in.Limit)
	}
	out := filteredEvents{Events: []filteredEvent{}, Searched: []struct{}{}}
	for i := from; i < len(lines); i++ {
		if len(out.Events) == most {
			out.NextToken = strconv.Itoa(i)
			break
		}
		l := lines[i]
		if in.StartTime != nil && l.Time < *in.StartTime || in.EndTime != nil && l.Time > *in.EndTime || field != "" && !hasField(l.Message, field, want) {
			continue
		}
		out.Events = append(out.Events, filteredEvent{strconv.Itoa(i), l.Time, l.Stream, l.Message, l.Time})
	}
	return out, nil
}

func hasField(line, field, want string) bool {
	var fields map[string]json.RawMessage
	var value string
	return json.Unmarshal([]byte(line), &fields) == nil && json.Unmarshal(fields[field], &value) == nil && value == want
}
