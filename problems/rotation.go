package problems

import (
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// rotation is A = Q·diag(d)·Qᵀ with Q = H·B: H = I − 2vvᵀ, ‖v‖ = 1, and B the
// Hadamard transform of each hadamard unknowns in a row; fewer at the end are
// left alone.
type rotation struct {
	d, v  []float64
	tasks sync.Pool // *rotationTask

	// For products with panels.
	single rotationPanel[float32]
	double rotationPanel[float64]
}

// hadamard is the length of a transform. It divides the block size.
const hadamard = 16

// transform replaces u by its Hadamard transform, which is its own inverse.
func transform(u *[hadamard]float64) {
	for h := 1; h < hadamard; h *= 2 {
		for i := 0; i < hadamard; i += 2 * h {
			for j := i; j < i+h; j++ {
				a, b := u[j&15], u[(j+h)&15]
				u[j&15], u[(j+h)&15] = a+b, a-b
			}
		}
	}
	for i := range u {
		u[i] *= 0.25 // 1/√16
	}
}

// A stage is one sweep over the vectors.
type stage int

const (
	project stage = iota // vᵀx
	scale                // dst = B·D·B·(x − 2s·v) and vᵀdst
	unscale              // dst = B·D⁻¹·B·(x − 2s·v) and vᵀdst
	weigh                // ‖D^½·B·(x − 2s·v)‖²
	reflect              // dst −= 2s·v
)

// rotationTask is a stage as a parallel.Task.
type rotationTask struct {
	r      *rotation
	stage  stage
	dst, x []float64
	s      float64
	part   []float64
}

// Chunk implements parallel.Task.
func (t *rotationTask) Chunk(c int) {
	lo, hi := parallel.Block(c, len(t.r.d))
	v := t.r.v[lo:hi]
	switch t.stage {
	case project:
		t.part[c] = kernel.Dot(v, t.x[lo:hi])
	case reflect:
		kernel.Axpy(t.dst[lo:hi], -2*t.s, v)
	case weigh:
		t.part[c] = t.middle(nil, t.x[lo:hi], v, t.r.d[lo:hi])
	default:
		t.middle(t.dst[lo:hi], t.x[lo:hi], v, t.r.d[lo:hi])
		t.part[c] = kernel.Dot(v, t.dst[lo:hi])
	}
}

// middle is the stages scale, unscale and weigh on part of the vectors; the last
// returns its sum.
func (t *rotationTask) middle(dst, x, v, d []float64) (sum float64) {
	s := 2 * t.s
	for len(x) >= hadamard {
		var u [hadamard]float64
		xs, vs, ds := (*[hadamard]float64)(x), (*[hadamard]float64)(v), (*[hadamard]float64)(d)
		for i := range u {
			u[i] = xs[i] - s*vs[i]
		}
		transform(&u)
		switch t.stage {
		case weigh:
			for i := range u {
				sum += ds[i] * u[i] * u[i]
			}
		case unscale:
			for i := range u {
				u[i] /= ds[i]
			}
		default:
			for i := range u {
				u[i] *= ds[i]
			}
		}
		if t.stage != weigh {
			transform(&u)
			copy(dst, u[:])
			dst = dst[hadamard:]
		}
		x, v, d = x[hadamard:], v[hadamard:], d[hadamard:]
	}
	for i := range x {
		switch e := x[i] - s*v[i]; t.stage {
		case weigh:
			sum += d[i] * e * e
		case unscale:
			dst[i] = e / d[i]
		default:
			dst[i] = e * d[i]
		}
	}
	return sum
}

// task returns a task from the pool.
func (r *rotation) task(dst, x []float64) *rotationTask {
	t, _ := r.tasks.Get().(*rotationTask)
	if t == nil {
		t = &rotationTask{r: r}
	}
	t.dst, t.x, t.s = dst, x, 0
	t.part = parallel.Grow(t.part, parallel.Blocks(len(r.d)))
	return t
}

// run does one stage and returns the sum of its partial sums, if it has any.
func (t *rotationTask) run(team parallel.Team, s stage) float64 {
	t.stage = s
	team.Run(len(t.part), t)
	if s == reflect {
		return 0
	}
	return parallel.Combine(t.part)
}

// end puts the task back.
func (r *rotation) end(t *rotationTask) {
	t.dst, t.x = nil, nil
	r.tasks.Put(t)
}

// apply sets dst = A·x or, with inverse, A⁻¹·x.
func (r *rotation) apply(team parallel.Team, dst, x []float64, inverse bool) {
	t := r.task(dst, x)
	t.s = t.run(team, project)
	if inverse {
		t.s = t.run(team, unscale)
	} else {
		t.s = t.run(team, scale)
	}
	t.run(team, reflect)
	r.end(t)
}

// form returns xᵀA·x as ‖D^½·Qᵀx‖².
func (r *rotation) form(team parallel.Team, x []float64) float64 {
	t := r.task(nil, x)
	t.s = t.run(team, project)
	sum := t.run(team, weigh)
	r.end(t)
	return sum
}

// diag sets dst to the diagonal of A: with M = B·D·B,
//
//	A_ii = M_ii − 4·v_i·(M·v)_i + 4·(vᵀM·v)·v_i²
//
// where M_ii is the mean of the d of its transform.
func (r *rotation) diag(dst []float64) {
	t := r.task(dst, r.v)
	vmv := t.run(0, scale) // dst = M·v
	r.end(t)
	n := len(r.d)
	parallel.For(0, n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			m := r.d[i]
			if begin := i - i%hadamard; begin+hadamard <= n {
				m = 0
				for _, d := range r.d[begin : begin+hadamard] {
					m += d / hadamard
				}
			}
			dst[i] = m - 4*r.v[i]*(dst[i]-vmv*r.v[i])
		}
	})
}
