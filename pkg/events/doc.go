// Package events is the versioned language in which the stages of a run speak
// to each other: one envelope, ten event types, their canonical JSON and the
// ids that make a redelivery recognisable.
//
// An event is built from what caused it, encoded once, stored, and only the
// stored bytes are ever published; so two deliveries with one event_id are
// byte-identical.
//
//	out := events.Event{Payload: &events.SignalGenerated{…}}
//	env, err := events.Child(parent, events.SourceStrategy, out, ordinal, now, producer)
//	detail, err := events.Encode(env)
//	back, err := events.Decode(detail) // back equals env
//
// The registry (registry.go) says which types exist, who may be their source
// and until when they may be acted on. Who publishes and consumes them is in
// pkg/topology.
package events
