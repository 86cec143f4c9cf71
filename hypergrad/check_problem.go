package hypergrad

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// The properties of a problem that [Check] tries, in this order.
const (
	// Values: all methods work, and what they return is finite.
	Values hvptest.Property = "values"
	// InputKept: no method writes to y or w.
	InputKept hvptest.Property = "input kept"
	// Overwrites: results do not depend on what dst held, nor the loss on
	// whether its derivatives are wanted.
	Overwrites hvptest.Property = "overwrites"
	// AnyWorkers: the same bits again, and for 1, 2, 3 and 7 workers.
	AnyWorkers hvptest.Property = "any workers"
	// Concurrent: the same bits for the residual, the energy and the loss
	// from several goroutines at once.
	Concurrent hvptest.Property = "concurrent"
	// GradientOfEnergy: the residual is the gradient of the energy.
	GradientOfEnergy hvptest.Property = "gradient"
	// HessianProduct: the product with ∂G/∂y is the derivative of the residual
	// along v.
	HessianProduct hvptest.Property = "hessian"
	// HessianSymmetric: ⟨u,Hv⟩ = ⟨v,Hu⟩, for an energy and where promised.
	HessianSymmetric hvptest.Property = "symmetric"
	// MixedProduct: the product with ∂G/∂w is the derivative of the residual
	// along a direction of w.
	MixedProduct hvptest.Property = "mixed"
	// MixedTranspose: the same for the transposed product, which the adjoint
	// uses.
	MixedTranspose hvptest.Property = "mixed trans"
	// MixedAdjoint: ⟨q, (∂G/∂w)·u⟩ = ⟨(∂G/∂w)ᵀ·q, u⟩.
	MixedAdjoint hvptest.Property = "mixed adjoint"
	// LossInY and LossInW: ∂ℓ/∂y and ∂ℓ/∂w are the derivatives of ℓ.
	LossInY hvptest.Property = "loss in y"
	LossInW hvptest.Property = "loss in w"
	// Fresh: after y and w have moved, in place or to other memory, nothing
	// is left of the old point.
	Fresh hvptest.Property = "fresh"
	// OperatorY and OperatorW: ∂G/∂y and ∂G/∂w keep the contract of
	// operators, see package hvptest.
	OperatorY hvptest.Property = "operator Y"
	OperatorW hvptest.Property = "operator W"
)

// CheckOptions are the choices of [Check]. The zero value works.
type CheckOptions struct {
	// Tol is the relative error that a derivative may have. Zero means 1e-7,
	// about what one-sided differences can tell. Where they can tell less,
	// the finding says so by a larger tolerance.
	Tol float64
	// Directions is how many random directions each derivative is tried
	// along. Zero means 3.
	Directions int
	// Spread is how far from y the check is made, in units of the root mean
	// square of y: at a minimiser itself the gradient vanishes, and with it
	// many an error. Zero means 0.1, a negative value means at y.
	Spread float64
	// Operators are the options for [OperatorY] and [OperatorW]. The zero
	// tolerance means 1e-12, or more for operators made of differences.
	Operators hvptest.Options
	// Seed of all random numbers. Zero means 1.
	Seed uint64
	// Skip names properties that are not checked.
	Skip []hvptest.Property
	// Monitor, if not nil, is told which property comes next.
	Monitor func(next hvptest.Property)
}

func (o *CheckOptions) withDefaults() CheckOptions {
	var s CheckOptions
	if o != nil {
		s = *o
	}
	if s.Tol == 0 {
		s.Tol = 1e-7
	}
	if s.Directions == 0 {
		s.Directions = 3
	}
	if s.Spread == 0 {
		s.Spread = 0.1
	}
	if s.Seed == 0 {
		s.Seed = 1
	}
	if s.Operators.Seed == 0 {
		s.Operators.Seed = s.Seed
	}
	return s
}

// CheckReport is what [Check] found.
type CheckReport struct {
	// Findings has one entry per property, in order.
	Findings []hvptest.Finding
	// Suspects names the pieces of the problem that the violations, taken
	// together, point to; empty if all holds.
	Suspects []string
}

// String returns the findings, one a line, and the suspects.
func (r *CheckReport) String() string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintln(&b, f)
	}
	for _, s := range r.Suspects {
		fmt.Fprintln(&b, "wrong:", s)
	}
	return b.String()
}

// Check tries each piece of a problem by itself near (y, w), along random
// directions that depend on the seed only, and says which piece is wrong:
//
//	rep, err := hypergrad.Check(ctx, problem, y, w, nil)
//	fmt.Print(&rep)
//
// A derivative is compared with the function that it belongs to, the gradient
// with the energy, the Hessian product and the mixed products with the gradient,
// by the remainder of the Taylor expansion on halved steps: it vanishes with
// order 2 if the derivative is right and with order 1 if not, and both the
// observed order and the error of the derivative are reported. Steps at which
// rounding errors matter do not count. Nothing is solved: y need not be a
// solution; [CheckGradient] tests the result of everything together, at one.
//
// The error is nil only if nothing is violated; input that does not fit is an
// error without findings. It costs some hundred evaluations of each piece. The
// problem must be defined and smooth near y, within Spread, and near w.
func Check(ctx context.Context, p Problem, y, w []float64, opt *CheckOptions) (CheckReport, error) {
	var rep CheckReport
	if p == nil {
		return rep, fmt.Errorf("hypergrad: check of a nil problem")
	}
	ny, nw := p.Dims()
	if err := checkLengths(length{"y", len(y), ny}, length{"w", len(w), nw}); err != nil {
		return rep, err
	}
	if ny == 0 {
		return rep, fmt.Errorf("hypergrad: check of a problem without unknowns")
	}
	for what, x := range map[string][]float64{"y": y, "w": w} {
		for i, v := range x {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return rep, fmt.Errorf("hypergrad: check at %s[%d] = %v", what, i, v)
			}
		}
	}
	c := newProblemChecker(ctx, p, y, w, opt.withDefaults())
	rep.Findings = hvptest.Run(c.trials(), c.opt.Skip)
	if err := ctx.Err(); err != nil {
		return rep, err
	}
	rep.Suspects = suspects(rep.Findings)
	if len(rep.Suspects) > 0 {
		return rep, fmt.Errorf("hypergrad: the check of the problem fails: %s", strings.Join(rep.Suspects, "; "))
	}
	return rep, nil
}

// suspects concludes from the violations which pieces are wrong. A piece that
// agrees with two others is right: if the residual is the gradient of the energy,
// a Hessian product that is not its derivative is wrong, and so on.
func suspects(findings []hvptest.Finding) (pieces []string) {
	verdict := map[hvptest.Property]hvptest.Verdict{}
	for _, f := range findings {
		verdict[f.Property] = f.Verdict
	}
	bad := func(p hvptest.Property) bool { return verdict[p] == hvptest.Violated }
	good := func(p hvptest.Property) bool { return verdict[p] == hvptest.Holds }
	found := func(format string, args ...any) { pieces = append(pieces, fmt.Sprintf(format, args...)) }

	mixed := bad(MixedProduct) && bad(MixedTranspose)
	blameResidual := false
	switch {
	case bad(GradientOfEnergy) && bad(HessianProduct):
		blameResidual = true
		found("Residual (∂E/∂y): neither the gradient of the energy nor what the Hessian product is the derivative of")
	case bad(GradientOfEnergy):
		found("Energy or Residual: they do not belong together, though the Hessian product is the derivative of the residual")
	case bad(HessianProduct) && mixed && !good(GradientOfEnergy):
		blameResidual = true
		found("Residual (G): neither the product with ∂G/∂y nor that with ∂G/∂w is its derivative; or both products are wrong")
	case bad(HessianProduct):
		found("Linearize().Y.Apply: the product with ∂G/∂y is not the derivative of the residual")
	}
	switch {
	case blameResidual:
	case mixed:
		found("Linearize().W: the product with ∂G/∂w and its transpose are not the derivative of the residual")
	case bad(MixedProduct):
		found("Linearize().W.Apply: the product with ∂G/∂w is not the derivative of the residual, its transpose is")
	case bad(MixedTranspose):
		found("Linearize().W.ApplyTrans: the transposed mixed product, which every hypergradient uses, is wrong")
	case bad(MixedAdjoint):
		found("Linearize().W: Apply and ApplyTrans are not transposes of each other")
	}
	if bad(HessianSymmetric) {
		found("Linearize().Y: not symmetric, which the Hessian of an energy is")
	}
	if bad(LossInY) {
		found("Loss: dy is not ∂ℓ/∂y")
	}
	if bad(LossInW) {
		found("Loss: dw is not ∂ℓ/∂w")
	}
	if bad(Fresh) {
		found("Linearize: something of an earlier point is used again (stale cache)")
	}
	for _, f := range findings {
		switch f.Property {
		case Values, InputKept, Overwrites, AnyWorkers, Concurrent, OperatorY, OperatorW:
			if f.Verdict == hvptest.Violated && !(f.Property == OperatorY && bad(HessianSymmetric)) {
				found("%s: %s", f.Property, f.Detail)
			}
		}
	}
	return pieces
}
