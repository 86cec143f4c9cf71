//go:build !amd64 || purego

package kernel

// SubAxpyNorm subtracts a·q from r and returns rᵀr.
func SubAxpyNorm(r []float64, a float64, q []float64) (rr float64) { return subAxpyNormPlain(r, a, q) }

// SubAxpyNormDiag subtracts a·q from r and returns rᵀr and rᵀDr with
// D = diag(d).
func SubAxpyNormDiag(r []float64, a float64, q, d []float64) (rr, rdr float64) {
	return subAxpyNormDiagPlain(r, a, q, d)
}

// StepDirection adds a·p to x and then sets p = r + b·p: the update of the
// iterate of conjugate gradients and that of the next direction in one pass.
func StepDirection(x, p []float64, a float64, r []float64, b float64) {
	stepDirectionPlain(x, p, a, r, b)
}

// StepDirectionDiag is StepDirection with D·r in place of r, D = diag(d).
func StepDirectionDiag(x, p []float64, a float64, r, d []float64, b float64) {
	stepDirectionDiagPlain(x, p, a, r, d, b)
}
