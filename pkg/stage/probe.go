package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/alchemiser/alchemiser/pkg/events"
	"github.com/alchemiser/alchemiser/pkg/ledger"
)

// ProbeAnswer is what a function says of itself before it gets traffic.
type ProbeAnswer struct {
	Service  string                 `json:"service"`
	Version  string                 `json:"version"`
	Consumes map[events.Type]string `json:"consumes"` // schema versions
}

// probe is the deployment self-test: the configuration was loaded, one
// document can be read, every version of the events that it consumes decodes,
// the function's own checks pass. It changes nothing.
func (s *Stage) probe(ctx context.Context) ([]byte, error) {
	if _, err := ledger.Load[ledger.Meta](ctx, s.Ledger, ledger.MetaKey("probe")); err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return nil, fmt.Errorf("stage: probe of %s: read the table: %w", s.Name, err)
	}
	if s.Probe != nil {
		if err := s.Probe(ctx); err != nil {
			return nil, fmt.Errorf("stage: probe of %s: %w", s.Name, err)
		}
	}
	answer := ProbeAnswer{Service: string(s.Name), Version: s.Version, Consumes: make(map[events.Type]string)}
	for t := range s.Handle {
		entry, err := events.Lookup(t)
		if err != nil {
			return nil, err
		}
		if err := readGolden(t); err != nil {
			return nil, fmt.Errorf("stage: probe of %s: %w", s.Name, err)
		}
		answer.Consumes[t] = entry.Version
	}
	return json.Marshal(answer)
}

// readGolden decodes the recorded events of a type.
func readGolden(t events.Type) error {
	recorded, err := events.Golden(t)
	if err != nil {
		return err
	}
	if len(recorded) == 0 {
		return fmt.Errorf("there is no recorded event of type %s", t)
	}
	for _, detail := range recorded {
		if _, err := events.Decode(detail); err != nil {
			return fmt.Errorf("a recorded %s: %w", t, err)
		}
	}
	return nil
}
