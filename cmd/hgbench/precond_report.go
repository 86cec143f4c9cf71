package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/hgsolve/hgsolve/bench"
)

// precondReport is the JSON report of hgbench precond.
type precondReport struct {
	System    string        `json:"system"`
	N         int           `json:"n"`
	Structure string        `json:"structure"`
	RTol      float64       `json:"rtol"`
	Rounds    int           `json:"rounds"`
	Workers   int           `json:"workers"`
	Rows      []*precondRow `json:"rows"`
	// Fastest is the kind with the least total time of those that converged.
	Fastest string        `json:"fastest"`
	Machine bench.Machine `json:"machine"`
	Version string        `json:"version"`

	operator string
}

// precondRow is what one preconditioner did. Times are medians in seconds.
type precondRow struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	// Reason says why it could not be built; nothing else is set then.
	Reason        string   `json:"reason,omitempty"`
	NotApplicable bool     `json:"not_applicable,omitempty"`
	Setup         float64  `json:"setup_seconds"`
	SetupProducts int      `json:"setup_products"`
	Bytes         int64    `json:"bytes"`
	Method        string   `json:"method"`
	Status        string   `json:"status"`
	Converged     bool     `json:"converged"`
	Iterations    int      `json:"iterations"`
	Products      int      `json:"products"`
	Residual      number   `json:"residual"` // true, relative to ‖b‖
	Solve         float64  `json:"solve_seconds"`
	Total         float64  `json:"total_seconds"`
	Notes         []string `json:"notes,omitempty"`

	setup, solve []float64
	times, norms []float64 // the curve of the first round
	skip         int
}

// curve records a point; when there are many, every other one is dropped.
func (r *precondRow) curve(seconds, residual float64) {
	const most = 400
	if r.skip++; len(r.times) > 0 && r.skip&(r.skip-1) != 0 && r.skip%(1+r.skip/most) != 0 {
		return
	}
	if residual > 0 && !math.IsInf(residual, 0) {
		r.times, r.norms = append(r.times, seconds), append(r.norms, residual)
	}
}

// finish takes medians and finds the fastest.
func (rep *precondReport) finish() {
	best := math.Inf(1)
	for _, r := range rep.Rows {
		r.Setup, r.Solve = bench.Summarize(r.setup).Median, bench.Summarize(r.solve).Median
		r.Total = r.Setup + r.Solve
		if r.Reason == "" && r.Converged && r.Total < best {
			best, rep.Fastest = r.Total, r.Kind
		}
	}
}

func (rep *precondReport) write(w io.Writer, format string) error {
	switch format {
	case "json":
		return encodeJSON(w, rep)
	case "csv":
		return rep.csv(w)
	}
	return rep.text(w)
}

func (rep *precondReport) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"kind", "status", "setup_s", "bytes", "setup_products", "method", "iterations", "products", "residual", "solve_s", "total_s", "reason"})
	f := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, r := range rep.Rows {
		_ = out.Write([]string{r.Kind, r.Status, f(r.Setup), strconv.FormatInt(r.Bytes, 10), strconv.Itoa(r.SetupProducts), r.Method,
			strconv.Itoa(r.Iterations), strconv.Itoa(r.Products), f(float64(r.Residual)), f(r.Solve), f(r.Total), r.Reason})
	}
	out.Flush()
	return out.Error() // the first error of all writes
}

// text writes the table, what does not apply, and the notes.
func (rep *precondReport) text(w io.Writer) error {
	reportLine(w, "system", "%s, %d unknowns, %s", rep.System, rep.N, rep.Structure)
	reportLine(w, "solve", "to %g of ‖b‖, %s, %s", rep.RTol, plural(rep.Workers, "worker"), plural(rep.Rounds, "round"))
	fmt.Fprintln(w)
	var jacobi float64
	for _, r := range rep.Rows {
		if r.Kind == "jacobi" && r.Converged {
			jacobi = r.Total
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "kind\tset-up ms\tMiB\tmethod\titerations\tproducts\tsolve ms\ttotal ms\tof jacobi\tstatus\t")
	for _, r := range rep.Rows {
		if r.Reason != "" {
			continue
		}
		kind, share := r.Kind, "-"
		if r.Kind == rep.Fastest {
			kind = "* " + kind
		}
		if jacobi > 0 && r.Converged {
			share = fmt.Sprintf("%.2f", r.Total/jacobi)
		}
		fmt.Fprintf(table, "%s\t%.2f\t%.1f\t%s\t%d\t%d+%d\t%.2f\t%.2f\t%s\t%s\t\n", kind, 1e3*r.Setup, float64(r.Bytes)/(1<<20), r.Method,
			r.Iterations, r.SetupProducts, r.Products, 1e3*r.Solve, 1e3*r.Total, share, r.Status)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, r := range rep.Rows {
		if r.Reason != "" {
			reason := r.Reason // of an operator and a kind that stand above and before it
			if _, why, is := strings.Cut(reason, "is not applicable: "); is {
				reason = "not applicable: " + strings.TrimPrefix(why, "hvp: ")
			}
			reportLine(w, r.Kind, "%s", reason)
		}
	}
	for _, r := range rep.Rows {
		for i, note := range r.Notes {
			name := ""
			if i == 0 {
				name = r.Kind
			}
			reportLine(w, name, "%s", note)
		}
	}
	return nil
}

// colours is how many series a chart tells apart by colour.
const colours = 6

// plot draws the residuals against time, set-up included.
func (rep *precondReport) plot(path string) error {
	c := bench.Chart{
		Title: "Residual against time, " + rep.System, XLabel: "seconds, set-up included", YLabel: "residual norm",
		LogY: true, LogX: true, Width: 576, Height: 384,
	}
	for _, r := range rep.Rows {
		if len(r.times) == 0 {
			continue
		}
		name := r.Kind + ", " + bench.Seconds(r.Total)
		if !r.Converged {
			name = r.Kind + ", " + r.Status
		}
		style := bench.Line
		if len(c.Series) >= colours { // the colours begin again
			style = bench.Dashed
		}
		if len(r.times) == 1 { // nothing to join by a line
			style = bench.Markers
		}
		c.Series = append(c.Series, bench.Series{Name: name, X: r.times, Y: r.norms, Style: style})
	}
	if len(c.Series) == 0 {
		return fmt.Errorf("-plot %s: nothing to draw", strings.TrimSpace(path))
	}
	return c.Save(path)
}
