package precond

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Tall matrices have n rows and few columns, stored row by row: the panels of
// [hvp.Blocker]. The rows are shared out in at most tallChunks chunks whose bounds
// depend on n only, each of which keeps partial sums of its own.
const (
	tallChunks = 32
	// tallTile bounds the columns of one call of gonum's Gemm, which starts
	// goroutines of its own from four tiles of 64×64 on.
	tallTile = 64
)

// tallBounds returns the rows of chunk c of n.
func tallBounds(c, n int) (lo, hi int) {
	rows := max(256, (n+tallChunks-1)/tallChunks)
	lo = min(c*rows, n)
	return lo, min(lo+rows, n)
}

// tallRun calls f with the bounds of each chunk of n rows.
func tallRun(team parallel.Team, n int, f func(c, lo, hi int)) {
	rows := max(256, (n+tallChunks-1)/tallChunks)
	team.Run((n+rows-1)/rows, parallel.TaskFunc(func(c int) {
		lo, hi := tallBounds(c, n)
		f(c, lo, hi)
	}))
}

// tall returns rows lo … hi-1 and columns j … j+w-1 of the panel x of k columns.
func tall(x []float64, k, lo, hi, j, w int) blas64.General {
	if hi == lo || w == 0 {
		return blas64.General{Stride: max(k, 1)}
	}
	return blas64.General{Rows: hi - lo, Cols: w, Stride: k, Data: x[lo*k+j : (hi-1)*k+j+w]}
}

// tallProduct returns AᵀB, k×l and row by row, for panels a of k and b of l
// columns. With half it leaves out tiles below the diagonal, which are zero.
func tallProduct(team parallel.Team, a, b []float64, n, k, l int, half bool) []float64 {
	part := make([][]float64, tallChunks)
	tallRun(team, n, func(c, lo, hi int) {
		sum := make([]float64, k*l)
		for i := 0; i < k; i += tallTile {
			for j := 0; j < l; j += tallTile {
				if half && j < i {
					continue
				}
				wi, wj := min(tallTile, k-i), min(tallTile, l-j)
				blas64.Gemm(blas.Trans, blas.NoTrans, 1, tall(a, k, lo, hi, i, wi), tall(b, l, lo, hi, j, wj),
					0, tall(sum, l, i, i+wi, j, wj))
			}
		}
		part[c] = sum
	})
	total := make([]float64, k*l)
	for _, sum := range part {
		for i, v := range sum {
			total[i] += v
		}
	}
	return total
}

// tallSolve sets X ← X·R⁻¹ for the panel x of k columns and the upper triangular R.
func tallSolve(team parallel.Team, x []float64, n, k int, r blas64.Triangular) {
	tallRun(team, n, func(_, lo, hi int) {
		blas64.Trsm(blas.Right, blas.NoTrans, 1, r, tall(x, k, lo, hi, 0, k))
	})
}

// tallMul returns X·V for the panel x of k columns and V of k×l, row by row.
func tallMul(team parallel.Team, x, v []float64, n, k, l int) []float64 {
	u := make([]float64, n*l)
	tallRun(team, n, func(_, lo, hi int) {
		for i := lo; i < hi; i += tallTile {
			end := min(i+tallTile, hi)
			for j := 0; j < l; j += tallTile {
				w := min(tallTile, l-j)
				blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, tall(x, k, i, end, 0, k), tall(v, l, 0, k, j, w), 0, tall(u, l, i, end, j, w))
			}
		}
	})
	return u
}

// eigen returns the eigenvalues of the symmetric k×k matrix whose upper triangle is
// in g, in increasing order, and its eigenvectors as the columns of V, row by row.
func eigen(g []float64, k int) (values, vectors []float64, err error) {
	var e mat.EigenSym
	if !e.Factorize(mat.NewSymDense(k, g), true) {
		return nil, nil, errors.New("precond: the eigenvalues of a small matrix did not converge")
	}
	var v mat.Dense
	e.VectorsTo(&v)
	return e.Values(nil), v.RawMatrix().Data, nil
}

// orthonormal returns an orthonormal basis, as a panel, of the span of the columns
// of the panel w, and its dimension. Columns are scaled to length one; what then
// depends on the others to 10⁻⁵ is left out. The factorisation of the Gram matrix
// is repeated once, for the first leaves errors of ε times its condition number.
func orthonormal(team parallel.Team, w []float64, n, k int) (q []float64, rank int, err error) {
	q = append([]float64(nil), w...)
	for range 2 {
		if k == 0 {
			return nil, 0, nil
		}
		g := tallProduct(team, q, q, n, k, k, true)
		scale := make([]float64, k)
		for i := range k {
			if d := g[i*k+i]; d > 0 {
				scale[i] = 1 / math.Sqrt(d)
			}
		}
		for i := range k {
			for j := range k {
				g[i*k+j] *= scale[i] * scale[j]
			}
		}
		values, vectors, err := eigen(g, k)
		if err != nil {
			return nil, 0, err
		}
		first := 0
		for first < k && !(values[first] > 1e-10*values[k-1]) {
			first++
		}
		v := make([]float64, k*(k-first))
		for i := range k {
			for j := first; j < k; j++ {
				v[i*(k-first)+j-first] = scale[i] * vectors[i*k+j] / math.Sqrt(values[j])
			}
		}
		q = tallMul(team, q, v, n, k, k-first)
		k -= first
	}
	return q, k, nil
}

// tallScale multiplies row i of the panel x by d[i].
func tallScale(team parallel.Team, x, d []float64, k int) {
	tallRun(team, len(d), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			row := x[i*k : i*k+k]
			for j := range row {
				row[j] *= d[i]
			}
		}
	})
}

// columns returns the k columns of a panel as vectors, for the kernels of
// products.
func columns(team parallel.Team, x []float64, n, k int) [][]float64 {
	data := make([]float64, n*k)
	v := make([][]float64, k)
	for j := range v {
		v[j] = data[j*n : (j+1)*n : (j+1)*n]
	}
	tallRun(team, n, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			for j, u := range x[i*k : i*k+k] {
				v[j][i] = u
			}
		}
	})
	return v
}

// gaussian returns an n×k panel of normal numbers that depend on the seed and
// their place only. Each column that is added leaves the others as they are.
func gaussian(team parallel.Team, n, from, to int, seed uint64) []float64 {
	k := to - from
	x := make([]float64, n*k)
	team.Run(k, parallel.TaskFunc(func(j int) {
		rng := rand.New(rand.NewPCG(seed, uint64(from+j)))
		for i := range n {
			x[i*k+j] = rng.NormFloat64()
		}
	}))
	return x
}

// cholesky returns the upper triangular R with RᵀR = S for the upper triangle of
// the symmetric k×k matrix s, which it overwrites. ok is false if S is not positive
// definite to rounding errors.
func cholesky(s []float64, k int) (r blas64.Triangular, ok bool) {
	return lapack64.Potrf(blas64.Symmetric{N: k, Stride: k, Data: s, Uplo: blas.Upper})
}

// checkPanel returns an error that names the first column of the panel x with NaN
// or Inf.
func checkPanel(what string, x []float64, k int) error {
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("precond: %s: element %d of product %d is %v", what, i/k, i%k, v)
		}
	}
	return nil
}
