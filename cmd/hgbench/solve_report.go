package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/formats"
	"github.com/hgsolve/hgsolve/krylov"
)

// solveReport is the JSON report of hgbench solve. Scripts rely on its names.
// What is not known is null.
type solveReport struct {
	// Matrix is the file or the stencil. Rows and Cols are those of A; with
	// Trans the system is that of Aᵀ. N is the length of x.
	Matrix    string  `json:"matrix"`
	Rows      int     `json:"rows"`
	Cols      int     `json:"cols"`
	N         int     `json:"n"`
	NNZ       int     `json:"nnz"`
	Operator  string  `json:"operator"` // assembled or matrix-free
	Shift     float64 `json:"shift"`
	Trans     bool    `json:"trans"`
	Structure string  `json:"structure"`
	// StructureSource says where the structure is known from.
	StructureSource string `json:"structure_source"`
	RHS             string `json:"rhs"`

	// Method is the method that produced x, Path all that were tried.
	Method    string `json:"method"`
	Path      string `json:"path"`
	Precond   string `json:"precond"`
	Settings  string `json:"settings"`
	Converged bool   `json:"converged"`
	Status    string `json:"status"`
	Error     string `json:"error,omitempty"`

	Iterations int `json:"iterations"`
	Restarts   int `json:"restarts"`
	Products   int `json:"products"`

	RHSNorm      number `json:"rhs_norm"`
	Tolerance    number `json:"tolerance"`
	Residual     number `json:"residual"`
	TrueResidual number `json:"true_residual"`
	// ErrorBound holds bounds of the error of x in the A-norm.
	ErrorBound   *errorBound `json:"error_bound"`
	CondEstimate number      `json:"cond_estimate"`
	MinRitz      number      `json:"min_ritz"`
	MaxRitz      number      `json:"max_ritz"`
	// Curvature is that of a direction where it is not positive, if one was
	// met.
	Curvature number `json:"curvature"`

	// Seconds is the wall time of the solve, Bytes its memory traffic by the
	// model of the help text, and GBPerS their ratio.
	Seconds float64     `json:"seconds"`
	Phases  solvePhases `json:"seconds_by_phase"`
	matrix  *hvp.CSR    // nil if the operator is matrix-free
	Bytes   int64       `json:"bytes"`
	GBPerS  number      `json:"gb_per_s"`
	Workers int         `json:"workers"`
	X       *string     `json:"x"` // file that holds x
	Go      string      `json:"go"`
	Version string      `json:"version"`

	notes []string // on the status, for the text
}

type errorBound struct {
	Lower number `json:"lower"`
	Upper number `json:"upper"`
}

// solvePhases are parts of the total wall time; products, preconditioner and
// rest are those of the solve.
type solvePhases struct {
	Load     float64 `json:"load"`
	Setup    float64 `json:"setup"`
	Products float64 `json:"in_products"`
	Precond  float64 `json:"in_precond"`
	Rest     float64 `json:"rest"`
	Total    float64 `json:"total"`
}

func newSolveReport(o *solveOptions, j *solveJob) *solveReport {
	rows, cols := j.a.Dims()
	r := &solveReport{
		Matrix: o.matrix, Rows: rows, Cols: cols, N: len(j.x), NNZ: j.nnz, Operator: o.operator, Shift: o.shift, Trans: o.trans,
		Structure: hvp.StructureOf(j.a).String(), StructureSource: j.source, RHS: o.rhs,
		Precond: o.precond, Workers: workersOf(o.workers), Go: runtime.Version(), Version: version(), matrix: j.matrix,
	}
	if o.stencil != "" {
		r.Matrix = j.title
	}
	return r
}

// numberIf is v if it is known, and null in JSON if not.
func numberIf(known bool, v float64) number {
	if !known {
		v = math.NaN()
	}
	return number(v)
}

// set copies the outcome of the solve.
func (r *solveReport) set(res *krylov.Result, s *krylov.Settings, j *solveJob, err error) {
	r.Method, r.Path, r.Settings = plainName(res.Method), res.Path, s.String()
	if r.Path == "" {
		r.Path = res.Method
	}
	r.Converged, r.Status = err == nil, res.Status.String()
	if err != nil {
		r.Error, r.notes = oneLine(err), notesOn(err)
	}
	r.Iterations, r.Restarts, r.Products = res.Iterations, res.Restarts, res.Products
	begun := res.Status != krylov.InvalidInput
	r.RHSNorm, r.Tolerance = numberIf(begun, res.RHSNorm), numberIf(begun, res.Tolerance)
	r.Residual, r.TrueResidual = numberIf(begun, res.Residual), numberIf(res.TrueResidual >= 0, res.TrueResidual)
	if res.ErrorUpper > 0 {
		r.ErrorBound = &errorBound{number(res.ErrorLower), number(res.ErrorUpper)}
	}
	r.CondEstimate = numberIf(res.Condition() > 0, res.Condition())
	ritz := res.MinRitz != 0 || res.MaxRitz != 0
	r.MinRitz, r.MaxRitz = numberIf(ritz, res.MinRitz), numberIf(ritz, res.MaxRitz)
	r.Curvature = numberIf(res.Direction != nil, res.Curvature)
	r.Seconds = res.Elapsed.Seconds()
	r.Phases.Products, r.Phases.Precond = res.InProducts.Seconds(), res.InPrecond.Seconds()
	r.Phases.Rest = max(0, r.Seconds-r.Phases.Products-r.Phases.Precond)
	r.Bytes = res.Bytes
	if r.matrix != nil {
		a := r.matrix
		if s.Trans {
			if t, err := hvp.Transpose(a); err == nil { // which the solve has made
				a = t.(*hvp.CSR)
			}
		}
		r.Bytes += int64(res.Products) * a.ProductTraffic()
	}
	r.GBPerS = number(float64(r.Bytes) / 1e9 / r.Seconds)
}

// notesOn returns the cause of a failed solve and what its status suggests, the
// latter in the words of the flags.
func notesOn(err error) (notes []string) {
	var e *krylov.Error
	if !errors.As(err, &e) {
		return []string{oneLine(err)}
	}
	if e.Cause != nil {
		notes = append(notes, oneLine(e.Cause))
	}
	if e.Cause == nil || e.Status != krylov.InvalidInput && e.Status != krylov.NonFinite && e.Status != krylov.Canceled {
		notes = append(notes, strings.NewReplacer("MaxIter", "-maxiter", "MaxTime", "-maxtime", "RTol", "-rtol").Replace(e.Status.Advice()))
	}
	return notes
}

// writeFiles writes what was asked for; x only if it solves the system or is to
// be kept anyway. What can be written is, whatever else fails.
func (j *solveJob) writeFiles(o *solveOptions, r *solveReport, solved bool) error {
	var errs []error
	if o.out != "" && (solved || o.keep && r.Status != krylov.InvalidInput.String()) {
		err := formats.WriteNpy(o.out, j.x)
		if err == nil {
			r.X = &o.out
		}
		errs = append(errs, err)
	}
	if o.history != "" {
		errs = append(errs, formats.WriteFile(o.history, j.writeHistory))
	}
	errs = append(errs, writeJSONFile(o.json, r))
	return errors.Join(errs...)
}

// writeHistory writes the residual norms as CSV.
func (j *solveJob) writeHistory(w io.Writer) error {
	if _, err := io.WriteString(w, "iteration,residual\n"); err != nil {
		return err
	}
	var line []byte
	for i, v := range j.history {
		line = strconv.AppendInt(line[:0], int64(i), 10)
		line = strconv.AppendFloat(append(line, ','), v, 'g', -1, 64)
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// print writes the report as aligned text.
func (r *solveReport) print(w io.Writer) {
	line := func(name, format string, args ...any) { reportLine(w, name, format, args...) }
	structure := r.Structure + " " + r.StructureSource
	if r.Structure == "none" {
		structure = r.StructureSource
	}
	form := ""
	if r.Operator != assembled {
		form = ", " + r.Operator
	}
	line("matrix", "%s%s, %d×%d, %d nonzeros, %s", r.Matrix, form, r.Rows, r.Cols, r.NNZ, structure)
	if r.Shift != 0 {
		line("", "with %g added to the diagonal", r.Shift)
	}
	if r.Trans {
		line("", "transposed")
	}
	if v := float64(r.RHSNorm); math.IsNaN(v) {
		line("rhs", "%s", r.RHS)
	} else {
		line("rhs", "%s, norm %.6g", r.RHS, v)
	}
	line("method", "%s + %s, %s", r.Path, r.Precond, r.Settings)
	line("status", "%s", r.Status)
	for _, note := range r.notes {
		line("", "%s", note)
	}
	if r.Status == krylov.InvalidInput.String() {
		return
	}
	restarts := ""
	if r.Restarts > 0 {
		restarts = fmt.Sprintf(", begun again %s", times(r.Restarts))
	}
	line("iterations", "%d, %d products%s", r.Iterations, r.Products, restarts)
	if v := float64(r.TrueResidual); math.IsNaN(v) {
		line("residual", "not known, recurrence %.2e, asked for %.2e", float64(r.Residual), float64(r.Tolerance))
	} else {
		line("residual", "true %.2e, recurrence %.2e, asked for %.2e", v, float64(r.Residual), float64(r.Tolerance))
	}
	if b := r.ErrorBound; b != nil {
		line("error", "between %.3g and %.3g in the A-norm", float64(b.Lower), float64(b.Upper))
	}
	if c := float64(r.CondEstimate); c > 1 {
		of := ""
		if r.Precond != "none" {
			of = " (preconditioned)"
		}
		line("condition", "at least %.3g%s", c, of)
	}
	if c := float64(r.Curvature); !math.IsNaN(c) && r.Status != krylov.NegativeCurvature.String() { // else noted above
		line("curvature", "%.3g in a direction that was met: A is not positive definite", c)
	}
	p := &r.Phases
	line("solve", "%s: products %s, preconditioner %s, rest %s", bench.Seconds(r.Seconds), bench.Seconds(p.Products), bench.Seconds(p.Precond), bench.Seconds(p.Rest))
	line("traffic", "%.3f MB, %.2f GB/s", float64(r.Bytes)/1e6, float64(r.GBPerS))
	line("total", "%s on %s", bench.Seconds(p.Total), plural(r.Workers, "worker"))
}

// times says how often.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// plainName is the name of a method without its parameters: "gmres" of
// "gmres(30)".
func plainName(method string) string {
	name, _, _ := strings.Cut(method, "(")
	name, _, _ = strings.Cut(name, " ")
	return name
}
