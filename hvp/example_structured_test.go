package hvp_test

import (
	"fmt"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/mat"

	"github.com/hgsolve/hgsolve/hvp"
)

func ExampleProduct() {
	a, _ := hvp.NewCSRFromMat(mat.NewDense(2, 3, []float64{1, 2, 0, 0, 1, 1}))
	t, _ := hvp.Transpose(a)
	p, err := hvp.Product(t, a)
	if err != nil {
		fmt.Println(err)
		return
	}
	product(p)
	fmt.Println(hvp.StructureOf(p))
	// Output:
	// [5 15 5]
	// symmetric positive semidefinite
}

// Least squares with weights and a ridge, from the Jacobian of the residuals.
func ExampleGaussNewton() {
	j, _ := hvp.NewCSRFromMat(mat.NewDense(3, 2, []float64{1, 0, 1, 1, 0, 2}))
	w, _ := hvp.NewDiagonal([]float64{1, 0.5, 2})
	h, err := hvp.GaussNewton(j, w, []float64{0.1, 0.1})
	if err != nil {
		fmt.Println(err)
		return
	}
	product(h)
	fmt.Println(hvp.StructureOf(h))
	// Output:
	// [2.6 17.7]
	// symmetric positive definite
}

// I + u·uᵀ with u = (1, 2, 3).
func ExampleNewLowRank() {
	a, err := hvp.NewLowRank([]float64{1, 1, 1}, []float64{1, 2, 3}, 1, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	product(a)
	// Output: [15 30 45]
}

// The Laplacian of a 2×3 grid, from those of its two directions.
func ExampleKronecker() {
	rows, _ := hvp.NewCSRFromMat(mat.NewSymDense(2, []float64{1, -1, -1, 1}))
	cols, _ := hvp.NewCSRFromMat(mat.NewSymDense(3, []float64{1, -1, 0, -1, 2, -1, 0, -1, 1}))
	one2, _ := hvp.NewDiagonal([]float64{1, 1})
	one3, _ := hvp.NewDiagonal([]float64{1, 1, 1})
	vertical, _ := hvp.Kronecker(rows, one3)
	horizontal, _ := hvp.Kronecker(one2, cols)
	laplacian, err := hvp.Sum(vertical, horizontal)
	if err != nil {
		fmt.Println(err)
		return
	}
	product(laplacian)
	// Output: [-4 -3 -2 2 3 4]
}

// The horizontal differences of a 2×3 image and their adjoint.
func ExampleNewConvolution() {
	d, err := hvp.NewConvolution(2, 3, []float64{1, -1}, 1, 2, hvp.Valid)
	if err != nil {
		fmt.Println(err)
		return
	}
	product(d)
	adjoint, _ := hvp.Transpose(d)
	product(adjoint)
	// Output:
	// [1 1 1 1]
	// [-1 -1 2 -3 -1 4]
}

func ExampleBlocks() {
	a, _ := hvp.NewCSRFromMat(mat.NewDense(1, 2, []float64{3, 4}))
	d, _ := hvp.NewDiagonal([]float64{1, 2})
	b, err := hvp.Blocks([][]hvp.Operator{
		{d, nil},
		{nil, a},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	product(b)
	// Output: [1 4 25]
}

// The system of min ½‖y‖² subject to y₁ + y₂ = b.
func ExampleKKT() {
	h, _ := hvp.NewDiagonal([]float64{1, 1})
	a, _ := hvp.NewCSRFromMat(mat.NewDense(1, 2, []float64{1, 1}))
	k, err := hvp.KKT(h, a, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	product(k)
	fmt.Println(hvp.StructureOf(k))
	// Output:
	// [4 5 3]
	// symmetric
}

// The Hessian on the variables that no bound holds.
func ExamplePrincipal() {
	h, _ := hvp.NewCSRFromMat(mat.NewSymDense(3, []float64{2, 1, 0, 1, 3, 1, 0, 1, 4}))
	free, err := hvp.Principal(h, []int{0, 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	product(free)
	// Output: [2 8]
}

func ExampleRestrict() {
	a, _ := hvp.NewCSRFromMat(mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 6}))
	part, err := hvp.Restrict(a, []int{1}, []int{2, 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	product(part)
	// Output: [14]
}

func ExampleNewSelection() {
	p, err := hvp.NewSelection(5, []int{4, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	product(p)
	t, _ := hvp.Transpose(p)
	product(t)
	// Output:
	// [5 2]
	// [0 2 0 0 1]
}

func ExamplePermute() {
	a, _ := hvp.NewDiagonal([]float64{10, 20, 30})
	p, err := hvp.Permute(a, []int{2, 0, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	product(p)
	// Output: [30 20 60]
}

// The mean of the Hessians of three mini-batches.
func ExampleBatch() {
	var terms []hvp.Operator
	for _, d := range [][]float64{{1, 0}, {0, 3}, {2, 3}} {
		h, _ := hvp.NewDiagonal(d)
		terms = append(terms, h)
	}
	mean, err := hvp.Batch([]float64{1. / 3, 1. / 3, 1. / 3}, terms...)
	if err != nil {
		fmt.Println(err)
		return
	}
	product(mean)
	// Output: [1 4]
}

func ExampleReadMatrixMarket() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "a.mtx")
	text := "%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 4\n2 1 -1\n2 2 4\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	a, err := hvp.ReadMatrixMarket(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	product(a)
	fmt.Println(hvp.StructureOf(a))
	// Output:
	// [2 7]
	// symmetric
}
