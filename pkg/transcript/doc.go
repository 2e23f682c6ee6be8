// Package transcript writes down what an invocation of a function was told
// while it decided: by its clock, its ledger, its broker, its market. Handlers
// know nothing of it; the ports that they were given write down what passes
// through them. The same ports, over the tape of a transcript instead of a
// running one, answer from it, so that the invocation can be repeated anywhere,
// without a network, by the code of today.
//
//	tape := transcript.NewTape(transcript.Identity{Service: "signal", Build: "1.4.0"})
//	clock := tape.Clock(env.SystemClock(0))         // and tapeledger, tapebroker, tapemarket
//	tape.Begin(transcript.Scope{Attempt: 1})        // the runtime does this and
//	defer tape.End()
//	… the handler decides …
//	recorded, lost := tape.Seal(ctx)                // that
//
//	t, err := transcript.Read(recorded)
//	tape := transcript.Play(t, kept)                // the same calls, answered
//
// Writing a transcript never fails, changes or holds up the invocation. What
// cannot be kept is lost, and the transcript says so.
package transcript
