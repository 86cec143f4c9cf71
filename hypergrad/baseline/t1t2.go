package baseline

import (
	"context"
	"fmt"

	"github.com/hgsolve/hgsolve/hypergrad"
)

// T1T2 puts a multiple of the identity in the place of the inverse,
//
//	dL/dw ≈ ∂ℓ/∂w − c·(∂G/∂w)ᵀ·b,   b = ∂ℓ/∂y
//
// after Luketina, Berglund, Greff & Raiko, Scalable gradient-based tuning of continuous
// regularization hyperparameters, ICML 2016, arXiv 1511.06727, who take it after each
// step of training. It is [OneStep] with a step that nobody has chosen: no product with
// ∂G/∂y, and no idea of its scale. The best c is that of CG with one step.
type T1T2 struct {
	// Scale is c; zero means 1.
	Scale float64

	work workspace
}

// String implements [Estimator].
func (e *T1T2) String() string { return "t1-t2" }

// Gradient implements [Estimator].
func (e *T1T2) Gradient(ctx context.Context, p hypergrad.Problem, y, w, dst []float64) (rep Report, err error) {
	s, err := open(ctx, e, p, y, w, dst, &rep, &e.work)
	if err != nil {
		return rep, err
	}
	defer func() { err = s.close(err) }()
	if !finite(e.Scale) {
		return rep, fmt.Errorf("setting Scale = %v is not finite", e.Scale)
	}
	b := s.vectors(1)[0]
	at, err := s.at(y, b)
	if err != nil {
		return rep, err
	}
	c := e.Scale
	if c == 0 {
		c = 1
	}
	return rep, at.subtractMixed(c, b)
}
