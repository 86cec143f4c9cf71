package hvp_test

import (
	"context"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

// TestWrappersPassAccuracyOn: an operator made of differences stays known as
// such inside every wrapper.
func TestWrappersPassAccuracyOn(t *testing.T) {
	g := func(_ context.Context, dst, y []float64) error {
		for i, v := range y {
			dst[i] = v * v * v
		}
		return nil
	}
	fd, err := hvp.NewFiniteDifference(context.Background(), g, []float64{1, 2, 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := hvp.AccuracyOf(fd)
	exact, err := hvp.NewDiagonal([]float64{1, 1, 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() (hvp.Operator, error){
		"Product":   func() (hvp.Operator, error) { return hvp.Product(exact, fd) },
		"Kronecker": func() (hvp.Operator, error) { return hvp.Kronecker(exact, fd) },
		"Blocks":    func() (hvp.Operator, error) { return hvp.Blocks([][]hvp.Operator{{exact, nil}, {nil, fd}}) },
		"Principal": func() (hvp.Operator, error) { return hvp.Principal(fd, []int{0, 2}) },
		"Batch":     func() (hvp.Operator, error) { return hvp.Batch([]float64{1, 2}, exact, fd) },
		"Sum":       func() (hvp.Operator, error) { return hvp.Sum(exact, fd) },
		"Scale":     func() (hvp.Operator, error) { return hvp.Scale(2, fd), nil },
	} {
		a, err := make()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := hvp.AccuracyOf(a); !(want > 0) || got < want {
			t.Errorf("%s: accuracy %g, that of its part is %g", name, got, want)
		}
	}
}
