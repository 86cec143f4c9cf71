package problems

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/formats"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// PageRank is the stationary distribution of a surfer on a directed graph who follows
// one of the links of a page with probability α, w = (α), and else, or where a page
// has none, goes anywhere (Page, Brin, Motwani & Winograd, Stanford InfoLab 1999-66;
// Langville & Meyer, Internet Math. 1, 2004, doi:10.1080/15427951.2004.10129091):
//
//	y = Φ(y, α) = α·S·y + (1−α)/n·1,   S = M + 1/n·1dᵀ,   ℓ = cᵀy
//
// M_ji = 1/(links of i) if i links to j, and d_i = 1 for a page without links. It is
// a fixed point with contraction factor α in ‖·‖₁, without an energy:
//
//	∂G/∂y = I − α·S   (nonsymmetric),   ∂G/∂α = −(S·y − 1/n·1)
//
// # Reference
//
// dy/dα = (I − α·S)⁻¹(S·y − 1/n·1), by the series Σ (αS)ᵏ, whose rest after k terms
// is at most αᵏ/(1−α) of the first term in ‖·‖₁.
//
// [hypergrad.Anderson] and [hypergrad.Newton] find y. It implements
// [hypergrad.Problem].
type PageRank struct {
	m        *hvp.CSR
	dangling []int
	c        []float64
}

// NewPageRank returns the problem for the graph with links[i, j] ≠ 0 where page i
// links to page j, and the weights c of the loss, which it keeps. The values of links
// do not matter, zeros are no links.
func NewPageRank(links *hvp.CSR, c []float64) (*PageRank, error) {
	if links == nil {
		return nil, errors.New("problems: PageRank without links")
	}
	n, cols := links.Dims()
	if n != cols || n == 0 {
		return nil, fmt.Errorf("problems: PageRank of a %d×%d matrix", n, cols)
	}
	if len(c) != n {
		return nil, fmt.Errorf("problems: PageRank of %d pages with %d weights", n, len(c))
	}
	rowPtr, col, val := links.RawCSR()
	p := &PageRank{c: c}
	var from, to []int32
	var weight []float64
	for i := range n {
		count := 0
		for k := rowPtr[i]; k < rowPtr[i+1]; k++ {
			if val[k] != 0 {
				count++
				from, to = append(from, int32(i)), append(to, col[k])
			}
		}
		if count == 0 {
			p.dangling = append(p.dangling, i)
		}
		for range count {
			weight = append(weight, 1/float64(count))
		}
	}
	var err error
	p.m, err = hvp.NewCSRFromTriplets(n, n, to, from, weight)
	return p, err
}

// ReadEdges reads a directed graph: one link per line, two page numbers from 0 with
// space between, lines with # are comments. The number of pages is one more than the
// largest number, or pages if that is larger. Links that occur twice count once.
func ReadEdges(path string, pages int) (*hvp.CSR, error) {
	f, err := formats.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var i, j []int32
	n, line := pages, 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line++
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		words := strings.Fields(text)
		var end [2]int
		for k := range end {
			if len(words) != 2 {
				return nil, fmt.Errorf("%s:%d: %d words, want 2 page numbers", path, line, len(words))
			}
			if end[k], err = strconv.Atoi(words[k]); err != nil || end[k] < 0 || end[k] >= math.MaxInt32 {
				return nil, fmt.Errorf("%s:%d: %q is no page number", path, line, words[k])
			}
			n = max(n, end[k]+1)
		}
		i, j = append(i, int32(end[0])), append(j, int32(end[1]))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", path, line+1, err)
	}
	if n == 0 {
		return nil, fmt.Errorf("%s: no links", path)
	}
	ones := make([]float64, len(i))
	for k := range ones {
		ones[k] = 1
	}
	// Triplets at one place are added up; any value but zero is a link.
	return hvp.NewCSRFromTriplets(n, n, i, j, ones)
}

// Dims implements [hypergrad.Equation].
func (p *PageRank) Dims() (ny, nw int) { return len(p.c), 1 }

// spread sets dst = S·x.
func (p *PageRank) spread(ctx context.Context, dst, x []float64) error {
	if err := p.m.Apply(ctx, dst, x); err != nil {
		return err
	}
	lost := 0.0
	for _, i := range p.dangling {
		lost += x[i]
	}
	lost /= float64(len(dst))
	parallel.For(parallel.FromContext(ctx), len(dst), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dst[i] += lost
		}
	})
	return nil
}

// gather sets dst = Sᵀ·x.
func (p *PageRank) gather(ctx context.Context, dst, x []float64) error {
	if err := p.m.ApplyTrans(ctx, dst, x); err != nil {
		return err
	}
	mean := parallel.Sum(parallel.FromContext(ctx), len(x), func(lo, hi int) float64 {
		s := 0.0
		for _, v := range x[lo:hi] {
			s += v
		}
		return s
	}) / float64(len(x))
	for _, i := range p.dangling {
		dst[i] += mean
	}
	return nil
}

// alpha returns the parameter.
func (p *PageRank) alpha(w []float64) (float64, error) {
	if !(w[0] >= 0 && w[0] < 1) {
		return 0, fmt.Errorf("problems: PageRank: α = %v is not in [0, 1)", w[0])
	}
	return w[0], nil
}

// Residual implements [hypergrad.Equation]: y − Φ(y, α).
func (p *PageRank) Residual(ctx context.Context, dst, y, w []float64) error {
	alpha, err := p.alpha(w)
	if err != nil {
		return err
	}
	if err := p.spread(ctx, dst, y); err != nil {
		return err
	}
	jump := (1 - alpha) / float64(len(y))
	parallel.For(parallel.FromContext(ctx), len(y), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dst[i] = y[i] - alpha*dst[i] - jump
		}
	})
	return nil
}

// Loss implements [hypergrad.Problem].
func (p *PageRank) Loss(ctx context.Context, dy, dw, y, _ []float64) (float64, error) {
	if dy != nil {
		copy(dy, p.c)
	}
	if dw != nil {
		dw[0] = 0
	}
	return parallel.Dot(parallel.FromContext(ctx), p.c, y), nil
}

// Linearize implements [hypergrad.Equation].
func (p *PageRank) Linearize(ctx context.Context, y, w []float64) (lin hypergrad.Linearization, err error) {
	alpha, err := p.alpha(w)
	if err != nil {
		return lin, err
	}
	n := len(y)
	minus := func(f func(ctx context.Context, dst, x []float64) error) func(ctx context.Context, dst, x []float64) error {
		return func(ctx context.Context, dst, x []float64) error {
			if err := f(ctx, dst, x); err != nil {
				return err
			}
			parallel.Axpby(parallel.FromContext(ctx), dst, 1, x, -alpha)
			return nil
		}
	}
	lin.Y = &hvp.Func{Rows: n, Mul: minus(p.spread), MulTrans: minus(p.gather), Diagonal: func(dst []float64) error {
		if err := p.m.Diag(dst); err != nil {
			return err
		}
		for _, i := range p.dangling {
			dst[i] += 1 / float64(n)
		}
		for i, v := range dst {
			dst[i] = 1 - alpha*v
		}
		return nil
	}}
	slope := make([]float64, n)
	if err := p.drift(ctx, slope, y); err != nil {
		return lin, err
	}
	lin.W = &hvp.Func{Rows: n, Cols: 1,
		Mul: func(ctx context.Context, dst, u []float64) error {
			parallel.ScaleTo(parallel.FromContext(ctx), dst, -u[0], slope)
			return nil
		},
		MulTrans: func(ctx context.Context, dst, q []float64) error {
			dst[0] = -parallel.Dot(parallel.FromContext(ctx), slope, q)
			return nil
		},
	}
	return lin, nil
}

// drift sets dst = S·y − 1/n·1.
func (p *PageRank) drift(ctx context.Context, dst, y []float64) error {
	if err := p.spread(ctx, dst, y); err != nil {
		return err
	}
	for i := range dst {
		dst[i] -= 1 / float64(len(dst))
	}
	return nil
}

// Exact returns ℓ and sets y, unless it is nil, and grad = dL/dα by the series of
// [PageRank], to rounding errors.
func (p *PageRank) Exact(ctx context.Context, y, grad, w []float64) (float64, error) {
	alpha, err := p.alpha(w)
	if err != nil {
		return 0, err
	}
	n := len(p.c)
	// sum = Σ (αS)ᵏ·term
	series := func(sum, term []float64) error {
		next := make([]float64, n)
		clear(sum)
		for rest := 1 / (1 - alpha); rest > 1e-17; rest *= alpha {
			for i, v := range term {
				sum[i] += v
			}
			if err := p.spread(ctx, next, term); err != nil {
				return err
			}
			for i, v := range next {
				term[i] = alpha * v
			}
		}
		return nil
	}
	state, slope, term := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range term {
		term[i] = (1 - alpha) / float64(n)
	}
	if err := series(state, term); err != nil {
		return 0, err
	}
	if err := p.drift(ctx, term, state); err != nil {
		return 0, err
	}
	if err := series(slope, term); err != nil {
		return 0, err
	}
	if y != nil {
		copy(y, state)
	}
	grad[0] = parallel.Dot(parallel.FromContext(ctx), p.c, slope)
	return parallel.Dot(parallel.FromContext(ctx), p.c, state), nil
}

var _ hypergrad.Problem = (*PageRank)(nil)
