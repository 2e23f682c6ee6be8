package strategy

import "path"

// CheckReport is what `alchemiser check --json` prints of one file.
type CheckReport struct {
	File        string      `json:"file"`
	Diagnostics Diagnostics `json:"diagnostics"`
	Warnings    Diagnostics `json:"warnings,omitempty"`
}

// NewCheckReport reports what was found in one file; no diagnostics are an
// empty list.
func NewCheckReport(file string, ds, warnings Diagnostics) CheckReport {
	return CheckReport{File: file, Diagnostics: withoutFile(ds), Warnings: withoutFile(warnings)}
}

// SignalReport is what `alchemiser signal --json` prints. It holds either an
// allocation with its receipt, or a run-time error, or static diagnostics.
type SignalReport struct {
	Strategy    string         `json:"strategy"`
	AsOf        *Day           `json:"as_of,omitempty"`
	Allocation  *Allocation    `json:"allocation,omitempty"`
	Receipt     *Receipt       `json:"receipt,omitempty"`
	BarsNeeded  map[string]int `json:"bars_needed,omitempty"`
	Error       *Failure       `json:"error,omitempty"`
	Diagnostics Diagnostics    `json:"diagnostics,omitempty"`
}

// Failure is a run-time error in a SignalReport.
type Failure struct {
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	Class   string `json:"class"`
	Message string `json:"message"`
}

// NewFailure keeps what a SignalReport says of an error.
func NewFailure(d Diagnostic) *Failure {
	return &Failure{Line: d.Line, Col: d.Col, Class: d.Class, Message: d.Message}
}

// NewSignalReport reports an evaluation of p.
func NewSignalReport(p *Program, receipt *Receipt) SignalReport {
	report := SignalReport{Strategy: receipt.Strategy, AsOf: &receipt.AsOf}
	if receipt.Error != nil {
		report.Error = NewFailure(*receipt.Error)
		return report
	}
	report.Allocation, report.Receipt, report.BarsNeeded = &receipt.Allocation, receipt, p.Plan()
	return report
}

// NewStaticReport reports a file that could not be compiled.
func NewStaticReport(file string, ds Diagnostics) SignalReport {
	return SignalReport{Strategy: StrategyID(path.Base(file)), Diagnostics: withoutFile(ds)}
}

func withoutFile(ds Diagnostics) Diagnostics {
	stripped := make(Diagnostics, len(ds))
	for i, d := range ds {
		d.File = ""
		stripped[i] = d
	}
	return stripped
}
