// Package autodiff differentiates sums of many small terms that are written once,
// as plain code without derivatives:
//
//	E(y, w) = Σ_k e_k(y_{S_k}, w_{T_k})
//
// Markov random fields, log-linear models, elastic meshes and least squares are
// of this kind: partially separable functions in the sense of Griewank and Toint.
// The code of a term is a function of a few numbers of type [Num]; a [Support]
// says which entries of the vectors y and w term k sees. [New] makes an [Energy] of
// it, which has a value, gradients by y and by w and, at a point, the Hessian
// ∂²E/∂y∂yᵀ with its diagonal and the mixed second derivative ∂²E/∂y∂wᵀ with its
// transpose, as operators. All of these are exact: nothing is a difference
// quotient, there is no step to choose.
//
// # Writing a term
//
// Go has no operators for own types: x + y·z is x.Add(y.Mul(z)). The methods of Num
// and [Sum], [Dot], [Max], [Min] and [Select] are all there is. Where the code of a
// term must choose, it does so with Select; an if on the value of a Num cannot be
// written. Loops and ifs on anything else, such as the number of inputs, work as
// always. At a kink (Abs, Max, Min, Select) the derivative is one of those on
// either side, as their comments say; at the kink of a minimum, which is where
// sparse minimisers lie, the implicit function theorem does not hold anyway.
//
// # Choosing a support
//
//	Each      a term per variable              data terms, separable penalties
//	Grid      a term per window of an image    random fields, filters, finite differences
//	Chain     the same in one dimension        time series, splines
//	Index     index by index                   meshes, graphs, any table
//	Forms     linear forms of y, sparse        log-linear models: the features of example k
//	Shared    all terms see the same entries   hyperparameters, few global variables
//
// An energy takes several groups of terms, each with its own code and support.
//
// # How it works
//
// The term is recorded once, symbolically, as an expression graph in which equal
// expressions are one node. Derivatives are made on the graph, before any number is
// known: the backward sweep of reverse mode and the forward sweep of tangents are
// transformations of graphs, and second derivatives are one applied to the other
// (Griewank and Walther, chapters 3 to 5; reverse mode gives a gradient for a
// small multiple of the cost of the value, whatever the number of variables).
//
// Partial separability goes one level further down. In most terms, the variables
// enter nonlinear operations only through a few linear combinations u = A·y, and
// few pairs of these meet in one operation: the eight filter responses of a field
// of experts do not meet at all. The Hessian of a term is then AᵀΦA with sparse Φ =
// ∂²e/∂u∂uᵀ (group partial separability, Conn, Gould and Toint). The graph shows
// which values are linear in y, so that A and Φ are found without being told, and
// a product is: A times the direction, Φ times that, Aᵀ times that. What lies
// between y and Φ depends on the point only; it is computed anew in every product,
// or once, if [Settings] ask for Φ to be stored.
//
// What depends on shared inputs alone, such as the exponential of a common
// log-weight, is computed once per call, not per term. The rest becomes a straight
// line of instructions each of which works on a batch of 128 terms in a first-level
// cache, where the cost of decoding an instruction does not count.
//
// The alternatives were tried on the same field of experts, one product of one
// term on one core (in ns, beside 93 here and 37 with stored weights): generic code
// over hyper-dual numbers, one sweep per variable, 2400, because methods of a type
// parameter are called through a dictionary; the same without generics 1000; vectors
// of hyper-dual parts 3400; a tape that is recorded and swept anew for each term,
// 2500.
//
// # Cost
//
// On the Charbonnier field of experts of package problems (eight 3×3 filters,
// 1024×1024) a product takes 2.9 to 3.7 times as long as the hand-written one that
// knows about filters, and 1.3 to 1.5 times with stored weights, at 64 bytes per
// pixel; BenchmarkRatio prints it. From the second product on nothing is allocated.
//
// A second derivative is computed from its expression, as anybody would who
// differentiates by hand and does not simplify: that of √(t²+ε²) comes out as
// (1 − t²/(t²+ε²))/√(t²+ε²), with an error of some units in the last place of
// 1/√(t²+ε²), which for t ≫ ε is more than some in the last place of the result.
// Relative to the norm of the Hessian such errors do not show, but a positive
// second derivative far below it may come out with few digits or negative.
//
// Chunks of terms run in parallel. Each entry of a result belongs to one chunk;
// what others contribute is added afterwards in a fixed order. Results have the
// same bits for any number of workers.
//
// # References
//
//   - A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008,
//     doi:10.1137/1.9780898717761.
//   - A. Griewank and Ph. L. Toint, On the unconstrained optimization of partially
//     separable functions, in: Nonlinear Optimization 1981, Academic Press 1982.
//   - A. R. Conn, N. I. M. Gould and Ph. L. Toint, An introduction to the
//     structure of large scale nonlinear optimization problems and the LANCELOT
//     project, in: Computing Methods in Applied Sciences and Engineering, SIAM 1990.
package autodiff
