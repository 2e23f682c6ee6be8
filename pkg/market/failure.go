package market

// TemporaryError wraps a failure that may pass by itself: network, throttling,
// a provider's 5xx.
type TemporaryError struct{ Err error }

func (e *TemporaryError) Error() string { return e.Err.Error() }
func (e *TemporaryError) Unwrap() error { return e.Err }

// DeniedError wraps a refusal that repeating cannot change: wrong keys, or a
// data plan that does not cover what was asked for.
type DeniedError struct{ Err error }

func (e *DeniedError) Error() string { return e.Err.Error() }
func (e *DeniedError) Unwrap() error { return e.Err }
