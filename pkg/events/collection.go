package events

// List is a list that is never null on the wire: nil encodes as []. A plain
// slice can be assigned to it.
type List[T any] []T

// MarshalJSON writes [] for nil.
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return canonical([]T(l))
}

// Weights are fractions of an allocation by symbol, 0 to 1.
type Weights map[string]Decimal

// MarshalJSON writes {} for nil.
func (w Weights) MarshalJSON() ([]byte, error) { return object(w) }

// Prices are USD a share by symbol.
type Prices map[string]Decimal

// MarshalJSON writes {} for nil.
func (p Prices) MarshalJSON() ([]byte, error) { return object(p) }

// Timings are milliseconds by stage, from the arrival of its event to its
// commit; of several invocations together, without what lay between them.
type Timings map[string]int64

// MarshalJSON writes {} for nil.
func (t Timings) MarshalJSON() ([]byte, error) { return object(t) }

// Details are named facts for whoever has to act on an event.
type Details map[string]string

// MarshalJSON writes {} for nil.
func (d Details) MarshalJSON() ([]byte, error) { return object(d) }

func object[M ~map[string]V, V any](m M) ([]byte, error) {
	if m == nil {
		return []byte("{}"), nil
	}
	return canonical(map[string]V(m))
}
