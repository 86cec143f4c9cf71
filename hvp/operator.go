package hvp

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// An Operator is a linear map from vectors of length cols to vectors of length
// rows.
type Operator interface {
	// Dims returns the number of rows and of columns.
	Dims() (rows, cols int)
	// Apply sets dst = A·x (it never adds to dst). len(dst) is rows, len(x) is
	// cols. It keeps neither slice and does not write to x; dst and x do not
	// overlap. It is safe for concurrent calls. An error means that the
	// product could not be computed and leaves dst undefined.
	Apply(ctx context.Context, dst, x []float64) error
}

// A Transposer also applies its transpose.
type Transposer interface {
	// ApplyTrans sets dst = Aᵀ·x, len(dst) = cols, len(x) = rows, under the
	// rules of Apply.
	ApplyTrans(ctx context.Context, dst, x []float64) error
}

// A RowRanger computes any range of rows by itself, so that a solver can use
// the rows for what follows while they are in cache.
type RowRanger interface {
	// ApplyRows sets dst[lo:hi] to rows lo … hi-1 of A·x and leaves the rest
	// of dst alone; len(dst) is rows. Calls with disjoint ranges may run
	// concurrently on one dst. It cannot fail and starts no goroutines.
	ApplyRows(dst, x []float64, lo, hi int)
	// RowGrain is the shortest range that is worth a call: ranges far below
	// it repeat work. Zero means that any length will do.
	RowGrain() int
}

// A Blocker applies itself to several vectors in one sweep over its data.
type Blocker interface {
	// ApplyBlock sets dst = A·X for k vectors stored as row-major panels:
	// element i of vector l is x[i*k+l]. len(x) = cols·k, len(dst) = rows·k.
	ApplyBlock(ctx context.Context, dst, x []float64, k int) error
}

// A BlockRanger computes any range of rows of a block product by itself.
type BlockRanger interface {
	RowRanger
	// ApplyBlockRows sets rows lo … hi-1 of the panel dst, dst[lo*k:hi*k], to
	// those of A·X, under the rules of ApplyRows; the panels are those of
	// ApplyBlock.
	ApplyBlockRows(dst, x []float64, k, lo, hi int)
}

// A SingleBlockRanger also computes rows of block products of panels that are stored
// in single precision, half the memory that a product of many vectors moves.
type SingleBlockRanger interface {
	// RowGrain is that of [RowRanger].
	RowGrain() int
	// ApplyBlockRowsSingle sets dst, a panel of hi-lo rows, to rows lo … hi-1 of A·X
	// for the panel x of k vectors; dst and x do not overlap. The operator is that of
	// Apply: no more than its values, the products and the sums are rounded to
	// single precision, so that an element of dst is off by at most a few times 10⁻⁷ of
	// Σ |a_ij·x_j|. Numbers beyond the range of float32 become Inf, those below
	// 10⁻³⁸ may become zero. A row has the same bits in every range. Calls may run
	// concurrently; it cannot fail and starts no goroutines.
	ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int)
}

// A SingleBlocker multiplies panels in single precision as a whole: an operator or a
// preconditioner whose products are not a matter of rows, for which there is
// [SingleBlockRanger].
type SingleBlocker interface {
	// ApplyBlockSingle sets the panel dst to M·X for the panel x of k vectors: the
	// linear operator of Apply up to rounding errors in single precision, symmetric as far as they
	// allow if Apply is. dst and x do not overlap. Numbers beyond the range of float32
	// become Inf or NaN, those below 10⁻³⁸ may become zero. The bits of a column do not depend on
	// the others nor on k. It is safe for concurrent use.
	ApplyBlockSingle(ctx context.Context, dst, x []float32, k int) error
}

// A Diagonaler knows its diagonal.
type Diagonaler interface {
	// Diag sets dst[i] = A[i,i], len(dst) = min(rows, cols).
	Diag(dst []float64) error
}

// A Delegator passes all calls on to another operator, which may be another one after
// a change. Solvers use that in its place, for what it can do besides, such as being a
// [DiagonalMatrix].
type Delegator interface {
	Delegate() Operator
}

// Structured operators promise properties. Nobody verifies a promise before
// use; solvers report what contradicts it.
type Structured interface {
	Structure() Structure
}

// Structure is a set of promises; zero promises nothing.
type Structure uint8

const (
	// Symmetric: A = Aᵀ.
	Symmetric Structure = 1 << iota
	// Semidefinite: A is symmetric and xᵀAx ≥ 0.
	Semidefinite
	// Definite: A is symmetric and xᵀAx > 0 for x ≠ 0.
	Definite
	// Singular: A may have a null space; ask for least-norm answers.
	Singular
	// Varying is a warning rather than a promise: A is not a fixed linear map. What it
	// does to a vector depends on the vector, as with an inner iteration, so that it is
	// for nothing but the preconditioner of a flexible method.
	Varying
)

// SPD is the promise of a symmetric positive definite operator.
const SPD = Symmetric | Semidefinite | Definite

// Has reports whether s holds all promises of p.
func (s Structure) Has(p Structure) bool { return s&p == p }

// closure adds the promises that follow from those in s.
func (s Structure) closure() Structure {
	if s&Definite != 0 {
		s |= Semidefinite
		s &^= Singular
	}
	if s&Semidefinite != 0 {
		s |= Symmetric
	}
	return s
}

// String returns the promises in words, "none" if there are none.
func (s Structure) String() string {
	var words []string
	switch {
	case s.Has(Definite):
		words = append(words, "symmetric positive definite")
	case s.Has(Semidefinite):
		words = append(words, "symmetric positive semidefinite")
	case s.Has(Symmetric):
		words = append(words, "symmetric")
	}
	if s.Has(Singular) {
		words = append(words, "singular")
	}
	if s.Has(Varying) {
		words = append(words, "varying")
	}
	if words == nil {
		return "none"
	}
	return strings.Join(words, ", ")
}

// Capability is a set of optional abilities of an operator.
type Capability uint8

const (
	CanTrans           Capability = 1 << iota // Transposer
	CanRows                                   // RowRanger
	CanBlock                                  // Blocker
	CanDiag                                   // Diagonaler
	CanBlockRows                              // BlockRanger
	CanBlockRowsSingle                        // SingleBlockRanger
	CanBlockSingle                            // SingleBlocker
)

// Conditional is implemented by wrappers, whose method set says nothing about
// what they can do: only the capabilities returned are to be used.
type Conditional interface {
	Capabilities() Capability
}

// allows reports whether a, if it is conditional, has capability c.
func allows(a Operator, c Capability) bool {
	w, ok := a.(Conditional)
	return !ok || w.Capabilities()&c != 0
}

// Trans returns the transpose capability of a. A symmetric operator without
// one serves as its own transpose.
func Trans(a Operator) (t Transposer, ok bool) {
	if t, ok = a.(Transposer); ok && allows(a, CanTrans) {
		return t, true
	}
	if StructureOf(a).Has(Symmetric) {
		return selfAdjoint{a}, true
	}
	return nil, false
}

// Rows returns the row-range capability of a.
func Rows(a Operator) (r RowRanger, ok bool) {
	if r, ok = a.(RowRanger); ok && allows(a, CanRows) {
		return r, true
	}
	return nil, false
}

// Block returns the multi-vector capability of a.
func Block(a Operator) (b Blocker, ok bool) {
	if b, ok = a.(Blocker); ok && allows(a, CanBlock) {
		return b, true
	}
	return nil, false
}

// BlockRows returns the capability of a to compute row ranges of block products.
func BlockRows(a Operator) (r BlockRanger, ok bool) {
	if r, ok = a.(BlockRanger); ok && allows(a, CanBlockRows) {
		return r, true
	}
	return nil, false
}

// BlockRowsSingle returns the capability of a to compute row ranges of block products in
// single precision.
func BlockRowsSingle(a Operator) (r SingleBlockRanger, ok bool) {
	if r, ok = a.(SingleBlockRanger); ok && allows(a, CanBlockRowsSingle) {
		return r, true
	}
	return nil, false
}

// BlockSingle returns the capability of a to multiply panels in single precision as a
// whole.
func BlockSingle(a Operator) (b SingleBlocker, ok bool) {
	if b, ok = a.(SingleBlocker); ok && allows(a, CanBlockSingle) {
		return b, true
	}
	return nil, false
}

// Diag returns the diagonal capability of a.
func Diag(a Operator) (d Diagonaler, ok bool) {
	if d, ok = a.(Diagonaler); ok && allows(a, CanDiag) {
		return d, true
	}
	return nil, false
}

// StructureOf returns the promises of a, with those that follow from them.
func StructureOf(a Operator) Structure {
	if s, ok := a.(Structured); ok {
		return s.Structure().closure()
	}
	return 0
}

type selfAdjoint struct{ Operator }

func (s selfAdjoint) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return s.Apply(ctx, dst, x)
}

// checkDiag returns an error unless dst has the length of the diagonal of a
// rows×cols operator.
func checkDiag(rows, cols int, dst []float64) error {
	if n := min(rows, cols); len(dst) != n {
		return fmt.Errorf("hvp: diagonal of length %d for a %d×%d operator, want %d", len(dst), rows, cols, n)
	}
	return nil
}

// Transpose returns Aᵀ as an operator. That of a symmetric operator is itself;
// that of a [CSR], and of algebra on such, has all capabilities; any other one
// has no block and row products. It fails if a has no transpose.
func Transpose(a Operator) (Operator, error) {
	if StructureOf(a).Has(Symmetric) {
		return a, nil
	}
	switch a := a.(type) {
	case *transposed:
		return a.a, nil
	case *CSR:
		return a.transpose(), nil
	case composite:
		return a.transpose()
	case *promised:
		t, err := Transpose(a.a)
		if err != nil {
			return nil, err
		}
		return WithStructure(t, a.s), nil
	case *instrumented:
		t, err := Transpose(a.a)
		if err != nil {
			return nil, err
		}
		return instrument(t, a.meter, !a.flipped), nil
	}
	t, ok := Trans(a)
	if !ok {
		return nil, fmt.Errorf("hvp: the operator %T has no ApplyTrans and does not promise symmetry", a)
	}
	return &transposed{a, t}, nil
}

// A composite makes its transpose from those of its parts.
type composite interface {
	transpose() (Operator, error)
}

// areTransposes reports whether a = bᵀ because they were made so: the two are
// one symmetric operator, or one came from the other by [Transpose]. It never
// looks at numbers, and false means "not known".
func areTransposes(a, b Operator) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if same(a, b) {
		return StructureOf(a).Has(Symmetric)
	}
	return isTransposed(a, b) || isTransposed(b, a)
}

// isTransposed reports whether t came from a by [Transpose].
func isTransposed(t, a Operator) bool {
	switch t := t.(type) {
	case *transposed:
		return same(t.a, a)
	case *CSR:
		c, ok := a.(*CSR)
		return ok && c.trans.Load() == t
	}
	return false
}

// same reports whether a and b are one operator.
func same(a, b Operator) bool {
	// Comparing values of a type such as struct{ []float64 } would panic.
	return reflect.TypeOf(a).Comparable() && a == b
}

type transposed struct {
	a Operator
	t Transposer
}

func (t *transposed) Dims() (rows, cols int) { rows, cols = t.a.Dims(); return cols, rows }
func (t *transposed) Apply(ctx context.Context, dst, x []float64) error {
	return t.t.ApplyTrans(ctx, dst, x)
}
func (t *transposed) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return t.a.Apply(ctx, dst, x)
}
func (t *transposed) Structure() Structure { return StructureOf(t.a) }
func (t *transposed) Accuracy() float64    { return AccuracyOf(t.a) }
func (t *transposed) Diag(dst []float64) error {
	return t.a.(Diagonaler).Diag(dst)
}
func (t *transposed) Capabilities() Capability {
	c := CanTrans
	if _, ok := Diag(t.a); ok {
		c |= CanDiag
	}
	return c
}

// WithWorkers returns a context under which the products of this module use at
// most n goroutines, the caller included. Zero means GOMAXPROCS. The number
// never changes a result.
func WithWorkers(ctx context.Context, n int) context.Context {
	return parallel.WithTeam(ctx, parallel.Team(n))
}

// checkShape returns an error unless dst and x have the lengths that a product
// of a rows×cols operator needs, k vectors at a time.
func checkShape(rows, cols int, dst, x []float64, k int) error {
	if k < 1 {
		return fmt.Errorf("hvp: product with %d vectors", k)
	}
	if len(dst) != rows*k || len(x) != cols*k {
		return fmt.Errorf("hvp: product of a %d×%d operator with %d vector(s): len(dst) = %d, len(x) = %d, want %d and %d",
			rows, cols, k, len(dst), len(x), rows*k, cols*k)
	}
	return nil
}
