package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/hgsolve/hgsolve/bench"
)

// estimatorsReport is the JSON report of hgbench estimators. Scripts rely on its
// names.
type estimatorsReport struct {
	Problem string `json:"problem"`
	NY      int    `json:"n_y"`
	NW      int    `json:"n_w"`
	// Inner is the solve of the inner problem, whose cost is in no row.
	Inner        innerReport `json:"inner"`
	InnerSeconds float64     `json:"inner_seconds"`
	// Reference says what the errors are measured against, ReferenceError
	// estimates its own, left out for a closed form.
	Reference      string          `json:"reference"`
	ReferenceError *number         `json:"reference_error,omitempty"`
	GradNorm       number          `json:"reference_norm"`
	Rows           []estimatorsRow `json:"rows"`
	Seconds        float64         `json:"seconds"`
	Workers        int             `json:"workers"`
	Go             string          `json:"go"`
	Version        string          `json:"version"`
}

// estimatorsRow is one estimate.
type estimatorsRow struct {
	Estimator string `json:"estimator"`
	Budget    int    `json:"budget"`
	// FromStart: the estimator runs an inner solver of its own.
	FromStart bool `json:"from_start"`
	// Status is ok, step too large, diverged, failed or a status of the solver.
	Status string `json:"status"`
	// Error is ‖estimate − reference‖/‖reference‖, null without an estimate.
	Error        number `json:"rel_error"`
	HVPs         int    `json:"hvps"`
	SpectrumHVPs int    `json:"spectrum_hvps"`
	Gradients    int    `json:"gradients"`
	Mixed        int    `json:"mixed"`
	Evaluations  int    `json:"evaluations"`
	Energies     int    `json:"energies"`
	InnerSteps   int    `json:"inner_steps"`
	// InnerDecrease is ‖G‖ before the last inner step over ‖G‖ at the start.
	InnerDecrease number `json:"inner_decrease"`
	// Step is the step length, zero if there is none.
	Step    float64 `json:"step_length"`
	Seconds float64 `json:"seconds"`
	Vectors int     `json:"vectors"`
	Bytes   int64   `json:"bytes"`
	Note    string  `json:"note"`
}

func (r *estimatorsReport) setNorm(truth []float64) {
	norm := 0.0
	for _, v := range truth {
		norm = math.Hypot(norm, v)
	}
	r.GradNorm = number(norm)
}

// print writes the report as aligned text.
func (r *estimatorsReport) print(w io.Writer, data *problemData) {
	reportLine(w, "problem", "%s, n_y = %d, n_w = %d", r.Problem, r.NY, r.NW)
	for _, d := range data.describe {
		reportLine(w, d[0], "%s", d[1])
	}
	reportLine(w, "inner", "‖∂E/∂y‖ %.2e → %.2e in %d Newton steps, %d Hessian products, %s", float64(r.Inner.StartNorm), float64(r.Inner.GradNorm), r.Inner.Iterations, r.Inner.HVPs, bench.Seconds(r.InnerSeconds))
	reference := r.Reference
	if r.ReferenceError != nil {
		reference += fmt.Sprintf(", its relative error about %.1e", float64(*r.ReferenceError))
	}
	reportLine(w, "reference", "%s, ‖dL/dw‖ %.10g", reference, float64(r.GradNorm))
	fmt.Fprintf(w, "\n%-15s %7s  %-17s %9s %7s %9s %6s %11s %9s %8s %12s\n", "estimator", "k", "status", "error", "HVPs", "gradients", "mixed", "evaluations", "‖G‖/‖G₀‖", "vectors", "time")
	var notes []string
	seen := map[string]int{}
	for i := range r.Rows {
		row := &r.Rows[i]
		relative := fmt.Sprintf("%.2e", float64(row.Error))
		if math.IsNaN(float64(row.Error)) {
			relative = "-"
		}
		inner := "-"
		if row.FromStart && row.Status == "ok" {
			inner = fmt.Sprintf("%.1e", float64(row.InnerDecrease))
		}
		mark := ""
		if row.Note != "" {
			k, is := seen[row.Note]
			if !is {
				notes = append(notes, row.Note)
				k = len(notes)
				seen[row.Note] = k
			}
			mark = fmt.Sprintf(" [%d]", k)
		}
		fmt.Fprintf(w, "%-15s %7d  %-17s %9s %7d %9d %6d %11d %9s %8d %9.3f ms%s\n",
			row.Estimator+star(row.FromStart), row.Budget, row.Status, relative, row.HVPs, row.Gradients, row.Mixed, row.Evaluations, inner, row.Vectors, 1e3*row.Seconds, mark)
	}
	fmt.Fprintln(w)
	for i, note := range notes {
		fmt.Fprintf(w, "[%d] %s\n", i+1, note)
	}
	reportLine(w, "total", "%s on %s", bench.Seconds(r.Seconds), plural(r.Workers, "worker"))
}

// csv writes the rows as comma-separated values with a header.
func (r *estimatorsReport) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"estimator", "budget", "from_start", "status", "rel_error", "hvps", "spectrum_hvps", "gradients", "mixed", "evaluations", "energies", "inner_steps", "inner_decrease", "step_length", "seconds", "vectors", "bytes", "note"})
	float := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		_ = out.Write([]string{row.Estimator, strconv.Itoa(row.Budget), strconv.FormatBool(row.FromStart), row.Status, float(float64(row.Error)),
			strconv.Itoa(row.HVPs), strconv.Itoa(row.SpectrumHVPs), strconv.Itoa(row.Gradients), strconv.Itoa(row.Mixed), strconv.Itoa(row.Evaluations), strconv.Itoa(row.Energies), strconv.Itoa(row.InnerSteps), float(float64(row.InnerDecrease)),
			float(row.Step), float(row.Seconds), strconv.Itoa(row.Vectors), strconv.FormatInt(row.Bytes, 10), row.Note})
	}
	out.Flush()
	return out.Error() // the first error of all writes
}

// chart draws the errors over the evaluations: lines for estimators at the
// solution, dashed for those that start at the start, single points for those
// without a budget.
func (r *estimatorsReport) chart(title string) *bench.Chart {
	c := &bench.Chart{
		Title: title + ": error of the hypergradient", XLabel: "Hessian products, gradients and mixed products", YLabel: "relative error",
		LogX: true, LogY: true, Width: 560, Height: 380,
	}
	// Below it an error says nothing, and zero has no logarithm.
	const least = 1e-16
	var style []bool // of each series: from the start
	for i := range r.Rows {
		row := &r.Rows[i]
		e := float64(row.Error)
		if math.IsNaN(e) || math.IsInf(e, 0) || row.Evaluations == 0 {
			continue
		}
		last := len(c.Series) - 1
		if last < 0 || c.Series[last].Name != row.Estimator {
			c.Series = append(c.Series, bench.Series{Name: row.Estimator})
			style = append(style, row.FromStart)
			last++
		}
		s := &c.Series[last]
		s.X, s.Y = append(s.X, float64(row.Evaluations)), append(s.Y, max(e, least))
	}
	// A colour is a marker too: marked series have one each, dashed ones theirs.
	const colours = 6
	var marked, dashed int
	for i := range c.Series {
		s, next := &c.Series[i], &marked
		switch {
		case len(s.X) == 1:
			s.Style = bench.Markers
		case style[i]:
			s.Style, next = bench.Dashed, &dashed
		}
		if *next++; *next <= colours {
			s.Color = *next
		} else {
			s.Color = bench.Grey
		}
	}
	return c
}
