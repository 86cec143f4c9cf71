// Package hvp holds linear operators: whatever maps a vector v to A·v, above all
// Hessian-vector products, without forming A.
//
// # The contract
//
// An [Operator] has dimensions and Apply, which sets dst = A·x. Vectors are
// plain []float64. The caller owns all memory: no operator keeps dst or x, none
// writes to x, dst and x never overlap, and Apply may be called from several
// goroutines at once. What an operator can do beyond that, it says by further
// methods ([Transposer], [RowRanger], [Blocker], [BlockRanger], [SingleBlockRanger],
// [Diagonaler], [Structured]), as io.Copy finds io.WriterTo. A wrapper has the methods of
// all of them and tells by [Conditional] which of them its parts can serve; so look for a
// capability with [Trans], [Rows], [Block], [BlockRows], [BlockRowsSingle], [Diag] and
// [StructureOf], not with a bare type assertion.
//
// Package hvptest checks all of this on any operator.
//
// # Sources
//
//   - [Func]: a closure.
//   - [CSR]: a sparse matrix, from triplets, a gonum matrix or a
//     james-bowman/sparse matrix, or a file ([ReadMatrixMarket]).
//   - [Diagonal]: diag(d).
//   - [Stencil]: the Laplacian of a grid, matrix-free or assembled.
//   - [FiniteDifference]: differences of a gradient, with a measured step.
//   - [MixedDifference]: ∂G/∂w by differences of G, or of the gradient in w.
//   - Package autodiff: a sum of small terms, written as code without derivatives.
//   - [GLM], [GaussNewton]: XᵀDX + Λ of a sparse matrix in one fused product, and
//     JᵀWJ + Λ of any Jacobian.
//   - [CSR32]: a sparse matrix of float32 values, of less memory and accuracy.
//   - [LowRank], [Kronecker], [Convolution]: D + UCUᵀ, A⊗B, filters on images.
//
// Differences have errors far above rounding. Such operators say how large
// ([Approximate], [AccuracyOf]), wrappers pass it on, and solvers are not to chase a
// residual below it. [EstimateNoise] measures how noisy a gradient is.
//
// # Algebra
//
// Wrappers keep the capabilities and promises of their parts as far as they
// follow.
//
//   - [Shift], [Scale], [Sum], [Product], [Transpose], [WithStructure].
//   - [Batch]: a weighted sum of many small operators, in parallel over them.
//   - [Blocks], [KKT]: a matrix of operators.
//   - [Principal], [Restrict], [Permute], [Selection]: some variables only, or in
//     another order.
//
// # Looking into an operator
//
//   - [EstimateDiagonal], [EstimateTrace], [HutchPlusPlus]: from products with
//     random vectors, with an uncertainty.
//   - [NewColouring], [NewGridColouring]: where the sparsity pattern is known, a
//     few products give the diagonal ([Colouring.Diagonal]), diagonal blocks
//     ([BlockDiagonal]) or the whole matrix ([Recover]), exactly.
//   - [ExtremeEigenvalues]: both ends of the spectrum, with error bounds.
//   - [Assemble]: its entries, where it is made of parts that have them.
//   - [Ridge], [Partition]: a diagonal that it is known to be above, and the blocks that
//     it was made of.
//   - [Instrument]: how often it was used, how long that took, how much memory
//     it moved.
//
// Two more are for the preconditioners that apply the operator itself: a [Coarsener]
// knows itself on a coarser grid, an [Interpolation] away, and a [Singler] has a stand-in
// in single precision.
//
// All of it is seeded and gives the same bits for any number of workers.
//
// # Workers
//
// Products run on all cores ([WithWorkers] changes that for the calls below a
// context) and give bit-identical results for any number of workers.
package hvp
