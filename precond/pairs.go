package precond

import (
	"fmt"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// curvatureFloor is the least cosine of s and y of a pair that is kept. A
// definite operator of condition κ has cosines above 2/√κ (Kantorovich), so that
// this drops what is noise up to κ = 10¹².
const curvatureFloor = 1e-6

// Pairs collects pairs (s, y = A·s), such as steps and differences of gradients or
// of residuals, for [NewLBFGS]. It is not for concurrent use.
type Pairs struct {
	n, limit int
	uniform  bool
	s, y     [][]float64 // oldest first
	// Of a uniform collection: every stride-th pair is kept, seen counts all.
	stride, seen int
	dropped      int
}

// NewPairs returns an empty collection of at most limit ≥ 1 pairs of vectors of
// length n. A full one forgets its oldest pair; if uniform, it keeps pairs evenly
// spread over all that came, at least half of limit once it has been full (Morales
// & Nocedal, SIAM J. Optim. 10, 2000, doi:10.1137/S1052623497327854, who show that
// this is better for the pairs of a CG run).
func NewPairs(n, limit int, uniform bool) (*Pairs, error) {
	if n < 0 || limit < 1 {
		return nil, fmt.Errorf("precond: %d pairs of vectors of length %d", limit, n)
	}
	return &Pairs{n: n, limit: limit, uniform: uniform, stride: 1}, nil
}

// Add copies the pair s, y and reports whether it has the curvature that is
// needed,
//
//	sᵀy > 10⁻⁶·‖s‖·‖y‖
//
// If not, and that includes NaN and Inf, it is dropped and counted. The error is
// for wrong lengths.
func (p *Pairs) Add(s, y []float64) (ok bool, err error) {
	if len(s) != p.n || len(y) != p.n {
		return false, fmt.Errorf("precond: pair of lengths %d and %d, want %d", len(s), len(y), p.n)
	}
	if !goodCurvature(s, y) {
		p.dropped++
		return false, nil
	}
	p.seen++
	if p.uniform && (p.seen-1)%p.stride != 0 {
		return true, nil
	}
	if len(p.s) == p.limit && p.uniform && p.limit > 1 {
		kept := 0 // the ones that a doubled stride keeps
		for j := 0; j < p.limit; j += 2 {
			p.s[kept], p.s[j] = p.s[j], p.s[kept]
			p.y[kept], p.y[j] = p.y[j], p.y[kept]
			kept++
		}
		p.s, p.y = p.s[:kept], p.y[:kept]
		p.stride *= 2
		if (p.seen-1)%p.stride != 0 {
			return true, nil
		}
	}
	var so, yo []float64 // memory to use again
	switch k := len(p.s); {
	case k == p.limit:
		so, yo = p.s[0], p.y[0]
		copy(p.s, p.s[1:])
		copy(p.y, p.y[1:])
		p.s, p.y = p.s[:k-1], p.y[:k-1]
	case cap(p.s) > k && cap(p.y) > k:
		so, yo = p.s[:k+1][k], p.y[:k+1][k]
	}
	so, yo = parallel.Grow(so, p.n), parallel.Grow(yo, p.n)
	copy(so, s)
	copy(yo, y)
	p.s, p.y = append(p.s, so), append(p.y, yo)
	return true, nil
}

// goodCurvature reports whether sᵀy > curvatureFloor·‖s‖·‖y‖.
func goodCurvature(s, y []float64) bool {
	norms := parallel.Norm(0, s) * parallel.Norm(0, y)
	sy := parallel.Dot(0, s, y)
	return sy > curvatureFloor*norms && sy-sy == 0
}

// Len returns how many pairs there are.
func (p *Pairs) Len() int { return len(p.s) }

// Dropped returns how many pairs lacked the curvature.
func (p *Pairs) Dropped() int { return p.dropped }
