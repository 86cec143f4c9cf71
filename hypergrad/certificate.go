package hypergrad

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
	"github.com/hgsolve/hgsolve/krylov"
)

// Constants are what must be known of a problem for a [Certificate]. All are
// required to hold on the segment between y and the solution y*, at the given w; a
// ball around y of radius ‖G(y, w)‖/Mu contains it if they hold in that ball.
// Norms are Euclidean, those of matrices spectral. Zero means zero: a quantity that
// does not vary.
type Constants struct {
	// Mu > 0: vᵀ(∂G/∂y)v ≥ Mu·‖v‖² for all v, such as the ridge of a
	// regularised problem.
	Mu float64
	// LossW, LossY, Mixed, Hessian are the Lipschitz constants in y of ∂ℓ/∂w,
	// ∂ℓ/∂y, ∂G/∂w and ∂G/∂y.
	LossW, LossY, Mixed, Hessian float64
	// MixedNorm bounds ‖∂G/∂w‖ at y. Zero means that its Frobenius norm, which
	// is not less, is computed: min(n_y, n_w) products, at most 1000.
	MixedNorm float64
}

// Certificate bounds the error of a hypergradient p = ∂ℓ/∂w − Bq, B = (∂G/∂w)ᵀ, that
// was computed at an inexact y with an inexact q. Unlike an [ErrorBar] it is not an
// estimate, and unlike one it is pessimistic: factors of hundreds are usual.
//
// # Derivation
//
// Stars mark values at the solution y*, and H is (∂G/∂y)ᵀ. Since μ bounds the
// curvature along the whole segment from y to y*, 0 = G(y*) gives
//
//	μ‖y−y*‖² ≤ (G(y) − G(y*))ᵀ(y−y*) ≤ ‖G(y)‖‖y−y*‖,  so  ‖y−y*‖ ≤ ε = ‖G(y)‖/μ .
//
// From p − p* = (∂ℓ/∂w − ∂ℓ/∂w*) − (B − B*)q − B*(q − q*) and ‖B*‖ ≤ ‖B‖ + L_B·ε,
//
//	‖p−p*‖ ≤ L_wℓ·ε + L_B·ε·‖q‖ + (‖B‖ + L_B·ε)·‖q−q*‖ .
//
// With b = ∂ℓ/∂y, r = b − Hq and H*q* = b*,
//
//	H*(q − q*) = (H* − H)q − r + (b − b*),  so  ‖q−q*‖ ≤ (L_H·ε‖q‖ + ‖r‖ + L_b·ε)/μ .
//
// (Ehrhardt & Roberts, Analyzing inexact hypergradients for bilevel learning, IMA
// J. Appl. Math. 2024, doi:10.1093/imamat/hxad035, have the like; the constants are
// arranged otherwise there.) Where CG has solved the system, a bound η ≥ ‖q − q̂‖, q̂ =
// H⁻¹b, comes from its bound of the error in the H-norm, by Gauss–Radau quadrature
// ([krylov.Result.ErrorUpper]): ‖q−q̂‖ ≤ ErrorUpper/√μ = η ≤ ‖r‖/μ. Then from q̂ − q* by
// the same argument, with ‖q̂‖ ≤ ‖q‖ + η,
//
//	‖q−q*‖ ≤ η + (L_H·ε·(‖q‖ + η) + L_b·ε)/μ ,
//
// and the smaller of the two bounds is taken.
//
// It bounds what exact arithmetic would give with the computed y and q; the bound is
// widened by 2⁻⁴⁰ of ‖∂ℓ/∂w‖ + ‖B‖‖q‖ for rounding errors, and of ‖G‖ only those that
// its evaluation has are not covered.
type Certificate struct {
	// Bound is the bound of ‖p − p*‖.
	Bound float64
	// Inner is ε, the bound of ‖y − y*‖, and Adjoint the bound of ‖q − q*‖.
	Inner, Adjoint float64
	// Linear is the part of Adjoint that the adjoint solve itself leaves, η or
	// ‖r‖/μ.
	Linear float64
	// MixedNorm is the bound of ‖∂G/∂w‖ at y that was used.
	MixedNorm float64
}

const (
	certificateColumns  = 1000
	certificateRounding = 0x1p-40
)

// prepare asks the solve for its error bounds.
func (c *Constants) prepare(s *krylov.Settings) {
	if c != nil && s.CurvatureFloor == 0 && c.Mu > 0 && !math.IsInf(c.Mu, 0) {
		s.CurvatureFloor = c.Mu
	}
}

// certify computes the certificate from the report of a solve that succeeded, with
// q in e.sol.
func (e *Estimator) certify(ctx context.Context, rep *Report, lin Linearization) (*Certificate, error) {
	c, team := *e.Certificate, parallel.FromContext(ctx)
	if !(c.Mu > 0) || math.IsInf(c.Mu, 0) {
		return nil, fmt.Errorf("hypergrad: certificate: Mu = %v must be positive and finite", c.Mu)
	}
	for _, v := range []struct {
		name  string
		value float64
	}{{"LossW", c.LossW}, {"LossY", c.LossY}, {"Mixed", c.Mixed}, {"Hessian", c.Hessian}, {"MixedNorm", c.MixedNorm}} {
		if !(v.value >= 0) || math.IsInf(v.value, 0) {
			return nil, fmt.Errorf("hypergrad: certificate: %s = %v must be finite and not negative", v.name, v.value)
		}
	}
	if rep.ProductAccuracy > 0 || transAccuracy(lin.W) > 0 {
		return nil, errors.New("hypergrad: certificate: products by differences have errors that no bound covers")
	}
	// Ritz values are inside the spectrum: one below the floor disproves it.
	if r := rep.Solve.MinRitz; rep.Precond == "none" && rep.Solve.Method == "cg" && r != 0 && r < c.Mu*(1-1e-8) {
		return nil, fmt.Errorf("hypergrad: certificate: ∂G/∂y has an eigenvalue of %.6g at most, below Mu = %.6g", r, c.Mu)
	}
	res := &rep.Solve
	cert := &Certificate{Inner: rep.Stationarity / c.Mu, MixedNorm: c.MixedNorm}
	if c.MixedNorm == 0 {
		var err error
		if cert.MixedNorm, err = e.frobenius(ctx, lin.W); err != nil {
			return nil, err
		}
	}
	eps, q := cert.Inner, parallel.Norm(team, e.sol)
	residual := max(res.TrueResidual, 0)
	cert.Linear = residual / c.Mu
	cert.Adjoint = (c.Hessian*eps*q + residual + c.LossY*eps) / c.Mu
	if res.ErrorUpper > 0 && e.Settings.CurvatureFloor <= c.Mu {
		eta := min(cert.Linear, res.ErrorUpper/math.Sqrt(c.Mu))
		cert.Linear = eta
		cert.Adjoint = min(cert.Adjoint, eta+(c.Hessian*eps*(q+eta)+c.LossY*eps)/c.Mu)
	}
	cert.Bound = c.LossW*eps + c.Mixed*eps*q + (cert.MixedNorm+c.Mixed*eps)*cert.Adjoint
	cert.Bound += certificateRounding * (rep.GradNorm + 2*cert.MixedNorm*q) // ‖∂ℓ/∂w‖ ≤ ‖p‖ + ‖B‖‖q‖
	return cert, nil
}

// frobenius returns ‖a‖_F by products with unit vectors.
func (e *Estimator) frobenius(ctx context.Context, a hvp.Operator) (float64, error) {
	team := parallel.FromContext(ctx)
	rows, cols := a.Dims()
	apply := a.Apply
	if t, ok := hvp.Trans(a); ok && rows < cols {
		apply, rows, cols = t.ApplyTrans, cols, rows
	}
	if cols > certificateColumns {
		return 0, fmt.Errorf("hypergrad: certificate: MixedNorm is needed: the norm of ∂G/∂w would take %d products", cols)
	}
	unit, column := make([]float64, cols), make([]float64, rows)
	norm := 0.0
	for j := range unit {
		unit[j] = 1
		if err := apply(ctx, column, unit); err != nil {
			return 0, fmt.Errorf("hypergrad: certificate: mixed product: %w", err)
		}
		unit[j] = 0
		norm = math.Hypot(norm, parallel.Norm(team, column))
	}
	return norm, nil
}
