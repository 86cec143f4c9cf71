package krylov

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Space is what a sequence of solves with slowly changing symmetric positive
// definite operators A remembers: k vectors W, together with A·W as they were
// when a solve met them. It serves as a preconditioner of later systems,
//
//	M = (I − W·(AW)ᵀ)·M₀·(I − AW·Wᵀ) + σ·W·Wᵀ,   Wᵀ·AW = I
//
// on top of any symmetric positive definite M₀ (or none): with the A of the
// vectors, M·A·W = σ·W exactly, whatever W, and no eigenvalue of the rest leaves
// the range that those of M₀·A have (limited-memory preconditioners: Gratton,
// Sartenaer & Tshimanga, On a class of limited memory preconditioners for large scale
// linear systems with multiple right-hand sides, SIAM J. Optim. 21, 2011, pp. 912–935;
// with directions of CG from the system before it is that of Morales & Nocedal, SIAM J.
// Optim. 10, 2000, doi:10.1137/S1052623497327854). M is symmetric positive definite
// for any W and AW, also when A has changed since, and A is not applied to keep
// it: a space costs no products at all.
//
// # Where the vectors come from
//
// [CG] with Settings.Recycle hands over each direction p with A·p. When Window
// of them are there, and at [Space.Update], the span is reduced to the Dim
// vectors whose Ritz values of M₀·A,
//
//	(AV)ᵀM₀(AV)·y = θ·(VᵀAV)·y,
//
// are least: a Rayleigh–Ritz projection in the A-inner product. The window goes
// on from those, so that it follows the Krylov space to its end, with bounded
// memory (as eigCG does: Stathopoulos & Orginos, SIAM J. Sci. Comput. 32, 2010,
// doi:10.1137/080725532; keeping the first directions only is that of Saad, Yeung,
// Erhel & Guyomarc'h, SIAM J. Sci. Comput. 21, 2000,
// doi:10.1137/S1064829598339761). σ is the geometric mean of the greatest θ met
// and of the greatest one kept: inside the range of the rest, and as far as can
// be from its ends.
//
// # Cost
//
// Memory: 2·(2·Dim + Window) n-vectors. An application of M reads W and A·W
// twice, 4·Dim n-vectors. A reduction of c vectors applies M₀ c times and makes
// c² inner products. No products.
//
// The zero value works. A Space is not for concurrent use, but the operator of
// [Space.Precond] is, as long as neither Update nor Reset is called.
type Space struct {
	// Dim is the number of vectors kept; zero means 8.
	Dim int
	// Window is the number of directions held beyond those kept while a solve
	// runs; zero means 2·Dim.
	Window int

	n, k, fill int // length, vectors in use, vectors collected
	// Positions 0 … k-1 of the first Dim hold W and A·W, those behind them what
	// is being collected.
	w, aw    [][]float64
	sigma    float64
	top      float64 // greatest Ritz value met
	applies  int     // of M₀ in reductions
	m        hvp.Operator
	operator deflated
	gram     reduction
}

func (s *Space) dim() int {
	if s.Dim == 0 {
		return 8
	}
	return s.Dim
}

func (s *Space) window() int {
	if s.Window == 0 {
		return 2 * s.dim()
	}
	return max(s.Window, 1)
}

// Len returns k, the number of vectors in use.
func (s *Space) Len() int { return s.k }

// PrecondApplies returns how often reductions have applied M₀ since the last
// Reset.
func (s *Space) PrecondApplies() int { return s.applies }

// Reset empties the space; its memory is kept for the next one.
func (s *Space) Reset() {
	s.k, s.fill, s.sigma, s.top, s.applies, s.m = 0, 0, 0, 0, 0, nil
}

// Precond returns M on top of m, or of the identity if m is nil, and begins to
// collect for operators of order n. It belongs to the space and is valid until
// the next call. While the space is empty it is m itself. If n is not what it was
// the space is emptied.
func (s *Space) Precond(n int, m hvp.Operator) hvp.Operator {
	if n != s.n {
		s.Reset()
		s.n = n
	}
	s.m, s.fill = m, 0
	if s.k == 0 {
		return m
	}
	s.operator.set(s)
	return &s.operator
}

// grow makes room for all vectors.
func (s *Space) grow() {
	for len(s.w) < 2*s.dim()+s.window() {
		s.w, s.aw = append(s.w, nil), append(s.aw, nil)
	}
	for i := range s.w {
		s.w[i], s.aw[i] = parallel.Grow(s.w[i], s.n), parallel.Grow(s.aw[i], s.n)
	}
}

// collect takes a direction p with q = A·p and pᵀq = pq > 0.
func (s *Space) collect(ctx context.Context, t parallel.Team, p, q []float64, pq float64) {
	scale := 1 / math.Sqrt(pq)
	if len(p) != s.n || math.IsInf(scale, 0) || scale == 0 {
		return
	}
	if s.fill == 0 {
		s.grow()
	}
	d := s.dim()
	if s.fill == d+s.window() {
		s.fill = s.reduce(ctx, t, d, s.fill, d)
	}
	parallel.ScaleTo(t, s.w[d+s.fill], scale, p)
	parallel.ScaleTo(t, s.aw[d+s.fill], scale, q)
	s.fill++
}

// Update puts what the solve has collected into the space: of the span of both,
// the Dim vectors with the least Ritz values stay. Where A has changed, what was
// collected last counts like what was kept from before, unless both together make
// no definite matrix: then only the new is kept. It does nothing if
// nothing was collected. An error is one of ctx; the space is then empty.
func (s *Space) Update(ctx context.Context) error {
	t := parallel.FromContext(ctx)
	d := s.dim()
	if s.fill == 0 {
		return nil
	}
	// Close the gap between the vectors in use and the collected ones.
	for i := range s.fill {
		s.w[s.k+i], s.w[d+i] = s.w[d+i], s.w[s.k+i]
		s.aw[s.k+i], s.aw[d+i] = s.aw[d+i], s.aw[s.k+i]
	}
	old, fill := s.k, s.fill
	s.k, s.fill = s.reduce(ctx, t, 0, old+fill, d), 0
	if s.k == 0 && old > 0 {
		// What is kept from before does not go with this operator.
		s.k = s.reduce(ctx, t, old, fill, d)
		for i := range s.k {
			s.w[i], s.w[old+i] = s.w[old+i], s.w[i]
			s.aw[i], s.aw[old+i] = s.aw[old+i], s.aw[i]
		}
	}
	if err := ctx.Err(); err != nil {
		s.Reset()
		return fmt.Errorf("krylov: recycling: %w", err)
	}
	return nil
}

// reduce replaces the count vectors from position first on by at most keep of
// their span, and returns how many these are.
func (s *Space) reduce(ctx context.Context, t parallel.Team, first, count, keep int) int {
	w, aw := s.w[first:first+count], s.aw[first:first+count]
	theta, y, ok := s.gram.ritz(ctx, t, w, aw, s.m)
	if s.m != nil {
		s.applies += count
	}
	if !ok {
		return 0
	}
	keep = min(keep, len(theta))
	if keep == 0 {
		return 0
	}
	s.top = max(s.top, theta[len(theta)-1])
	s.sigma = math.Sqrt(s.top) * math.Sqrt(theta[keep-1])
	s.gram.combine(t, w, y, keep)
	s.gram.combine(t, aw, y, keep)
	return keep
}

// MarshalBinary implements [encoding.BinaryMarshaler]: the vectors in use, so
// that solves with the copy have the same bits.
func (s *Space) MarshalBinary() ([]byte, error) {
	head := []uint64{spaceMagic, uint64(s.n), uint64(s.k), uint64(s.dim()), uint64(s.window()),
		math.Float64bits(s.sigma), math.Float64bits(s.top), uint64(s.applies)}
	data := make([]byte, 0, 8*(len(head)+2*s.k*s.n))
	for _, v := range head {
		data = binary.LittleEndian.AppendUint64(data, v)
	}
	for i := range s.k {
		for _, x := range [2][]float64{s.w[i], s.aw[i]} {
			for _, v := range x {
				data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
			}
		}
	}
	return data, nil
}

const spaceMagic = 0x31656361707367 // "gspace1"

var errSpaceData = errors.New("krylov: the data are not those of a Space")

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]. After an error s is
// unchanged.
func (s *Space) UnmarshalBinary(data []byte) error {
	const words = 8
	if len(data) < 8*words {
		return errSpaceData
	}
	var head [words]uint64
	for i := range head {
		head[i] = binary.LittleEndian.Uint64(data[8*i:])
	}
	data = data[8*words:]
	n, k, dim, window := head[1], head[2], head[3], head[4]
	const most = 1 << 40
	if head[0] != spaceMagic || n > most || dim > 1<<20 || window > 1<<20 || k > dim || uint64(len(data)) != 16*n*k {
		return errSpaceData
	}
	sigma, top := math.Float64frombits(head[5]), math.Float64frombits(head[6])
	if k > 0 && !(sigma > 0 && !math.IsInf(sigma, 0)) {
		return fmt.Errorf("krylov: a Space with the scale %v", sigma)
	}
	for i := 0; i < len(data); i += 8 {
		if v := math.Float64frombits(binary.LittleEndian.Uint64(data[i:])); math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("krylov: a Space with NaN or Inf")
		}
	}
	s.Reset()
	s.n, s.k, s.Dim, s.Window = int(n), int(k), int(dim), int(window)
	s.sigma, s.top, s.applies = sigma, top, int(head[7])
	if k > 0 {
		s.grow()
	}
	for i := range s.k {
		for _, x := range [2][]float64{s.w[i], s.aw[i]} {
			for j := range x {
				x[j] = math.Float64frombits(binary.LittleEndian.Uint64(data))
				data = data[8:]
			}
		}
	}
	return nil
}
