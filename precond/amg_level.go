package precond

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// amgLevel is one level of the hierarchy: its matrix, its smoother, and the way to
// the next level.
type amgLevel struct {
	n, nnz int
	double bool // P, and the matrix, in float64
	ptr    []int
	col    []int32
	val    []float32 // level 1 on
	finest *hvp.CSR  // the caller's matrix, on the finest level: it knows its patterns
	val64  []float64 // instead of val: the caller's, on the finest level, and with AMGSettings.Double
	// lost is what rounding to float32 took from the sum of each row, nil if nothing.
	// Added to the diagonal it makes the energy of what is constant where connections
	// are strong as small as it was: the coarsest matrix, made of unrounded ones, is
	// consistent with this one, without which a W-cycle is not definite.
	lost  []float64
	parts []int

	weight []float64 // of the smoother
	lambda float64   // bound of the spectrum of diag(weight)·A, for Chebyshev

	weak       []bool  // entries that are weak connections; nil if none is
	agg        []int32 // aggregate of each node, −1 if none
	aggregates int
	p, rt      transfer
	isolated   int // nodes without aggregate
	zeroRows   int
}

// transfer is a prolongation, or its transpose, by rows.
type transfer struct {
	rows, cols int
	ptr        []int
	col        []int32
	val        []float32
	wide       []float64 // instead of val, with AMGSettings.Double
	parts      []int
}

// amgMatrix is the matrix of one level during set-up, in float64.
type amgMatrix struct {
	n    int
	ptr  []int
	col  []int32
	val  []float64
	diag []float64
	// ref[i] is the size of the terms that a_ii was summed from, a_ii itself
	// on the finest level.
	ref []float64
	// What one look at all rows gives.
	lower float64 // min a_ij²/a_ii over all entries beside the diagonal
	upper float64 // max a_ii
	rho   float64 // max Σ_j |a_ij|/a_ii, a bound of ρ(D⁻¹A)
	zeros int
}

// partEntries is how many entries a chunk of a loop over a matrix has.
const partEntries = 16384

// balance cuts rows into chunks of about equal numbers of entries and rows.
func balance(ptr []int, entries int) []int {
	rows := len(ptr) - 1
	parts := []int{0}
	begin := 0
	for i := 1; i <= rows; i++ {
		if ptr[i]-ptr[begin]+2*(i-begin) >= entries || i == rows {
			parts = append(parts, i)
			begin = i
		}
	}
	return parts
}

// setupParts returns the number of contiguous parts in which the n rows of a
// matrix are aggregated and transposed: it depends on n only.
func setupParts(n int) int { return min(max(n/8192, 1), 16) }

func setupPart(c, parts, n int) (lo, hi int) { return c * n / parts, (c + 1) * n / parts }

// build makes the hierarchy of a, reusing what it can of the present one.
func (m *AMG) build(ctx context.Context, csr *hvp.CSR) error {
	team := parallel.FromContext(ctx)
	ptr, col, val := csr.RawCSR()
	a := &amgMatrix{n: m.n, ptr: ptr, col: col, val: val}
	old := m.levels
	if len(old) > 0 && !(slices.Equal(old[0].ptr, ptr) && slices.Equal(old[0].col, col)) {
		old = nil
	}
	m.levels, m.scale = nil, 1
	coarseSize, maxLevels := m.set.CoarseSize, m.set.MaxLevels
	if coarseSize == 0 {
		coarseSize = 500
	}
	if maxLevels == 0 {
		maxLevels = 30
	}
	near := newNearNull(&m.set, m.n)
	strength := m.set.Strength
	if strength == 0 {
		strength = 0.08
	}
	m.pool.kept.Store(nil)
	m.pool.others = sync.Pool{}
	factor := m.coarse
	m.coarse = nil
	for i := 0; m.n > 0; i++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("precond: amg: %w", err)
		}
		l := &amgLevel{double: m.set.Double}
		if len(old) > 0 {
			l, old = old[0], old[1:]
		} else {
			old = nil
		}
		if i == 0 {
			l.finest = csr
		}
		if err := l.look(team, a, i, m); err != nil {
			return err
		}
		m.levels = append(m.levels, l)
		if a.n <= coarseSize {
			if factor == nil {
				factor = &denseFactor{}
			}
			if err := factor.factorise(a.ptr, a.col, a.val, a.ref, pivotTolerance(m.n, i, m.set.Double)); err != nil {
				return err
			}
			m.coarse = factor
			l.weight, l.p, l.rt = nil, transfer{}, transfer{}
			break
		}
		if i+1 >= maxLevels {
			l.p, l.rt = transfer{}, transfer{}
			break
		}
		same, err := l.coarsen(ctx, a, near, strength)
		if err != nil {
			return err
		}
		if l.p.cols == 0 || l.p.cols > a.n-a.n/20 {
			l.p, l.rt = transfer{}, transfer{}
			break // nothing left to coarsen, or it does not get smaller
		}
		if !same {
			old = nil
		}
		scale := 1.0
		if i == 0 {
			_, e := math.Frexp(a.upper)
			scale = math.Ldexp(1, -e)
			m.scale = scale
		}
		var next *amgLevel
		if len(old) > 0 {
			next = old[0]
		}
		a = l.galerkin(team, a, scale, next)
		if strength > 0 {
			strength /= 2
		}
	}
	if m.set.ChebyshevDegree > 0 {
		for _, l := range m.levels {
			if l.weight != nil {
				l.bound(team)
			}
		}
	}
	m.describe()
	m.putWork(m.newWork())
	return nil
}

// coarseNoise is the relative size of what rounding P to float32 makes of an entry of
// a coarse matrix that should be zero, such as the energy of a constant: the
// square of 2⁻²⁴, with a margin.
const coarseNoise = 0x1p-44

// coarseNoiseDouble is the same for P in float64: what the sums of the triple product
// leave, with a margin.
const coarseNoiseDouble = 0x1p-49

// pivotTolerance returns how large, relative to the diagonal, a pivot of the coarsest
// matrix may be that should be zero. Noise adds up over all rows of the finest.
func pivotTolerance(n, level int, double bool) float64 {
	if level == 0 || double {
		return 0x1p-52 * float64(n+100)
	}
	return min(0x1p-10, 0x1p-47*float64(n+100))
}

// look takes over the matrix of the level, sets the weights of the smoother and
// what else one pass over the rows gives.
func (l *amgLevel) look(team parallel.Team, a *amgMatrix, level int, m *AMG) error {
	n := a.n
	reuse := l.parts != nil
	l.n, l.nnz, l.ptr, l.col = n, a.ptr[n], a.ptr, a.col
	if !reuse {
		l.parts = balance(a.ptr, partEntries)
	}
	narrow := level > 0 && !m.set.Double
	if narrow {
		l.val = parallel.Grow(l.val, len(a.val))
		if m.set.NearNull == nil && m.set.BlockSize <= 1 {
			l.lost = parallel.Grow(l.lost, n)
		}
	} else {
		l.val64 = a.val
	}
	l.weight = parallel.Grow(l.weight, n)
	a.diag = make([]float64, n)
	chunks := len(l.parts) - 1
	type seen struct {
		lower, upper, least, rho float64
		zeros, bad               int
	}
	part := make([]seen, chunks)
	zero := !m.structure.Has(hvp.Definite) || level > 0
	noise := coarseNoise
	if m.set.Double {
		noise = coarseNoiseDouble
	}
	team.Run(chunks, parallel.TaskFunc(func(c int) {
		s := seen{lower: math.Inf(1), least: math.Inf(1), bad: -1}
		for i := l.parts[c]; i < l.parts[c+1]; i++ {
			p, q := a.ptr[i], a.ptr[i+1]
			cs, vs := a.col[p:q], a.val[p:q]
			if narrow {
				out := l.val[p:q]
				lost := 0.0
				for k, v := range vs {
					r := float32(v)
					out[k] = r
					lost += v - float64(r)
				}
				if l.lost != nil {
					l.lost[i] = lost
				}
			}
			var d, sum, off float64
			least := math.Inf(1)
			for k, j := range cs {
				if v := math.Abs(vs[k]); int(j) == i {
					d = vs[k]
				} else {
					least = min(least, v)
					sum += v
					off = max(off, v)
				}
			}
			size := d
			if level > 0 {
				size = a.ref[i]
			}
			tiny := noise * size
			switch {
			case zero && off <= tiny && math.Abs(d) <= tiny && (level > 0 || d == 0):
				s.zeros++
				continue // d = 0, no weight
			case !(d > 0) || math.IsInf(d, 0) || math.IsInf(1/d, 0):
				if s.bad < 0 {
					s.bad = i
				}
				a.diag[i] = d
				continue
			}
			a.diag[i] = d
			s.upper, s.least = max(s.upper, d), min(s.least, d)
			s.rho = max(s.rho, 1+sum/d)
			if least < math.Inf(1) {
				s.lower = min(s.lower, least*(least/d))
			}
			l.weight[i] = spaiWeight(vs, d, sum)
		}
		part[c] = s
	}))
	a.lower, a.upper, a.rho, a.zeros = math.Inf(1), 0, 0, 0
	smallest := math.Inf(1)
	for _, s := range part {
		if s.bad >= 0 {
			if level == 0 {
				return &NotPositiveError{s.bad, a.diag[s.bad], true}
			}
			return fmt.Errorf("precond: amg diagonal entry %d of level %d is %.3g: %w", s.bad, level, a.diag[s.bad], ErrIndefinite)
		}
		a.lower, a.upper, a.rho = min(a.lower, s.lower), max(a.upper, s.upper), max(a.rho, s.rho)
		a.zeros += s.zeros
		smallest = min(smallest, s.least)
	}
	const similar = 8
	if a.upper > similar*smallest {
		l.scaledWeights(team, a)
	}
	l.zeroRows = a.zeros
	if level == 0 {
		a.ref = a.diag
	}
	if a.zeros > 0 {
		// On the finest level a positive weight keeps M definite; where the
		// residual is zero, as it is in consistent systems, it means nothing.
		w := 0.0
		if level == 0 {
			w = 1 / a.upper
			if a.upper == 0 {
				w = 1
			}
		}
		for i, d := range a.diag {
			if d == 0 {
				l.weight[i] = w
			}
		}
	}
	return nil
}

// spaiWeight returns the weight of a row with the diagonal d and Σ_{j≠i} |a_ij| =
// off: a_ii/Σ_j a_ij², at most 1.9/Σ_j |a_ij|. It is formed from quotients, so that
// squares neither overflow nor underflow.
func spaiWeight(row []float64, d, off float64) float64 {
	inv := 1 / d
	sum := 0.0
	for _, v := range row {
		v *= inv
		sum += v * v
	}
	return min(1/sum, 1.9/(1+off*inv)) * inv
}

// scaledWeights sets the weights to those of the matrix scaled to a unit diagonal, for
// diagonals of very different size: there the plain ones nearly vanish in rows
// whose neighbours have large diagonals.
func (l *amgLevel) scaledWeights(team parallel.Team, a *amgMatrix) {
	root := make([]float64, a.n)
	for i, d := range a.diag {
		if d != 0 {
			root[i] = 1 / math.Sqrt(d)
		}
	}
	team.Run(len(l.parts)-1, parallel.TaskFunc(func(c int) {
		for i := l.parts[c]; i < l.parts[c+1]; i++ {
			squares, sum := 0.0, 0.0
			for k := a.ptr[i]; k < a.ptr[i+1]; k++ {
				v := math.Abs(a.val[k] * root[i] * root[a.col[k]])
				squares += v * v
				sum += v
			}
			if squares > 0 {
				l.weight[i] = min(1/squares, 1.9/sum) * root[i] * root[i]
			}
		}
	}))
}

// bound sets lambda to a bound of the spectrum of W·A, W the weights: the largest
// row sum of |W^(1/2)·A·W^(1/2)|.
func (l *amgLevel) bound(team parallel.Team) {
	part := make([]float64, len(l.parts)-1)
	team.Run(len(part), parallel.TaskFunc(func(c int) {
		for i := l.parts[c]; i < l.parts[c+1]; i++ {
			sum := 0.0
			for k := l.ptr[i]; k < l.ptr[i+1]; k++ {
				v := 0.0
				if l.val64 != nil {
					v = l.val64[k]
				} else {
					v = float64(l.val[k])
				}
				sum += math.Abs(v) * math.Sqrt(l.weight[l.col[k]])
			}
			if l.lost != nil {
				sum += math.Abs(l.lost[i]) * math.Sqrt(l.weight[i])
			}
			part[c] = max(part[c], sum*math.Sqrt(l.weight[i]))
		}
	}))
	l.lambda = 0
	for _, v := range part {
		l.lambda = max(l.lambda, v)
	}
}

// bytes returns the memory of the level beyond the vectors.
func (l *amgLevel) bytes(finest bool) int64 {
	b := int64(len(l.weight)+len(l.lost))*8 + int64(len(l.weak)) + int64(len(l.agg))*4 + int64(len(l.parts))*8
	if !finest {
		b += int64(len(l.ptr)+len(l.val64))*8 + int64(len(l.col)+len(l.val))*4
	}
	for _, t := range []*transfer{&l.p, &l.rt} {
		b += int64(len(t.ptr)+len(t.parts))*8 + int64(len(t.col)+len(t.val))*4 + int64(len(t.wide))*8
	}
	return b
}
