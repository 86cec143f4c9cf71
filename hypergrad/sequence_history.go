package hypergrad

import (
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// history is the last solutions q with the parameters w they belong to, from which the
// next solution is predicted without a product,
//
//	q_{t+1} ≈ ∇⁰q + Σ c_j·∇^j q
//
// in backward differences (see signal). Two families of coefficients compete, and how
// each would have done so far says which one predicts:
//
//   - secant: the c with Σ c_j·∇^j w ≈ w_{t+1} − w_t, by least squares. To first
//     order in the change of w it is right whatever the steps are.
//   - trend: the coefficients that would have predicted q_t best from what came
//     before, by least squares (linear prediction). Exact for sums of exponentials,
//     such as a gradient descent near its end, and for polynomials in t.
//
// A third one, the coefficients that represent y_{t+1} by the y before it, was no
// better than these on denoising and logistic regression.
type history struct {
	len, size int // solutions kept, and most of them
	q, w      signal
	n, nw     int

	// candidates of the solve under way, and how well each family and order has
	// predicted.
	candidates []prediction
	best       prediction
	scores     [projected][maxHistory]score
	small      []float64
}

// maxHistory bounds the number of solutions kept.
const maxHistory = 16

// prediction is ∇⁰·c₀ + Σ c_j·∇^j.
type prediction struct {
	family family
	order  int
	c      [maxHistory]float64
}

// family is a way to predict.
type family int

const (
	last family = iota
	secant
	trend
	projected
)

// String names the prediction.
func (p *prediction) String() string {
	switch p.family {
	case secant:
		return fmt.Sprintf("secant %d", p.order)
	case trend:
		return fmt.Sprintf("trend %d", p.order)
	case projected:
		return fmt.Sprintf("projection %d", p.order)
	}
	return "last"
}

// score is the record of a kind of prediction: log₂ of the error relative to ‖q‖,
// an average that forgets.
type score struct {
	Error float64
	Known bool
}

func (h *history) reset() {
	h.len, h.candidates, h.best = 0, h.candidates[:0], prediction{}
	h.scores = [projected][maxHistory]score{}
}

// push adds the solution q at w. It keeps copies.
func (h *history) push(t parallel.Team, keep int, q, w []float64) {
	keep = min(keep, maxHistory)
	norm, size := parallel.Norm(t, q), parallel.MaxAbs(t, w)
	if !(norm > 0) || math.IsInf(norm, 0) || math.IsNaN(size) || math.IsInf(size, 0) {
		h.reset() // q = 0 is known without a solve, and has no direction
		return
	}
	if h.len > 0 && (h.n != len(q) || h.nw != len(w) || h.size != keep || !(math.Abs(math.Log2(norm*h.q.scale)) < 200)) {
		h.reset()
	}
	if h.len == 0 {
		h.n, h.nw, h.size = len(q), len(w), keep
		h.q.begin(t, keep, q)
		h.w.begin(t, keep, w)
	}
	// The same point again: the last solution is replaced by the new one.
	replace := h.len > 0 && h.w.same(w)
	moved := h.len > 0 && !replace
	if !replace {
		h.len = min(h.len+1, keep)
	}
	h.q.push(t, h.len, q, replace)
	h.w.push(t, h.len, w, replace)
	if moved {
		h.judge()
	}
	h.candidates = h.candidates[:0]
}

// g returns ⟨∇^i q, ∇^j q⟩.
func (h *history) g(i, j int) float64 { return h.q.gram[i*h.size+j] }

// judge compares the predictions with the solution that has come. The differences
// that they were made of are those before the last, ∇^j − ∇^{j+1}.
func (h *history) judge() {
	for i := range h.candidates {
		p := &h.candidates[i]
		if p.order+1 >= h.len {
			continue // what it was made of is not there any more
		}
		// q − Σ c_j(∇^j − ∇^{j+1}) = Σ e_j·∇^j
		var e [maxHistory]float64
		e[0] = 1
		for j := range p.order + 1 {
			e[j] -= p.c[j]
			e[j+1] += p.c[j]
		}
		sum := 0.0
		for i := range p.order + 2 {
			for j := range p.order + 2 {
				sum += e[i] * e[j] * h.g(i, j)
			}
		}
		// Rounding errors of the sum count as error.
		err := 0.5 * math.Log2(max(sum/h.g(0, 0), 0x1p-100))
		s := &h.scores[p.family][p.order]
		if s.Known {
			err = (s.Error + 2*err) / 3
		}
		*s = score{err, true}
	}
}

// untried is what a prediction of one order more than one that is known is
// credited with: a bit and a half.
const untried = 1.5

// predict makes the predictions for w and chooses the best; it returns false if there is nothing to make them of.
func (h *history) predict(t parallel.Team, w []float64) bool {
	h.candidates = h.candidates[:0]
	if h.len == 0 {
		return false
	}
	h.best = prediction{family: last}
	h.best.c[0] = 1
	if h.w.same(w) {
		return true
	}
	h.candidates = append(h.candidates, h.best)
	h.secants(t, w)
	h.trends()
	least := math.Inf(1)
	for i := range h.candidates {
		if err, known := h.scored(&h.candidates[i]); known && err < least {
			h.best, least = h.candidates[i], err
		}
	}
	return true
}

// scored returns what is known of the error of p.
func (h *history) scored(p *prediction) (err float64, known bool) {
	s := h.scores[p.family][p.order]
	switch {
	case s.Known:
		return s.Error, true
	case p.order == 0:
		return 0, true
	case p.order == 1:
		s = h.scores[last][0]
	default:
		s = h.scores[p.family][p.order-1]
	}
	return s.Error - untried, s.Known
}

// secants adds the predictions from the change of w.
func (h *history) secants(t parallel.Team, w []float64) {
	m := h.len - 1
	if h.len == h.size {
		m-- // one more could not be judged
	}
	if m < 1 {
		return
	}
	h.small = parallel.Grow(h.small, maxHistory*(maxHistory+1))
	g, rhs := h.small[:m*m], h.small[m*m:m*m+m+1]
	for i := range m {
		copy(g[i*m:(i+1)*m], h.w.gram[(i+1)*h.size+1:])
	}
	h.w.changes(t, rhs, w)
	for order := 1; order <= m; order++ {
		p := prediction{family: secant, order: order}
		p.c[0] = 1
		if normalEquations(p.c[1:order+1], g, rhs[1:], m) {
			h.candidates = append(h.candidates, p)
		}
	}
}

// trends adds the linear predictions: ∇¹ ≈ δ·(∇⁰ − ∇¹) + Σ c_j·(∇^j − ∇^{j+1}),
// c₀ = 1 + δ.
func (h *history) trends() {
	m := h.len - 1 // unknowns δ, c_1 … c_{m-1}
	if m < 2 {
		return
	}
	h.small = parallel.Grow(h.small, maxHistory*(maxHistory+1))
	g, rhs := h.small[:m*m], h.small[m*m:m*m+m]
	for i := range m {
		for j := range m {
			g[i*m+j] = h.g(i, j) - h.g(i, j+1) - h.g(i+1, j) + h.g(i+1, j+1)
		}
		rhs[i] = h.g(1, i) - h.g(1, i+1)
	}
	for order := 1; order < m; order++ {
		p := prediction{family: trend, order: order}
		if normalEquations(p.c[:order+1], g, rhs, m) {
			p.c[0]++
			h.candidates = append(h.candidates, p)
		}
	}
}

// project sets h.best to the combination Σ c_j·∇^j with the least residual, where
// images[j] = A·∇^j, and returns the norms of the residuals of the combination
// that h.best was before (of zero if it was none) and of the new one.
func (h *history) project(t parallel.Team, images [][]float64, b []float64, free bool) (before, least float64, ok bool) {
	m := len(images)
	h.small = parallel.Grow(h.small, maxHistory*(maxHistory+1))
	g, rhs := h.small[:m*m], h.small[m*m:m*m+m]
	for i := range m {
		for j := range i + 1 {
			g[i*m+j] = parallel.Dot(t, images[i], images[j])
			g[j*m+i] = g[i*m+j]
		}
		rhs[i] = parallel.Dot(t, images[i], b)
	}
	p := prediction{family: projected, order: m}
	if !normalEquations(p.c[:m], g, rhs, m) {
		return 0, 0, false
	}
	bb := parallel.Dot(t, b, b)
	residual := func(c []float64) float64 {
		sum := bb
		for i := range m {
			sum -= 2 * c[i] * rhs[i]
			for j := range m {
				sum += c[i] * c[j] * g[i*m+j]
			}
		}
		return math.Sqrt(max(sum, 0x1p-50*bb))
	}
	before = math.Sqrt(bb)
	if free {
		for i := range m {
			h.best.c[i] /= h.q.scale // the images are those of scaled solutions
		}
		before = residual(h.best.c[:m])
	}
	least = residual(p.c[:m])
	for i := range m {
		p.c[i] *= h.q.scale
	}
	h.best = p
	return before, least, true
}

// combine sets x to the prediction.
func (h *history) combine(t parallel.Team, x []float64, p *prediction) {
	clear(x)
	for j := range h.len {
		if p.c[j] != 0 {
			parallel.Axpy(t, x, p.c[j]/h.q.scale, h.q.d[j])
		}
	}
}

// normalEquations solves G·c = rhs with the leading len(c) rows and columns of the
// m×m Gram matrix G, by Cholesky factorisation of the matrix scaled to a unit
// diagonal. It returns false where the vectors are dependent to rounding errors.
func normalEquations(c, g, rhs []float64, m int) bool {
	k := len(c)
	var l [maxHistory][maxHistory]float64
	var scale [maxHistory]float64
	for i := range k {
		if !(g[i*m+i] > 0) {
			return false
		}
		scale[i] = 1 / math.Sqrt(g[i*m+i])
		if math.IsInf(scale[i], 0) {
			return false
		}
	}
	for i := range k {
		for j := range i + 1 {
			s := g[i*m+j] * scale[i] * scale[j]
			for p := range j {
				s -= l[i][p] * l[j][p]
			}
			switch {
			case i != j:
				l[i][j] = s / l[j][j]
			case s > 1e-12:
				l[i][i] = math.Sqrt(s)
			default:
				return false
			}
		}
	}
	for i := range k {
		s := rhs[i] * scale[i]
		for p := range i {
			s -= l[i][p] * c[p]
		}
		c[i] = s / l[i][i]
	}
	for i := k - 1; i >= 0; i-- {
		s := c[i]
		for p := i + 1; p < k; p++ {
			s -= l[p][i] * c[p]
		}
		c[i] = s / l[i][i]
	}
	for i := range k {
		c[i] *= scale[i]
		if math.IsNaN(c[i]) || math.IsInf(c[i], 0) {
			return false
		}
	}
	return true
}
