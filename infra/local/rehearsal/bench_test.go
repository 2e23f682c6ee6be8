package rehearsal_test

import (
	"archive/zip"
	"compress/flate"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alchemiser/alchemiser/infra/local/rehearsal"
	"github.com/alchemiser/alchemiser/pkg/topology"
)

// BenchmarkSize reports what is deployed: DIST names the folder of make dist.
func BenchmarkSize(b *testing.B) {
	dist := os.Getenv("DIST")
	if dist == "" {
		b.Skip("DIST does not name the folder of the built functions: call make bench")
	}
	for _, f := range topology.Functions() {
		b.Run(string(f.Name), func(b *testing.B) {
			file := filepath.Join(dist, string(f.Name), "bootstrap")
			info, err := os.Stat(file)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				b.ReportMetric(float64(info.Size())/1e6, "MB-binary")
				b.ReportMetric(float64(zipped(b, file))/1e6, "MB-zip")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func zipped(b *testing.B, file string) int64 {
	var size counter
	z := zip.NewWriter(&size)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	in, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := z.Create("bootstrap")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	return int64(size)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// forgiving lets one session be traded again and again, so that a chain can be
// measured more than once.
func forgiving(o *rehearsal.Options) {
	o.Environment = map[string]map[string]string{"start": {"RUNS_PER_SESSION": "0"}}
}

// BenchmarkChainCold measures the whole chain from the schedule to the mail,
// all six functions cold, with a broker that fills at once. The time is the
// one the cloud measured, without starting it.
func BenchmarkChainCold(b *testing.B) {
	var chain, first time.Duration
	for b.Loop() {
		r := start(b, nil)
		report := play(b, r)
		if !report.Success {
			b.Fatalf("%s\n%s", report.Outcome, lines(report))
		}
		chain += report.Chain
		for _, l := range report.Latency {
			first += l.First / time.Duration(len(report.Latency))
		}
		r.Close()
	}
	b.ReportMetric(float64(chain.Microseconds())/1000/float64(b.N), "ms/chain")
	b.ReportMetric(float64(first.Microseconds())/1000/float64(b.N), "ms/function")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkChainWarm measures the same chain with warm functions, one slot
// after the other; the account is emptied in between, so that every run trades.
func BenchmarkChainWarm(b *testing.B) {
	r := start(b, forgiving)
	next := func() *rehearsal.Report {
		if err := r.Paper.SetPositions(nil); err != nil {
			b.Fatal(err)
		}
		answer := httptest.NewRecorder()
		r.Paper.Admin().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/_sim/account", strings.NewReader(`{"cash":"100000"}`)))
		if answer.Code >= 300 {
			b.Fatal(answer.Body)
		}
		report := play(b, r)
		if !report.Success || len(report.Orders) == 0 {
			b.Fatalf("%s\n%s", report.Outcome, lines(report))
		}
		r.Slot = r.Slot.Add(time.Minute)
		return report
	}
	next() // cold
	var chain time.Duration
	took := make(map[string]time.Duration)
	for b.Loop() {
		report := next()
		chain += report.Chain
		for _, l := range report.Timeline {
			took[l.Function] += l.Duration
		}
	}
	b.ReportMetric(float64(chain.Microseconds())/1000/float64(b.N), "ms/chain")
	for name, total := range took {
		b.ReportMetric(float64(total.Microseconds())/1000/float64(b.N), "ms-"+name)
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkColdStart measures the start of each function's process to its first
// response, the self-test: configuration, secrets, one read of the table, and
// the broker's account where the function trades.
func BenchmarkColdStart(b *testing.B) {
	took := make(map[topology.Name]time.Duration)
	for b.Loop() {
		r := start(b, nil)
		for _, f := range topology.Functions() {
			began := time.Now()
			if err := r.Probe(context.Background(), string(f.Name)); err != nil {
				b.Fatal(err)
			}
			took[f.Name] += time.Since(began)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	for name, total := range took {
		b.ReportMetric(float64(total.Microseconds())/1000/float64(b.N), "ms-"+string(name))
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkWarmInvocation measures one warm invocation of each function: the
// deployment's self-test, through the Lambda API.
func BenchmarkWarmInvocation(b *testing.B) {
	r := start(b, nil)
	report := play(b, r)
	for _, l := range report.Latency {
		b.Run(l.Function, func(b *testing.B) {
			for b.Loop() {
				if err := r.Probe(context.Background(), l.Function); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
