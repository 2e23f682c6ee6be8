package broker_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/alchemiser/alchemiser/pkg/broker"
)

// F72, F85: what the port does not have cannot be used. A replacement has the
// original quantity after a partial fill and another id, closing a position or
// cancelling everything has no id at all, and a stream has no place in a
// function that ends.
func TestF72F85ThePortHasNoReplaceNoSweepAndNoStream(t *testing.T) {
	port := reflect.TypeFor[broker.Broker]()
	var got []string
	for i := range port.NumMethod() {
		m := port.Method(i)
		got = append(got, m.Name)
		for o := range m.Type.NumOut() {
			if kind := m.Type.Out(o).Kind(); kind == reflect.Chan || kind == reflect.Func {
				t.Errorf("%s returns a %s: a stream", m.Name, kind)
			}
		}
		for n := range m.Type.NumIn() {
			if kind := m.Type.In(n).Kind(); kind == reflect.Chan || kind == reflect.Func {
				t.Errorf("%s takes a %s: a stream", m.Name, kind)
			}
		}
	}
	want := []string{
		"Account", "Asset", "Cancel", "Clock", "OpenOrders", "Order", "OrderByClientID", "OrdersSince", "Positions", "Quotes", "Sessions", "Snapshots", "Submit",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the port has %v, want %v: a method that trades needs a client id to be repeated safely", got, want)
	}
}
