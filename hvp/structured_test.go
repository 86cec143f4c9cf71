package hvp_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

// denseOf is the matrix of an operator, column by column.
func denseOf(t testing.TB, a hvp.Operator) *mat.Dense {
	t.Helper()
	rows, cols := a.Dims()
	m := mat.NewDense(rows, cols, nil)
	e, col := make([]float64, cols), make([]float64, rows)
	for j := range cols {
		e[j] = 1
		if err := a.Apply(t.Context(), col, e); err != nil {
			t.Fatal(err)
		}
		e[j] = 0
		m.SetCol(j, col)
	}
	return m
}

func normals(seed uint64, n int) []float64 {
	rng := rand.New(rand.NewPCG(seed, 5))
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}

func positive(seed uint64, n int) []float64 {
	x := normals(seed, n)
	for i, v := range x {
		x[i] = 0.1 + math.Abs(v)
	}
	return x
}

// closure hides all capabilities of a but product, transpose and promises.
func closure(a hvp.Operator) hvp.Operator {
	rows, cols := a.Dims()
	f := &hvp.Func{Rows: rows, Cols: cols, Mul: a.Apply, Promise: hvp.StructureOf(a)}
	if t, ok := hvp.Trans(a); ok {
		f.MulTrans = t.ApplyTrans
	}
	return f
}

func mul(a, b mat.Matrix) mat.Matrix { var m mat.Dense; m.Mul(a, b); return &m }
func add(a, b mat.Matrix) mat.Matrix { var m mat.Dense; m.Add(a, b); return &m }
func scale(c float64, a mat.Matrix) mat.Matrix {
	var m mat.Dense
	m.Scale(c, a)
	return &m
}
func kron(a, b mat.Matrix) mat.Matrix { var m mat.Dense; m.Kronecker(a, b); return &m }

func stack(blocks [][]mat.Matrix) mat.Matrix {
	var all mat.Dense
	for i, row := range blocks {
		var wide mat.Dense
		for j, b := range row {
			if j == 0 {
				wide.CloneFrom(b)
				continue
			}
			old := mat.DenseCopyOf(&wide)
			wide.Reset()
			wide.Augment(old, b)
		}
		if i == 0 {
			all.CloneFrom(&wide)
			continue
		}
		old := mat.DenseCopyOf(&all)
		all.Reset()
		all.Stack(old, &wide)
	}
	return &all
}

func pick(a mat.Matrix, rows, cols []int) mat.Matrix {
	m := mat.NewDense(len(rows), len(cols), nil)
	for i, r := range rows {
		for j, c := range cols {
			m.Set(i, j, a.At(r, c))
		}
	}
	return m
}

// convolved is the matrix of a convolution by its definition.
func convolved(rows, cols int, f []float64, k, l int, boundary hvp.Boundary) mat.Matrix {
	outRows, outCols, p, q := rows, cols, k/2, l/2
	if boundary == hvp.Valid {
		outRows, outCols, p, q = rows-k+1, cols-l+1, k-1, l-1
	}
	place := func(i, n int) int {
		for i < 0 || i >= n {
			switch boundary {
			case hvp.Periodic:
				i = (i + n) % n
			case hvp.Reflect:
				if i < 0 {
					i = -1 - i
				} else {
					i = 2*n - 1 - i
				}
			case hvp.Replicate:
				i = min(max(i, 0), n-1)
			default:
				return -1
			}
		}
		return i
	}
	m := mat.NewDense(outRows*outCols, rows*cols, nil)
	for i := range outRows {
		for j := range outCols {
			for a := range k {
				for b := range l {
					r, c := place(i+p-a, rows), place(j+q-b, cols)
					if r >= 0 && c >= 0 {
						at := r*cols + c
						m.Set(i*outCols+j, at, m.At(i*outCols+j, at)+f[a*l+b])
					}
				}
			}
		}
	}
	return m
}

type structuredCase struct {
	name    string
	a       hvp.Operator
	want    mat.Matrix // nil: not compared
	caps    string
	promise hvp.Structure
}

func structuredCases(t testing.TB) []structuredCase {
	op := must[hvp.Operator](t)
	var cases []structuredCase
	put := func(name string, a hvp.Operator, want mat.Matrix, caps string, promise hvp.Structure) {
		t.Helper()
		cases = append(cases, structuredCase{name, a, want, caps, promise})
	}
	square, tall, wide, spd := randomCSR(t, 50, 50), randomCSR(t, 70, 50), randomCSR(t, 50, 70), laplacian(t, 50)
	dSquare, dTall, dWide, dSPD := denseOf(t, square), denseOf(t, tall), denseOf(t, wide), denseOf(t, spd)
	d50, d70 := positive(1, 50), positive(2, 70)
	diag50, diag70 := must[*hvp.Diagonal](t)(hvp.NewDiagonal(d50)), must[*hvp.Diagonal](t)(hvp.NewDiagonal(d70))
	m50, m70 := mat.NewDiagDense(50, d50), mat.NewDiagDense(70, d70)
	signed := must[*hvp.Diagonal](t)(hvp.NewDiagonal(normals(3, 50)))
	const semi = hvp.Symmetric | hvp.Semidefinite

	// Products.
	put("product", op(hvp.Product(tall, square)), mul(dTall, dSquare), "TB", 0)
	put("product of three", op(hvp.Product(tall, square, wide)), mul(dTall, mul(dSquare, dWide)), "TB", 0)
	put("product of one", op(hvp.Product(spd)), dSPD, "TRBD", hvp.SPD)
	put("diagonal times matrix", op(hvp.Product(diag50, square)), mul(m50, dSquare), "TRBD", 0)
	put("matrix times diagonal", op(hvp.Product(square, diag50)), mul(dSquare, m50), "TBD", 0)
	put("scaled on both sides", op(hvp.Product(diag50, spd, diag50)), mul(m50, mul(dSPD, m50)), "TBD", hvp.SPD)
	put("diagonals", op(hvp.Product(diag50, signed)), nil, "TRBD", hvp.Symmetric)
	put("AᵀA", op(hvp.Product(op(hvp.Transpose(tall)), tall)), mul(dTall.T(), dTall), "TB", semi)
	put("AAᵀ of closures", op(hvp.Product(closure(wide), op(hvp.Transpose(closure(wide))))), nil, "T", 0)
	hidden := closure(wide)
	put("AAᵀ of one closure", op(hvp.Product(hidden, op(hvp.Transpose(hidden)))), mul(dWide, dWide.T()), "T", semi)
	put("product with a singular factor", op(hvp.Product(hvp.WithStructure(square, hvp.Singular), square)), nil, "TB", hvp.Singular)
	put("transposed product", op(hvp.Transpose(op(hvp.Product(diag70, tall)))), mul(m70, dTall).T(), "TB", 0)

	// Gauss–Newton.
	put("JᵀJ", op(hvp.GaussNewton(tall, nil, nil)), mul(dTall.T(), dTall), "TB", semi)
	put("JᵀWJ", op(hvp.GaussNewton(tall, diag70, nil)), mul(dTall.T(), mul(m70, dTall)), "TB", semi)
	put("JᵀWJ + ridge", op(hvp.GaussNewton(tall, diag70, d50)), add(mul(dTall.T(), mul(m70, dTall)), m50), "TB", hvp.SPD)
	put("indefinite W", op(hvp.GaussNewton(square, signed, nil)), nil, "TB", hvp.Symmetric)
	put("J composed", op(hvp.GaussNewton(hvp.Scale(2, closure(tall)), diag70, d50)), add(scale(4, mul(dTall.T(), mul(m70, dTall))), m50), "T", hvp.SPD)

	// Low rank.
	u := normals(4, 50*3)
	c := []float64{2, 1, 0, 1, 3, -1, 0, -1, 1}
	mu, mc := mat.NewDense(50, 3, u), mat.NewDense(3, 3, c)
	lowRank := must[*hvp.LowRank](t)
	put("low rank plus diagonal", lowRank(hvp.NewLowRank(d50, u, 3, c)), add(m50, mul(mu, mul(mc, mu.T()))), "TBD", hvp.SPD)
	put("low rank", lowRank(hvp.NewLowRank(nil, u, 3, nil)), mul(mu, mu.T()), "TBD", semi|hvp.Singular)
	put("low rank, indefinite", lowRank(hvp.NewLowRank(d50, u, 3, []float64{1, 0, 0, 0, -1, 0, 0, 0, 1})), nil, "TBD", hvp.Symmetric)
	put("long low rank", lowRank(hvp.NewLowRank(positive(6, 5000), normals(7, 10000), 2, nil)), nil, "TBD", hvp.SPD)

	// Kronecker products.
	small, smallSPD := randomCSR(t, 6, 4), laplacian(t, 5)
	dSmall, dSmallSPD := denseOf(t, small), denseOf(t, smallSPD)
	put("A⊗B", op(hvp.Kronecker(small, wide)), kron(dSmall, dWide), "TB", 0)
	put("A⊗B⊗C", op(hvp.Kronecker(smallSPD, small, tall)), kron(dSmallSPD, kron(dSmall, dTall)), "TB", 0)
	put("SPD⊗SPD", op(hvp.Kronecker(smallSPD, spd)), kron(dSmallSPD, dSPD), "TBD", hvp.SPD)
	put("closure⊗closure", op(hvp.Kronecker(closure(small), closure(wide))), kron(dSmall, dWide), "T", 0)
	put("transposed A⊗B", op(hvp.Transpose(op(hvp.Kronecker(small, wide)))), kron(dSmall, dWide).T(), "TB", 0)
	put("A⊗1", op(hvp.Kronecker(square)), dSquare, "TRBD", 0)

	// Convolutions.
	conv := func(name string, rows, cols, k, l int, f []float64, boundary hvp.Boundary, promise hvp.Structure) {
		caps := "TRD"
		if boundary == hvp.Valid {
			caps = "TR"
		}
		a := must[*hvp.Convolution](t)(hvp.NewConvolution(rows, cols, f, k, l, boundary))
		put(fmt.Sprintf("%s convolution %d×%d of %d×%d, %v", name, k, l, rows, cols, boundary), a, convolved(rows, cols, f, k, l, boundary), caps, promise)
		put(fmt.Sprintf("%s adjoint %d×%d of %d×%d, %v", name, k, l, rows, cols, boundary), op(hvp.Transpose(a)), convolved(rows, cols, f, k, l, boundary).T(), caps, promise)
	}
	for boundary := hvp.Valid; boundary <= hvp.Replicate; boundary++ {
		for _, s := range [][4]int{{3, 3, 9, 11}, {1, 1, 3, 2}, {5, 3, 8, 9}, {2, 4, 7, 6}, {3, 3, 3, 3}, {1, 5, 6, 7}, {7, 7, 8, 7}, {5, 5, 9, 12}, {5, 5, 8, 45}, {7, 7, 11, 43}} {
			conv("random", s[2], s[3], s[0], s[1], normals(uint64(s[0]*s[1]), s[0]*s[1]), boundary, map[bool]hvp.Structure{true: hvp.Symmetric}[s[0]*s[1] == 1 && boundary != hvp.Valid && boundary != hvp.Replicate])
		}
	}
	conv("wide filter", 2, 3, 5, 7, normals(8, 35), hvp.Reflect, 0)
	conv("wide filter", 2, 3, 5, 7, normals(8, 35), hvp.Periodic, 0)
	turned := []float64{1, 2, 3, 4, 5, 4, 3, 2, 1}
	mirrored := []float64{1, 2, 1, 3, 5, 3, 1, 2, 1}
	conv("turned", 8, 9, 3, 3, turned, hvp.Zero, hvp.Symmetric)
	conv("turned", 8, 9, 3, 3, turned, hvp.Periodic, hvp.Symmetric)
	conv("turned", 8, 9, 3, 3, turned, hvp.Reflect, 0)
	conv("mirrored", 8, 9, 3, 3, mirrored, hvp.Reflect, hvp.Symmetric)
	conv("mirrored", 8, 9, 3, 3, mirrored, hvp.Replicate, 0)
	put("convolution of several chunks", must[*hvp.Convolution](t)(hvp.NewConvolution(70, 60, normals(9, 9), 3, 3, hvp.Reflect)), nil, "TRD", 0)
	put("5×5 convolution of several chunks", must[*hvp.Convolution](t)(hvp.NewConvolution(70, 60, normals(9, 25), 5, 5, hvp.Periodic)), nil, "TRD", 0)

	// Blocks.
	zero := mat.NewDense(50, 70, nil)
	put("blocks", op(hvp.Blocks([][]hvp.Operator{{square, wide}, {tall, diag70}})), stack([][]mat.Matrix{{dSquare, dWide}, {dTall, m70}}), "TRBD", 0)
	put("blocks with zeros", op(hvp.Blocks([][]hvp.Operator{{square, nil}, {nil, diag70}, {spd, wide}})), stack([][]mat.Matrix{{dSquare, zero}, {mat.NewDense(70, 50, nil), m70}, {dSPD, dWide}}), "TRB", 0)
	put("block diagonal", op(hvp.Blocks([][]hvp.Operator{{spd, nil}, {nil, diag70}})), stack([][]mat.Matrix{{dSPD, zero}, {zero.T(), m70}}), "TRBD", hvp.SPD)
	put("closures as blocks", op(hvp.Blocks([][]hvp.Operator{{closure(square), closure(wide)}})), stack([][]mat.Matrix{{dSquare, dWide}}), "T", 0)
	put("transposed blocks", op(hvp.Transpose(op(hvp.Blocks([][]hvp.Operator{{square, wide}})))), stack([][]mat.Matrix{{dSquare, dWide}}).T(), "TRB", 0)
	put("KKT", op(hvp.KKT(spd, tall, diag70)), stack([][]mat.Matrix{{dSPD, dTall.T()}, {dTall, scale(-1, m70)}}), "TRBD", hvp.Symmetric)
	put("KKT without C", op(hvp.KKT(spd, tall, nil)), stack([][]mat.Matrix{{dSPD, dTall.T()}, {dTall, mat.NewDense(70, 70, nil)}}), "TRBD", hvp.Symmetric)
	put("KKT of composed constraints", op(hvp.KKT(spd, hvp.Scale(2, tall), nil)), nil, "TRBD", hvp.Symmetric)
	put("unsymmetric KKT", op(hvp.KKT(square, tall, nil)), nil, "TRBD", 0)

	// Restriction and permutation.
	free := []int{3, 0, 17, 49, 20, 21, 22}
	order := rand.New(rand.NewPCG(3, 3)).Perm(50)
	cols := []int{69, 1, 2, 40}
	put("selection", must[*hvp.Selection](t)(hvp.NewSelection(50, free)), pick(mat.NewDiagDense(50, filledWith(50, 1)), free, upTo(50)), "TRBD", 0)
	put("A[I,I] of CSR", op(hvp.Principal(spd, free)), pick(dSPD, free, free), "TRBD", hvp.SPD)
	put("A[I,I] of Diagonal", op(hvp.Principal(diag50, free)), pick(m50, free, free), "TRBD", hvp.SPD)
	put("A[I,I] of a sum", op(hvp.Principal(op(hvp.Shift(spd, 1)), free)), add(pick(dSPD, free, free), mat.NewDiagDense(7, filledWith(7, 1))), "TBD", hvp.SPD)
	put("A[I,I] of a closure", op(hvp.Principal(closure(square), free)), pick(dSquare, free, free), "T", 0)
	put("A[I,J] of CSR", op(hvp.Restrict(wide, free, cols)), pick(dWide, free, cols), "TRBD", 0)
	put("A[I,J] of a closure", op(hvp.Restrict(closure(wide), free, cols)), pick(dWide, free, cols), "T", 0)
	put("A[I,:]", op(hvp.Restrict(hvp.Scale(2, wide), free, nil)), scale(2, pick(dWide, free, upTo(70))), "TB", 0)
	put("A[:,J] transposed", op(hvp.Transpose(op(hvp.Restrict(hvp.Scale(2, wide), nil, cols)))), scale(2, pick(dWide, upTo(50), cols)).T(), "TB", 0)
	put("PAPᵀ", op(hvp.Permute(hvp.Scale(2, spd), order)), scale(2, pick(dSPD, order, order)), "TBD", hvp.SPD)
	put("PAPᵀ of CSR", op(hvp.Permute(spd, order)), pick(dSPD, order, order), "TRBD", hvp.SPD)

	// Batches.
	var terms []hvp.Operator
	var weights []float64
	sum := mat.Matrix(mat.NewDense(50, 50, nil))
	for k := range 19 {
		i, j, v := triplets(rand.New(rand.NewPCG(11, uint64(k))), 50, 50)
		a := must[*hvp.CSR](t)(hvp.NewCSRFromTriplets(50, 50, i, j, v))
		terms, weights = append(terms, a), append(weights, float64(k-3)/7)
		sum = add(sum, scale(weights[k], denseOf(t, a)))
	}
	put("batch", op(hvp.Batch(weights, terms...)), sum, "TRBD", 0)
	put("transposed batch", op(hvp.Transpose(op(hvp.Batch(weights, terms...)))), sum.T(), "TRBD", 0)
	put("batch of SPD", op(hvp.Batch([]float64{0.5, 2}, spd, diag50)), add(scale(0.5, dSPD), scale(2, m50)), "TRBD", hvp.SPD)
	put("batch of one", op(hvp.Batch([]float64{-2}, spd)), scale(-2, dSPD), "TRBD", hvp.Symmetric)
	put("batch of closures", op(hvp.Batch(nil, closure(square), closure(spd))), add(dSquare, dSPD), "T", 0)
	put("batch of long terms", op(hvp.Batch(nil, laplacian(t, 5000), laplacian(t, 5000))), nil, "TRBD", hvp.SPD)
	return cases
}

func upTo(n int) []int {
	x := make([]int, n)
	for i := range x {
		x[i] = i
	}
	return x
}

func filledWith(n int, v float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// TestStructuredOperators: each is the matrix that its formula says, keeps the
// contract, and has the capabilities and promises that its parts allow.
func TestStructuredOperators(t *testing.T) {
	for _, c := range structuredCases(t) {
		t.Run(c.name, func(t *testing.T) {
			hvptest.TestOperator(t, c.a, nil)
			if got := letters(c.a); got != c.caps || hvp.StructureOf(c.a) != c.promise {
				t.Errorf("capabilities %q and promises %v, want %q and %v", got, hvp.StructureOf(c.a), c.caps, c.promise)
			}
			if c.want == nil {
				return
			}
			got := denseOf(t, c.a)
			size := mat.Norm(c.want, 2)
			var diff mat.Dense
			diff.Sub(got, c.want)
			if d := mat.Norm(&diff, 2); !(d <= 1e-14*size) {
				t.Errorf("differs by %.2g of %.2g from the matrix", d, size)
			}
		})
	}
}

// letters names the capabilities: transpose, rows, block, diagonal.
func letters(a hvp.Operator) (s string) {
	add := func(ok bool, letter string) {
		if ok {
			s += letter
		}
	}
	_, ok := hvp.Trans(a)
	add(ok, "T")
	_, ok = hvp.Rows(a)
	add(ok, "R")
	_, ok = hvp.Block(a)
	add(ok, "B")
	_, ok = hvp.Diag(a)
	add(ok, "D")
	return s
}

// TestStructuredProductsDoNotAllocate in the steady state.
func TestStructuredProductsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	ctx := context.Background()
	for _, c := range structuredCases(t) {
		rows, cols := c.a.Dims()
		dst, x := make([]float64, 3*rows), make([]float64, 3*cols)
		products := map[string]func(){"Apply": func() { c.a.Apply(ctx, dst[:rows], x[:cols]) }}
		if tr, ok := hvp.Trans(c.a); ok {
			products["ApplyTrans"] = func() { tr.ApplyTrans(ctx, x[:cols], dst[:rows]) }
		}
		if r, ok := hvp.Rows(c.a); ok {
			products["ApplyRows"] = func() { r.ApplyRows(dst[:rows], x[:cols], 0, rows) }
		}
		if b, ok := hvp.Block(c.a); ok {
			products["ApplyBlock"] = func() { b.ApplyBlock(ctx, dst, x, 3) }
		}
		for what, product := range products {
			product()
			if got := testing.AllocsPerRun(20, product); got >= 1 {
				t.Errorf("%s: %s allocates %v times", c.name, what, got)
			}
		}
	}
}

// TestStructuredErrors: bad input is an error at construction that says what is
// wrong.
func TestStructuredErrors(t *testing.T) {
	square, tall, spd := randomCSR(t, 5, 5), randomCSR(t, 7, 5), laplacian(t, 5)
	oneWay := &hvp.Func{Rows: 5, Mul: square.Apply}
	nan := math.NaN()
	low := func(d, u []float64, r int, c []float64) error { _, err := hvp.NewLowRank(d, u, r, c); return err }
	conv := func(rows, cols int, f []float64, k, l int, b hvp.Boundary) error {
		_, err := hvp.NewConvolution(rows, cols, f, k, l, b)
		return err
	}
	second := func(_ hvp.Operator, err error) error { return err }
	selection := func(n int, index ...int) error { _, err := hvp.NewSelection(n, index); return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{second(hvp.Product()), "no operators"},
		{second(hvp.Product(square, nil)), "factor 1"},
		{second(hvp.Product(square, tall)), "5×5 operator and, as factor 1, a 7×5"},
		{second(hvp.GaussNewton(nil, nil, nil)), "nil"},
		{second(hvp.GaussNewton(oneWay, nil, nil)), "ApplyTrans"},
		{second(hvp.GaussNewton(tall, spd, nil)), "W of 5×5"},
		{second(hvp.GaussNewton(square, square, nil)), "symmetric"},
		{second(hvp.GaussNewton(tall, nil, []float64{1})), "ridge of length 1"},
		{second(hvp.GaussNewton(tall, nil, []float64{1, 1, nan, 1, 1})), "entry 2 is NaN"},
		{low(nil, []float64{1, 2, 3}, 2, nil), "2 columns"},
		{low(nil, []float64{1, 2}, 0, nil), "0 columns"},
		{low([]float64{1}, []float64{1, 2, 3, 4}, 2, nil), "length 1"},
		{low(nil, []float64{1, 2, 3, 4}, 2, []float64{1}), "C of 1"},
		{low(nil, []float64{1, 2, 3, 4}, 2, []float64{1, 2, 3, 4}), "not symmetric"},
		{low(nil, []float64{1, nan}, 1, nil), "element 1 is NaN"},
		{low([]float64{nan, 0}, []float64{1, 2}, 1, nil), "diagonal: element 0"},
		{second(hvp.Kronecker()), "no operators"},
		{second(hvp.Kronecker(square, nil)), "factor 1"},
		{conv(0, 3, []float64{1}, 1, 1, hvp.Zero), "0×3"},
		{conv(3, 3, []float64{1, 2}, 1, 1, hvp.Zero), "1×1"},
		{conv(3, 3, nil, 0, 0, hvp.Zero), "0×0"},
		{conv(3, 3, []float64{1, nan}, 1, 2, hvp.Zero), "element 1 is NaN"},
		{conv(3, 3, []float64{1}, 1, 1, 9), "Boundary(9)"},
		{conv(3, 3, make([]float64, 4), 4, 1, hvp.Valid), "larger filter"},
		{second(hvp.Blocks(nil)), "without blocks"},
		{second(hvp.Blocks([][]hvp.Operator{{square}, {square, nil}})), "block row 1 has 2"},
		{second(hvp.Blocks([][]hvp.Operator{{square, nil}, {nil, nil}})), "block row 1"},
		{second(hvp.Blocks([][]hvp.Operator{{square, nil}})), "block column 1"},
		{second(hvp.Blocks([][]hvp.Operator{{square, tall}})), "block (0,1) is 7×5"},
		{second(hvp.KKT(nil, tall, nil)), "Hessian"},
		{second(hvp.KKT(square, nil, nil)), "constraints"},
		{second(hvp.KKT(tall, tall, nil)), "7×5"},
		{second(hvp.KKT(square, tall, square)), "C of 5×5"},
		{second(hvp.KKT(square, oneWay, nil)), "ApplyTrans"},
		{selection(-1), "-1"},
		{selection(3, 0, 3), "outside [0,3)"},
		{selection(3, -1), "is -1"},
		{selection(3, 1, 1), "twice"},
		{second(hvp.Principal(nil, nil)), "nil"},
		{second(hvp.Principal(tall, []int{0})), "not square"},
		{second(hvp.Principal(square, []int{5})), "outside"},
		{second(hvp.Restrict(nil, nil, nil)), "nil"},
		{second(hvp.Restrict(tall, []int{0, 0}, nil)), "rows: 0 occurs twice"},
		{second(hvp.Restrict(tall, nil, []int{5})), "columns"},
		{second(hvp.Permute(square, []int{0, 1})), "length 2"},
		{second(hvp.Batch(nil)), "no operators"},
		{second(hvp.Batch([]float64{1}, square, square)), "1 weights"},
		{second(hvp.Batch([]float64{1, nan}, square, square)), "weight 1"},
		{second(hvp.Batch(nil, square, tall)), "term 1"},
		{second(hvp.Batch(nil, nil)), "term 0"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", c.err, c.want)
		}
	}
}

// TestPartsThatFail: an error of a part comes through, whole.
func TestPartsThatFail(t *testing.T) {
	spd := laplacian(t, 5)
	broken := &hvp.Func{Rows: 5, Promise: hvp.SPD, Mul: func(context.Context, []float64, []float64) error { return errBroken }}
	op := must[hvp.Operator](t)
	for name, a := range map[string]hvp.Operator{
		"product":   op(hvp.Product(spd, broken)),
		"kronecker": op(hvp.Kronecker(broken, spd)),
		"blocks":    op(hvp.Blocks([][]hvp.Operator{{spd, broken}})),
		"batch":     op(hvp.Batch(nil, spd, broken, spd)),
		"restrict":  op(hvp.Principal(broken, []int{1})),
	} {
		rows, cols := a.Dims()
		if err := a.Apply(t.Context(), make([]float64, rows), make([]float64, cols)); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

var errBroken = fmt.Errorf("broken")
