package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/formats"
)

// inlineGrad is the largest n_w whose gradient stands in the JSON itself.
const inlineGrad = 1000

// gradReport is the JSON report of hgbench grad. Scripts rely on its names.
type gradReport struct {
	Problem   string `json:"problem"`
	NY        int    `json:"n_y"`
	NW        int    `json:"n_w"`
	Converged bool   `json:"converged"`
	Loss      number `json:"loss"`
	GradNorm  number `json:"grad_norm"`
	// Grad is the gradient, or the path of the .npy file that holds it, or
	// null when there is none to rely on.
	Grad any        `json:"grad"`
	Bar  *barReport `json:"error_bar"` // null: not asked for, or no result
	// ExactError is the error of the gradient in the norm, relative to that of
	// the closed form; null if there is none.
	ExactError number `json:"exact_error"`
	// Warnings are what the problem says about its solution.
	Warnings []string      `json:"warnings,omitempty"`
	Inner    innerReport   `json:"inner"`
	Solve    adjointReport `json:"solve"`
	Seconds  struct {
		Inner   float64 `json:"inner"`
		Adjoint float64 `json:"adjoint"`
		Total   float64 `json:"total"`
	} `json:"seconds"`
	Workers int    `json:"workers"`
	Go      string `json:"go"`
	Version string `json:"version"`
}

// barReport is the estimated error of dL/dw.
type barReport struct {
	Trusted     bool    `json:"trusted"`
	Estimate    number  `json:"estimate"` // null if it is not trusted
	Digits      number  `json:"digits"`
	Note        string  `json:"note,omitempty"`
	Contraction number  `json:"contraction"`
	Step        number  `json:"step"`
	HVPs        int     `json:"hvps"`
	Seconds     float64 `json:"seconds"`
}

type innerReport struct {
	Iterations        int    `json:"iterations"`
	HVPs              int    `json:"hvps"`
	GradNorm          number `json:"grad_norm"`
	StartNorm         number `json:"start_norm"`
	NegativeCurvature int    `json:"negative_curvature"`
}

type adjointReport struct {
	Method      string `json:"method"`
	Precond     string `json:"precond"`
	PrecondNote string `json:"precond_note,omitempty"`
	// ToleranceNote says that inexact products loosened the tolerance.
	ToleranceNote string `json:"tolerance_note,omitempty"`
	Status        string `json:"status"`
	Iterations    int    `json:"iterations"`
	HVPs          int    `json:"hvps"`
	RHSNorm       number `json:"rhs_norm"`
	Residual      number `json:"residual"`
	TrueResidual  number `json:"true_residual"`
	Curvature     number `json:"curvature,omitempty"`
	CondEstimate  number `json:"cond_estimate"`
	// GradError estimates the error of dL/dw that the residual leaves.
	GradError number `json:"grad_error_estimate"`
}

func newGradReport(o *gradOptions, j *gradJob) *gradReport {
	ny, nw := j.problem.Dims()
	r := &gradReport{Problem: j.name, NY: ny, NW: nw, Loss: number(math.NaN()), GradNorm: number(math.NaN()), ExactError: number(math.NaN()),
		Workers: workersOf(o.workers), Go: runtime.Version(), Version: version()}
	r.Solve.Status = "NotSolved"
	return r
}

// set copies the outcome of the adjoint.
func (r *gradReport) set(h *hypergrad.Report, grad []float64, converged bool) {
	r.Converged = converged
	r.Loss = number(h.Loss)
	r.Warnings = h.Warnings
	s := &h.Solve
	r.Solve = adjointReport{Method: s.Method, Precond: h.Precond, PrecondNote: h.PrecondNote, ToleranceNote: h.ToleranceNote, Status: s.Status.String(), Iterations: s.Iterations, HVPs: s.Products,
		RHSNorm: number(s.RHSNorm), Residual: number(s.Residual), TrueResidual: number(s.TrueResidual), Curvature: number(s.Curvature),
		CondEstimate: number(s.Condition()), GradError: number(h.ResidualEffect)}
	if s.Path != "" {
		r.Solve.Method = s.Path
	}
	if b := h.Error; b != nil {
		r.Bar = &barReport{Trusted: b.Trusted, Estimate: numberIf(b.Trusted, b.Estimate), Digits: number(b.Digits(h.GradNorm)), Note: b.Note,
			Contraction: number(b.Contraction), Step: number(b.Step), HVPs: b.Products, Seconds: b.Elapsed.Seconds()}
	}
	if converged {
		r.GradNorm = number(h.GradNorm)
		if len(grad) <= inlineGrad {
			r.Grad = grad
		}
	}
}

// setExact compares the gradient with that of the closed form.
func (r *gradReport) setExact(grad, exact []float64) {
	diff, size := 0.0, 0.0
	for i, e := range exact {
		diff, size = math.Hypot(diff, grad[i]-e), math.Hypot(size, e)
	}
	if diff > 0 {
		diff /= size
	}
	r.ExactError = number(diff)
}

// writeFiles writes what was asked for; the results only if they converged.
func (j *gradJob) writeFiles(o *gradOptions, r *gradReport, converged bool) error {
	if converged {
		if r.NW > inlineGrad {
			path := o.out
			switch {
			case path != "":
			case o.saveDir != "":
				path = filepath.Join(o.saveDir, "grad.npy")
			case o.json != "" && o.json != "-":
				path = strings.TrimSuffix(o.json, ".json") + ".grad.npy"
				if err := formats.WriteNpy(path, j.grad); err != nil {
					return err
				}
			}
			if path != "" {
				r.Grad = path
			}
		}
		if o.out != "" {
			if err := formats.WriteNpy(o.out, j.grad); err != nil {
				return err
			}
		}
		if err := j.save(o.saveDir); err != nil {
			return err
		}
		if o.picture != "" {
			pix, rows, cols := j.picture(j.y)
			err := formats.WriteFile(o.picture, func(w io.Writer) error {
				return formats.EncodePNG(w, &formats.Image{Rows: rows, Cols: cols, Pix: pix})
			})
			if err != nil {
				return err
			}
		}
	}
	return writeJSONFile(o.json, r)
}

// savedFiles are the files that save may write.
var savedFiles = []string{"y.npy", "q.npy", "grad.npy", "w.npy", "clean.npy", "noisy.npy"}

// save writes y, q and the gradient, and for denoise the images, to dir.
func (j *gradJob) save(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files := map[string][]float64{"y.npy": j.y, "q.npy": j.q, "grad.npy": j.grad, "w.npy": j.w}
	var shape []int
	if d, ok := j.problem.(interface {
		Size() (rows, cols int)
		Clean() []float64
		Noisy() []float64
	}); ok {
		rows, cols := d.Size()
		shape = []int{rows, cols}
		files["clean.npy"], files["noisy.npy"] = d.Clean(), d.Noisy()
	}
	var errs []error
	for name, data := range files {
		s := []int{len(data)}
		if shape != nil && (name == "clean.npy" || name == "noisy.npy") {
			s = shape
		}
		errs = append(errs, formats.WriteNpy(filepath.Join(dir, name), data, s...))
	}
	return errors.Join(errs...)
}

// print writes the report as aligned text.
func (r *gradReport) print(w io.Writer, j *gradJob) {
	line := func(name, format string, args ...any) { reportLine(w, name, format, args...) }
	line("problem", "%s, n_y = %d, n_w = %d", r.Problem, r.NY, r.NW)
	for _, d := range j.describe {
		line(d[0], "%s", d[1])
	}
	line("inner", "‖∂E/∂y‖ %.2e → %.2e in %s, %s, %s", r.Inner.StartNorm, r.Inner.GradNorm, plural(r.Inner.Iterations, "Newton step"), plural(r.Inner.HVPs, "Hessian product"), bench.Seconds(r.Seconds.Inner))
	if n := r.Inner.NegativeCurvature; n > 0 {
		line("", "negative curvature met in %d steps: the energy is not convex there", n)
	}
	s := &r.Solve
	if s.Status != "NotSolved" {
		line("adjoint", "%s + %s: %s in %d iterations, true residual %.2e of %.2e, %s", s.Method, s.Precond, s.Status, s.Iterations, s.TrueResidual, s.RHSNorm, bench.Seconds(r.Seconds.Adjoint))
		if s.PrecondNote != "" {
			line("", "%s", s.PrecondNote)
		}
		if s.ToleranceNote != "" {
			line("", "%s", s.ToleranceNote)
		}
		if c := float64(s.CondEstimate); c > 0 {
			line("condition", "at least %.3g (preconditioned)", c)
		}
	}
	for _, warning := range r.Warnings {
		line("warning", "%s", warning)
	}
	if !r.Converged {
		line("dL/dw", "not known: see the error")
		return
	}
	line("loss", "%.12g", float64(r.Loss))
	line("‖dL/dw‖", "%.12g", float64(r.GradNorm))
	switch b := r.Bar; {
	case b == nil:
		line("error", "not estimated; the residual of the adjoint leaves about %.2e", float64(s.GradError))
	case !b.Trusted:
		line("error", "no estimate to trust: %s", b.Note)
	default:
		line("error", "about %.2e: %s, estimated with %d more products in %s", float64(b.Estimate), plural(int(math.Floor(float64(b.Digits))), "digit"), b.HVPs, bench.Seconds(b.Seconds))
	}
	if e := float64(r.ExactError); !math.IsNaN(e) {
		line("exact", "off by %.2e of the closed form", e)
	}
	for i, g := range j.grad {
		if i == 10 {
			line("", "… %d more; -out writes all", len(j.grad)-i)
			break
		}
		line(fmt.Sprintf("dL/dw[%d]", i), "% .12g", g)
	}
	line("total", "%s on %s", bench.Seconds(r.Seconds.Total), plural(r.Workers, "worker"))
}
