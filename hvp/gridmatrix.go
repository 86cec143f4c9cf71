package hvp

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// A GridMatrixOf numbers V is a symmetric matrix on the points of a grid, in row-major
// order, that couples points at most Reach rows and Reach columns apart, each in a way of
// its own: 25 diagonals for a reach of 2. It holds the diagonal and the lower triangle,
// one plane for each of the 1 + 2·Reach·(Reach+1) diagonals, row by row of points:
//
//	A[(i,j), (i−a, j−b)] = Row(i, a, b)[j]        a > 0 and |b| ≤ Reach, or a = 0 and 0 ≤ b ≤ Reach
//
// Couplings with points outside the grid are zero.
type GridMatrixOf[V float32 | float64] struct {
	rows, cols, reach int
	val               []V
}

// GridMatrix is a [GridMatrixOf] numbers in single precision: what [GridAssembler]s fill
// and incomplete factorisations on grids start from.
type GridMatrix = GridMatrixOf[float32]

// A GridAssembler is a symmetric operator that knows its entries as a [GridMatrix]
// without products.
type GridAssembler interface {
	Operator
	// AssembleGrid gives m the shape of the operator and its entries, rounded. ok is
	// false where it has no such matrix after all, and m is as it was. An entry
	// beyond the range of single precision is an error.
	AssembleGrid(ctx context.Context, m *GridMatrix) (ok bool, err error)
}

// Reset makes m the zero matrix on a rows×cols grid. Memory is reused.
func (m *GridMatrixOf[V]) Reset(rows, cols, reach int) {
	m.Resize(rows, cols, reach)
	m.Clear(0, rows)
}

// Resize is Reset that leaves it to [GridMatrixOf.Clear] to set the entries, which are
// undefined until then: large matrices are cleared by those who fill their rows.
func (m *GridMatrixOf[V]) Resize(rows, cols, reach int) {
	if rows < 1 || cols < 1 || reach < 1 {
		panic(fmt.Sprintf("hvp: grid matrix on %d×%d points with reach %d", rows, cols, reach))
	}
	m.rows, m.cols, m.reach = rows, cols, reach
	m.val = parallel.Grow(m.val, rows*m.Planes()*m.Pitch())
}

// Clear sets all entries of rows lo … hi−1, and the margins, to zero.
func (m *GridMatrixOf[V]) Clear(lo, hi int) {
	size := m.Planes() * m.Pitch()
	clear(m.val[lo*size : hi*size])
}

// Shape returns the size of the grid and how far couplings reach.
func (m *GridMatrixOf[V]) Shape() (rows, cols, reach int) { return m.rows, m.cols, m.reach }

// Planes returns the number of planes.
func (m *GridMatrixOf[V]) Planes() int { return 1 + 2*m.reach*(m.reach+1) }

// Plane returns the number of the plane of couplings with the points a rows and b
// columns before; see [GridMatrixOf].
func (m *GridMatrixOf[V]) Plane(a, b int) int { return a*(2*m.reach+1) + b }

// Pitch is the length of a row of a plane with its margins: Reach zeros on either side.
func (m *GridMatrixOf[V]) Pitch() int { return m.cols + 2*m.reach }

// At returns where column 0 of row i of a plane is in [GridMatrixOf.Raw].
func (m *GridMatrixOf[V]) At(i, plane int) int { return (i*m.Planes()+plane)*m.Pitch() + m.reach }

// Raw returns the entries, itself: all planes of row 0, then those of row 1, and so on.
// Margins must stay zero.
func (m *GridMatrixOf[V]) Raw() []V { return m.val }

// Row returns the couplings of the points of row i with those a rows and b columns
// before, itself.
func (m *GridMatrixOf[V]) Row(i, a, b int) []V {
	return m.val[m.At(i, m.Plane(a, b)):][:m.cols]
}

// Bytes is the memory that m keeps.
func (m *GridMatrixOf[V]) Bytes() int64 { return int64(unsafe.Sizeof(V(0))) * int64(len(m.val)) }
