package market

// DeniedError wraps a refusal that repeating cannot change: wrong keys, or a
// data plan that does not cover what was asked for.
type DeniedError struct{ Err error }

func (e *DeniedError) Error() string { return e.Err.Error() }
func (e *DeniedError) Unwrap() error { return e.Err }
