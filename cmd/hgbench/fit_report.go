package main

import (
	"fmt"
	"io"
	"math"
	"runtime"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/hypergrad"
)

// inlineW is the largest n_w whose parameters stand in a record or report.
const inlineW = 100

// fitRecord is a line of the log, and an entry of the report. Scripts rely on its
// names.
type fitRecord struct {
	Iteration   int       `json:"iteration"`
	Accepted    bool      `json:"accepted"`
	W           []float64 `json:"w,omitempty"` // in the log, if n_w ≤ inlineW
	Loss        number    `json:"loss"`
	LossError   number    `json:"loss_error"`
	GradNorm    number    `json:"grad_norm"`
	Projected   number    `json:"projected_grad_norm"` // without the entries that bounds hold
	GradError   number    `json:"grad_error"`
	Trusted     bool      `json:"trusted"`
	Step        number    `json:"step"`
	StepLimit   number    `json:"step_limit"`
	InnerTol    number    `json:"inner_tol"`
	AdjointRTol number    `json:"adjoint_rtol"`
	Evaluations int       `json:"evaluations"`
	InnerHVPs   int       `json:"inner_hvps"`
	AdjointHVPs int       `json:"adjoint_hvps"`
	Seconds     float64   `json:"seconds"`
	Note        string    `json:"note,omitempty"`
}

func newFitRecord(p *hypergrad.OuterProgress) fitRecord {
	r := fitRecord{
		Iteration: p.Iteration, Accepted: p.Accepted, Loss: number(p.Loss), LossError: number(p.LossError), GradNorm: number(p.FullNorm), Projected: number(p.GradNorm),
		GradError: numberIf(p.Trusted, p.Error), Trusted: p.Trusted, Step: number(p.Step), StepLimit: number(p.StepLimit), InnerTol: number(p.InnerTol),
		AdjointRTol: number(p.AdjointRTol), Evaluations: p.Evaluations, InnerHVPs: p.InnerProducts, AdjointHVPs: p.AdjointProducts,
		Seconds: p.Elapsed.Seconds(), Note: p.Note,
	}
	if len(p.W) <= inlineW {
		r.W = p.W
	}
	return r
}

// fitReport is the JSON report of hgbench fit.
type fitReport struct {
	Problem   string `json:"problem"`
	NY        int    `json:"n_y"`
	NW        int    `json:"n_w"`
	Converged bool   `json:"converged"`
	Status    string `json:"status"`
	// Resumed is the iteration of the checkpoint, null if there was none.
	Resumed *int `json:"resumed"`
	// W is w, or the path of the .npy file that holds it, or null.
	W       any         `json:"w"`
	Start   fitRecord   `json:"start"`
	End     fitRecord   `json:"end"`
	Digits  number      `json:"digits"` // of dL/dw at the end
	Trace   []fitRecord `json:"trace"`
	Seconds struct {
		Fit   float64 `json:"fit"` // that before the checkpoint included
		Total float64 `json:"total"`
	} `json:"seconds"`
	Workers int    `json:"workers"`
	Go      string `json:"go"`
	Version string `json:"version"`
}

func newFitReport(o *fitOptions, data *problemData, res *hypergrad.OuterResult) *fitReport {
	ny, nw := data.problem.Dims()
	r := &fitReport{
		Problem: data.name, NY: ny, NW: nw, Converged: res.Status.Success(), Status: res.Status.String(), Start: newFitRecord(&res.Start),
		End: newFitRecord(&res.End), Digits: number(res.End.Digits()), Workers: workersOf(o.workers), Go: runtime.Version(), Version: version(),
	}
	if res.Resumed >= 0 {
		r.Resumed = &res.Resumed
	}
	switch {
	case nw <= inlineW:
		r.W = data.w
	case o.out != "":
		r.W = o.out
	}
	for i := range res.Trace {
		r.Trace = append(r.Trace, newFitRecord(&res.Trace[i]))
	}
	r.Seconds.Fit = res.End.Elapsed.Seconds()
	return r
}

// print writes the report as aligned text.
func (r *fitReport) print(w io.Writer, data *problemData, res *hypergrad.OuterResult) {
	line := func(name, format string, args ...any) { reportLine(w, name, format, args...) }
	line("problem", "%s, n_y = %d, n_w = %d", r.Problem, r.NY, r.NW)
	for _, d := range data.describe {
		line(d[0], "%s", d[1])
	}
	if r.Resumed != nil {
		line("resumed", "after iteration %d", *r.Resumed)
	}
	end := &res.End
	accepted := -1 // the start is no step
	for i := range res.Trace {
		if res.Trace[i].Accepted {
			accepted++
		}
	}
	line("status", "%s after %d iterations, %d of them accepted", r.Status, end.Iteration, accepted)
	line("loss", "%.9g → %.9g ± %.0e", res.Start.Loss, end.Loss, end.LossError)
	line("‖dL/dw‖", "%.3e → %.3e", res.Start.FullNorm, end.FullNorm)
	if end.GradNorm < (1-1e-12)*end.FullNorm { // more than rounding errors
		line("", "without the parameters that bounds hold: %.3e → %.3e", res.Start.GradNorm, end.GradNorm)
	}
	switch {
	case end.Trusted && res.Status == hypergrad.OuterLossConverged && end.Digits() < 1:
		line("error", "about %.0e: dL/dw is as small as the loss can tell", end.Error)
	case end.Trusted:
		line("error", "about %.0e: %s", end.Error, plural(int(math.Floor(end.Digits())), "digit"))
	default:
		line("error", "no estimate to trust: %s", end.Note)
	}
	line("products", "%d inner, %d adjoint and error bars, %d hypergradients", end.InnerProducts, end.AdjointProducts, end.Evaluations)
	for i, v := range data.w {
		if i == 10 {
			line("", "… %d more; -out writes all", len(data.w)-i)
			break
		}
		line(fmt.Sprintf("w[%d]", i), "% .6g", v)
	}
	whole := ""
	if r.Resumed != nil {
		whole = " with the runs before"
	}
	line("total", "%s on %s, the fit took %s%s", bench.Seconds(r.Seconds.Total), plural(r.Workers, "worker"), bench.Seconds(r.Seconds.Fit), whole)
}

// fitCharts draws the accepted points of a run: the loss, and the norm of dL/dw,
// against time.
func fitCharts(title string, trace []hypergrad.OuterProgress) []*bench.Chart {
	loss := bench.Series{Name: "L(w) and its error"}
	norm := bench.Series{Name: "projected ‖dL/dw‖ and its error"}
	add := func(s *bench.Series, x, y, low, high float64) {
		for _, v := range []float64{y, low, high} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return
			}
		}
		s.X, s.Y, s.Low, s.High = append(s.X, x), append(s.Y, y), append(s.Low, low), append(s.High, high)
	}
	for i := range trace {
		p := &trace[i]
		if !p.Accepted {
			continue
		}
		seconds := p.Elapsed.Seconds()
		add(&loss, seconds, p.Loss, p.Loss-p.LossError, p.Loss+p.LossError)
		if p.GradNorm > 0 {
			// A bar that reaches zero goes down three decades.
			add(&norm, seconds, p.GradNorm, max(p.GradNorm-p.Error, p.GradNorm*1e-3), p.GradNorm+p.Error)
		}
	}
	var charts []*bench.Chart
	if len(loss.X) > 0 {
		charts = append(charts, &bench.Chart{Title: "Loss: " + title, XLabel: "time, s", YLabel: "L", Series: []bench.Series{loss}})
	}
	if len(norm.X) > 0 {
		charts = append(charts, &bench.Chart{Title: "Hypergradient: " + title, XLabel: "time, s", YLabel: "‖dL/dw‖", LogY: true, Series: []bench.Series{norm}})
	}
	return charts
}
