package parallel

import (
	"math"
	"sync"

	"github.com/hgsolve/hgsolve/internal/kernel"
)

// vectorOp is one whole-vector operation as a Task. They are recycled, so that
// the functions below allocate nothing in the steady state.
type vectorOp struct {
	op      opcode
	n       int
	a, b    float64
	x, y, z []float64
	part    []float64
}

type opcode int

const (
	opDot opcode = iota
	opMaxAbs
	opSumSquares
	opAxpy
	opAxpby
	opScaleTo
	opMulTo
	opSubScaled
	opCopy
	opClear
)

var vectorOps = sync.Pool{New: func() any { return new(vectorOp) }}

// Chunk implements Task.
func (v *vectorOp) Chunk(c int) {
	lo, hi := Block(c, v.n)
	switch v.op {
	case opDot:
		v.part[c] = kernel.Dot(v.x[lo:hi], v.y[lo:hi])
	case opMaxAbs:
		v.part[c] = kernel.MaxAbs(v.x[lo:hi])
	case opSumSquares:
		v.part[c] = kernel.SumSquaresScaled(v.x[lo:hi], v.a)
	case opAxpy:
		kernel.Axpy(v.y[lo:hi], v.a, v.x[lo:hi])
	case opAxpby:
		kernel.Axpby(v.y[lo:hi], v.a, v.x[lo:hi], v.b)
	case opScaleTo:
		kernel.ScaleTo(v.y[lo:hi], v.a, v.x[lo:hi])
	case opMulTo:
		kernel.MulTo(v.z[lo:hi], v.x[lo:hi], v.y[lo:hi])
	case opSubScaled:
		v.part[c] = kernel.SubScaled(v.z[lo:hi], v.a, v.x[lo:hi], v.y[lo:hi])
	case opCopy:
		copy(v.y[lo:hi], v.x[lo:hi])
	case opClear:
		clear(v.y[lo:hi])
	}
}

// run does the operation on n elements and returns the combined partial
// results.
func (v *vectorOp) run(t Team, n int, reduce func([]float64) float64) (s float64) {
	blocks := Blocks(n)
	v.n = n
	if reduce != nil {
		v.part = Grow(v.part, blocks)
	}
	t.Run(blocks, v)
	if reduce != nil {
		s = reduce(v.part)
	}
	v.x, v.y, v.z = nil, nil, nil
	vectorOps.Put(v)
	return s
}

func newOp(op opcode, a, b float64, x, y, z []float64) *vectorOp {
	v := vectorOps.Get().(*vectorOp)
	v.op, v.a, v.b, v.x, v.y, v.z = op, a, b, x, y, z
	return v
}

// Dot returns xᵀy. The slices have equal lengths, here and below.
func Dot(t Team, x, y []float64) float64 {
	return newOp(opDot, 0, 0, x, y, nil).run(t, len(x), Combine)
}

// MaxAbs returns max |x_i|, NaN if there is one among them, 0 if x is empty.
func MaxAbs(t Team, x []float64) float64 {
	return newOp(opMaxAbs, 0, 0, x, nil, nil).run(t, len(x), kernel.MaxAbs)
}

// Norm returns ‖x‖₂ without harmful overflow or underflow: where the plain sum
// of squares may have lost digits, the vector is scaled by a power of two.
// NaN and Inf come through.
func Norm(t Team, x []float64) float64 {
	s := Dot(t, x, x)
	// Below 2^-900 the largest entry is below 2^-450 and terms that matter
	// (2^-53 of it, squared twice over) may have been lost to underflow.
	if s > 0x1p-900 && s < math.MaxFloat64 || math.IsNaN(s) {
		return math.Sqrt(s)
	}
	m := MaxAbs(t, x)
	if m == 0 || math.IsInf(m, 0) || math.IsNaN(m) {
		return m
	}
	_, e := math.Frexp(m)
	e = min(e, 1000) // keeps 2^-e a normal number for all e; 2^1000 times n is in range
	e = max(e, -1000)
	up, down := math.Ldexp(1, -e), math.Ldexp(1, e)
	return math.Sqrt(newOp(opSumSquares, up, 0, x, nil, nil).run(t, len(x), Combine)) * down
}

// Copy sets y = x. What memory is new to the process is then mapped by all
// workers, which takes longer than writing it.
func Copy(t Team, y, x []float64) {
	newOp(opCopy, 0, 0, x, y, nil).run(t, len(y), nil)
}

// Clear sets y = 0, for the same reason.
func Clear(t Team, y []float64) {
	newOp(opClear, 0, 0, nil, y, nil).run(t, len(y), nil)
}

// Axpy adds a·x to y.
func Axpy(t Team, y []float64, a float64, x []float64) {
	newOp(opAxpy, a, 0, x, y, nil).run(t, len(y), nil)
}

// Axpby sets y = a·x + b·y.
func Axpby(t Team, y []float64, a float64, x []float64, b float64) {
	newOp(opAxpby, a, b, x, y, nil).run(t, len(y), nil)
}

// ScaleTo sets y = a·x. y may be x.
func ScaleTo(t Team, y []float64, a float64, x []float64) {
	newOp(opScaleTo, a, 0, x, y, nil).run(t, len(y), nil)
}

// MulTo sets z = x∘y, element by element. z may be x or y.
func MulTo(t Team, z, x, y []float64) {
	newOp(opMulTo, 0, 0, x, y, z).run(t, len(z), nil)
}

// SubScaled sets r = c·b − q and returns ‖r‖². r may be q.
func SubScaled(t Team, r []float64, c float64, b, q []float64) float64 {
	return newOp(opSubScaled, c, 0, b, q, r).run(t, len(r), Combine)
}

// Sum returns the sum of f(lo, hi) over the blocks of n elements, added as
// [Combine] does.
func Sum(t Team, n int, f func(lo, hi int) float64) float64 {
	part := make([]float64, Blocks(n))
	t.Run(len(part), TaskFunc(func(c int) { part[c] = f(Block(c, n)) }))
	return Combine(part)
}

// For calls f(lo, hi) for the blocks of n elements.
func For(t Team, n int, f func(lo, hi int)) {
	t.Run(Blocks(n), TaskFunc(func(c int) { f(Block(c, n)) }))
}
