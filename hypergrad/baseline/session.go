package baseline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// workspace is the memory of an estimator, kept between calls.
type workspace struct {
	vectors []float64 // of length n_y
	params  []float64 // of length n_w
}

// session is one estimate in the making: what all estimators have in common.
type session struct {
	ctx       context.Context
	team      parallel.Team
	name      string
	p         hypergrad.Problem // counted
	counts    *counter
	ny, nw    int
	y, w, dst []float64
	rep       *Report
	begin     time.Time
	work      *workspace
}

// open checks the lengths and begins to count.
func open(ctx context.Context, e Estimator, p hypergrad.Problem, y, w, dst []float64, rep *Report, work *workspace) (*session, error) {
	ny, nw := p.Dims()
	for _, v := range []struct {
		name      string
		got, want int
	}{{"y", len(y), ny}, {"w", len(w), nw}, {"dst", len(dst), nw}} {
		if v.got != v.want {
			return nil, fmt.Errorf("baseline: %v: len(%s) = %d, want %d", e, v.name, v.got, v.want)
		}
	}
	s := &session{ctx: ctx, team: parallel.FromContext(ctx), name: e.String(), ny: ny, nw: nw, y: y, w: w, dst: dst, rep: rep, begin: time.Now(), work: work}
	s.p, s.counts = counting(p)
	work.params = parallel.Grow(work.params, nw)
	return s, nil
}

// close completes the report and the error of an estimate.
func (s *session) close(err error) error {
	s.counts.report(s.rep)
	s.rep.Bytes = 8 * int64(s.ny) * int64(s.rep.Vectors)
	s.rep.Elapsed = time.Since(s.begin)
	s.rep.GradNorm = parallel.Norm(s.team, s.dst)
	if err == nil {
		err = s.ctx.Err()
	}
	if err == nil && !finite(s.rep.GradNorm) {
		err = &DivergedError{"the estimates of dL/dw", math.Inf(1), s.rep.InnerSteps}
	}
	if err != nil {
		return fmt.Errorf("baseline: %s: %w", s.name, err)
	}
	return nil
}

// vectors returns k vectors of length n_y.
func (s *session) vectors(k int) [][]float64 {
	s.work.vectors = parallel.Grow(s.work.vectors, k*s.ny)
	s.holds(k)
	v := make([][]float64, k)
	for i := range v {
		v[i] = s.work.vectors[i*s.ny : (i+1)*s.ny : (i+1)*s.ny]
	}
	return v
}

// holds notes that so many vectors are held.
func (s *session) holds(k int) { s.rep.Vectors = max(s.rep.Vectors, k) }

// at evaluates the loss at y, ∂ℓ/∂w into dst and ∂ℓ/∂y into b, and linearises.
func (s *session) at(y, b []float64) (*point, error) {
	if err := s.loss(y, b); err != nil {
		return nil, err
	}
	return s.linearize(y)
}

// loss sets b = ∂ℓ/∂y and dst = ∂ℓ/∂w at y.
func (s *session) loss(y, b []float64) (err error) {
	if s.rep.Loss, err = s.p.Loss(s.ctx, b, s.dst, y, s.w); err != nil {
		return fmt.Errorf("loss: %w", err)
	}
	if !finite(s.rep.Loss) || !finite(parallel.Norm(s.team, b)) {
		return errors.New("the loss or ∂ℓ/∂y is or holds NaN or Inf")
	}
	return nil
}

// point is the problem, linearised.
type point struct {
	*session
	a      hvp.Operator // ∂G/∂y
	transY hvp.Transposer
	mixedT hvp.Transposer
}

func (s *session) linearize(y []float64) (*point, error) {
	lin, err := s.p.Linearize(s.ctx, y, s.w)
	if err != nil {
		return nil, fmt.Errorf("linearisation: %w", err)
	}
	p := &point{session: s, a: lin.Y}
	var ok bool
	if p.transY, ok = hvp.Trans(lin.Y); !ok {
		return nil, errors.New("∂G/∂y has no transpose product")
	}
	if p.mixedT, ok = hvp.Trans(lin.W); !ok {
		return nil, errors.New("∂G/∂w has no transpose product")
	}
	return p, nil
}

// apply sets dst = (∂G/∂y)ᵀ·x.
func (p *point) apply(dst, x []float64) error {
	if err := p.transY.ApplyTrans(p.ctx, dst, x); err != nil {
		return fmt.Errorf("product with ∂G/∂y: %w", err)
	}
	return nil
}

// subtractMixed sets dst ← dst − c·(∂G/∂w)ᵀ·q.
func (p *point) subtractMixed(c float64, q []float64) error {
	if err := p.mixedT.ApplyTrans(p.ctx, p.work.params, q); err != nil {
		return fmt.Errorf("mixed product: %w", err)
	}
	parallel.Axpy(p.team, p.dst, -c, p.work.params)
	return nil
}

// positive refuses a budget that is none.
func positive(what string, k int) error {
	if k < 1 {
		return fmt.Errorf("setting %s = %d, want at least 1", what, k)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
