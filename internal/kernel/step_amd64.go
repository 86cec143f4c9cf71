//go:build !purego

package kernel

//go:noescape
func subAxpyNormAVX2(r []float64, a float64, q []float64) (rr float64)

//go:noescape
func subAxpyNormDiagAVX2(r []float64, a float64, q, d []float64) (rr, rdr float64)

//go:noescape
func stepDirectionAVX2(x, p []float64, a float64, r []float64, b float64)

//go:noescape
func stepDirectionDiagAVX2(x, p []float64, a float64, r, d []float64, b float64)

// SubAxpyNorm subtracts a·q from r and returns rᵀr.
func SubAxpyNorm(r []float64, a float64, q []float64) (rr float64) {
	q = q[:len(r)]
	if useAVX2 {
		return subAxpyNormAVX2(r, a, q)
	}
	return subAxpyNormPlain(r, a, q)
}

// SubAxpyNormDiag subtracts a·q from r and returns rᵀr and rᵀDr with
// D = diag(d).
func SubAxpyNormDiag(r []float64, a float64, q, d []float64) (rr, rdr float64) {
	q, d = q[:len(r)], d[:len(r)]
	if useAVX2 {
		return subAxpyNormDiagAVX2(r, a, q, d)
	}
	return subAxpyNormDiagPlain(r, a, q, d)
}

// StepDirection adds a·p to x and then sets p = r + b·p: the update of the
// iterate of conjugate gradients and that of the next direction in one pass.
func StepDirection(x, p []float64, a float64, r []float64, b float64) {
	p, r = p[:len(x)], r[:len(x)]
	if useAVX2 {
		stepDirectionAVX2(x, p, a, r, b)
		return
	}
	stepDirectionPlain(x, p, a, r, b)
}

// StepDirectionDiag is StepDirection with D·r in place of r, D = diag(d).
func StepDirectionDiag(x, p []float64, a float64, r, d []float64, b float64) {
	p, r, d = p[:len(x)], r[:len(x)], d[:len(x)]
	if useAVX2 {
		stepDirectionDiagAVX2(x, p, a, r, d, b)
		return
	}
	stepDirectionDiagPlain(x, p, a, r, d, b)
}
