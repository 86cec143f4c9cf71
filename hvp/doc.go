// Package hvp holds linear operators: whatever maps a vector v to A·v, above all
// Hessian-vector products, without forming A.
//
// # The contract
//
// An [Operator] has dimensions and Apply, which sets dst = A·x. Vectors are
// plain []float64. The caller owns all memory: no operator keeps dst or x, none
// writes to x, dst and x never overlap, and Apply may be called from several
// goroutines at once. What an operator can do beyond that, it says by further
// methods ([Transposer], [RowRanger], [Blocker], [Diagonaler], [Structured]),
// as io.Copy finds io.WriterTo. A wrapper has the methods of all of them and
// tells by [Conditional] which of them its parts can serve; so look for a
// capability with [Trans], [Rows], [Block], [Diag] and [StructureOf], not with a
// bare type assertion.
//
// Package hvptest checks all of this on any operator.
//
// # Sources
//
//   - [Func]: a closure.
//   - [CSR]: a sparse matrix, from triplets, a gonum matrix or a
//     james-bowman/sparse matrix.
//   - [Diagonal]: diag(d).
//   - [Stencil]: the Laplacian of a grid, matrix-free or assembled.
//   - [FiniteDifference]: differences of a gradient.
//   - [Shift], [Scale], [Sum], [WithStructure]: algebra, keeping capabilities.
//
// # Workers
//
// Products run on all cores ([WithWorkers] changes that for the calls below a
// context) and give bit-identical results for any number of workers.
package hvp
