package aws

import (
	"encoding/base64"
	"strings"

	"github.com/alchemiser/alchemiser/infra/local/template"
)

// getParameter gives secrets in the clear only WithDecryption, as the service does.
func (s *Server) getParameter(r request) (any, error) {
	var in struct {
		Name           string
		WithDecryption bool
	}
	if err := read(r.body, &in); err != nil {
		return nil, err
	}
	arn := "arn:aws:ssm:" + template.Region + ":" + template.Account + ":parameter/" + strings.TrimPrefix(in.Name, "/")
	if err := s.authorize(r.caller, "ssm:GetParameter", arn, nil); err != nil {
		return nil, err
	}
	p, ok := s.Parameters(in.Name)
	if !ok {
		return nil, fail("ParameterNotFound", "the parameter %s is not given to the one-machine cloud", in.Name)
	}
	kind, value := "String", p.Value
	if p.Secure {
		kind = "SecureString"
		if !in.WithDecryption {
			value = base64.StdEncoding.EncodeToString([]byte("encrypted"))
		}
	}
	type parameter struct {
		ARN, Name, Type, Value, DataType string
		Version                          int
		LastModifiedDate                 float64
	}
	return struct{ Parameter parameter }{parameter{arn, in.Name, kind, value, "text", 1, float64(s.Clock.Now().Unix())}}, nil
}
