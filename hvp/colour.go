package hvp

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// A Colouring puts the columns of a sparse matrix into groups that one product
// can tell apart. It is made from the sparsity pattern alone and serves all
// matrices with entries in that pattern.
//
// At distance 1, columns of one colour have no entry at each other's diagonal
// place: A_ij = 0 for i ≠ j of equal colour. One product with the sum of the unit
// vectors of a colour gives their diagonal entries, exactly. At distance 2 no row
// has entries in two columns of one colour, and the product gives all of their
// entries (Curtis, Powell & Reid, IMA J. Appl. Math. 13, 1974,
// doi:10.1093/imamat/13.1.117; Gebremedhin, Manne & Pothen, What color is your
// Jacobian?, SIAM Rev. 47, 2005, doi:10.1137/S0036144504444711).
type Colouring struct {
	colour   []int32
	colours  int
	distance int
}

// NewColouring colours the columns of a square sparse pattern greedily, in order:
// each gets the first colour that no earlier neighbour has. The values of pattern
// do not matter, stored zeros count. distance is 1 or 2. The number of colours is
// at most one more than the largest number of neighbours.
func NewColouring(pattern *CSR, distance int) (*Colouring, error) {
	switch {
	case pattern == nil:
		return nil, errors.New("hvp: colouring of a nil pattern")
	case pattern.rows != pattern.cols:
		return nil, fmt.Errorf("hvp: colouring of a %d×%d pattern", pattern.rows, pattern.cols)
	case distance != 1 && distance != 2:
		return nil, fmt.Errorf("hvp: colouring at distance %d, want 1 or 2", distance)
	}
	t := pattern.transpose()
	rowOf := func(a *CSR, i int) []int32 { return a.col[a.rowPtr[i]:a.rowPtr[i+1]] }
	return greedy(pattern.cols, distance, func(j int, visit func(int32)) {
		for _, i := range rowOf(t, j) { // rows with an entry in column j
			visit(i)
			if distance == 2 {
				for _, k := range rowOf(pattern, int(i)) {
					visit(k)
				}
			}
		}
		for _, k := range rowOf(pattern, j) {
			visit(k)
		}
	}), nil
}

// greedy colours 0 … n-1; neighbours visits those of one, itself possibly among
// them.
func greedy(n, distance int, neighbours func(j int, visit func(int32))) *Colouring {
	c := &Colouring{colour: make([]int32, n), distance: distance}
	var usedBy []int // the last column that met each colour
	for j := range n {
		neighbours(j, func(k int32) {
			if int(k) < j {
				usedBy[c.colour[k]] = j + 1
			}
		})
		pick := 0
		for pick < len(usedBy) && usedBy[pick] == j+1 {
			pick++
		}
		if pick == len(usedBy) {
			usedBy = append(usedBy, 0)
		}
		c.colour[j] = int32(pick)
	}
	c.colours = len(usedBy)
	return c
}

// NewGridColouring colours a regular grid with the given extents, numbered in
// row-major order, on which every point is coupled to those at most radius away in
// each direction (a 3×3 or 3×3×3 stencil has radius 1): position modulo radius+1
// at distance 1, modulo 2·radius+1 at distance 2. That is optimal.
func NewGridColouring(extents []int, radius, distance int) (*Colouring, error) {
	if radius < 0 || distance != 1 && distance != 2 {
		return nil, fmt.Errorf("hvp: grid colouring for radius %d at distance %d, want distance 1 or 2", radius, distance)
	}
	n := 1
	for _, e := range extents {
		if e < 1 || n > math.MaxInt32/e {
			return nil, fmt.Errorf("hvp: grid of %v points", extents)
		}
		n *= e
	}
	c := &Colouring{colour: make([]int32, n), colours: 1, distance: distance}
	period := distance*radius + 1
	stride := n
	for _, e := range extents {
		stride /= e
		p := min(period, e)
		for i := range c.colour {
			c.colour[i] = c.colour[i]*int32(p) + int32(i/stride%e%p)
		}
		c.colours *= p
	}
	return c, nil
}

// Colours returns the number of colours: the products that one use costs.
func (c *Colouring) Colours() int { return c.colours }

// fits returns an error unless a is square of the size of c.
func (c *Colouring) fits(a Operator) error {
	if a == nil {
		return errors.New("hvp: colouring with a nil operator")
	}
	if rows, cols := a.Dims(); rows != len(c.colour) || cols != len(c.colour) {
		return fmt.Errorf("hvp: a colouring of %d columns with a %d×%d operator", len(c.colour), rows, cols)
	}
	return nil
}

// each computes A·(sum of the unit vectors of a colour) for all colours.
func (c *Colouring) each(ctx context.Context, a Operator, use func(colour int32, av []float64)) error {
	v, av := make([]float64, len(c.colour)), make([]float64, len(c.colour))
	for k := range int32(c.colours) {
		for i, own := range c.colour {
			v[i] = 0
			if own == k {
				v[i] = 1
			}
		}
		if err := a.Apply(ctx, av, v); err != nil {
			return fmt.Errorf("hvp: product for colour %d: %w", k, err)
		}
		use(k, av)
	}
	return nil
}

// Diagonal sets dst to the diagonal of a, exactly if all entries of a are in the
// pattern that was coloured; that is not verified ([Recover] does).
func (c *Colouring) Diagonal(ctx context.Context, a Operator, dst []float64) error {
	if err := c.fits(a); err != nil {
		return err
	}
	if err := checkDiag(len(c.colour), len(c.colour), dst); err != nil {
		return err
	}
	return c.each(ctx, a, func(colour int32, av []float64) {
		for i, own := range c.colour {
			if own == colour {
				dst[i] = av[i]
			}
		}
	})
}

// BlockDiagonal returns the diagonal blocks of a for consecutive groups of
// variables: block b holds the rows and columns bounds[b] … bounds[b+1]-1, in
// row-major order. bounds runs from 0 to n. Blocks that pattern does not couple
// share products: it takes colours × (largest block) of them, and returns how many.
// The result is exact if all entries of a are in the pattern; that is not verified.
func BlockDiagonal(ctx context.Context, a Operator, pattern *CSR, bounds []int) (blocks [][]float64, products int, err error) {
	if a == nil || pattern == nil {
		return nil, 0, errors.New("hvp: block diagonal of a nil operator or pattern")
	}
	n, cols := a.Dims()
	if n != cols || pattern.rows != n || pattern.cols != n {
		return nil, 0, fmt.Errorf("hvp: block diagonal of a %d×%d operator with a %d×%d pattern", n, cols, pattern.rows, pattern.cols)
	}
	count := len(bounds) - 1
	if count < 0 || bounds[0] != 0 || bounds[count] != n {
		return nil, 0, fmt.Errorf("hvp: bounds of blocks must run from 0 to %d", n)
	}
	largest, blockOf := 0, make([]int32, n)
	for b := range count {
		size := bounds[b+1] - bounds[b]
		if size < 1 || bounds[b+1] > n {
			return nil, 0, fmt.Errorf("hvp: block %d runs from %d to %d", b, bounds[b], bounds[b+1])
		}
		largest = max(largest, size)
		for i := bounds[b]; i < bounds[b+1]; i++ {
			blockOf[i] = int32(b)
		}
		blocks = append(blocks, make([]float64, size*size))
	}
	t := pattern.transpose()
	c := greedy(count, 1, func(b int, visit func(int32)) {
		for i := bounds[b]; i < bounds[b+1]; i++ {
			for _, m := range []*CSR{pattern, t} {
				for _, j := range m.col[m.rowPtr[i]:m.rowPtr[i+1]] {
					visit(blockOf[j])
				}
			}
		}
	})
	v, av := make([]float64, n), make([]float64, n)
	for k := range int32(c.colours) {
		for l := range largest {
			clear(v)
			any := false
			for b, own := range c.colour {
				if own == k && bounds[b]+l < bounds[b+1] {
					v[bounds[b]+l], any = 1, true
				}
			}
			if !any {
				continue
			}
			if err := a.Apply(ctx, av, v); err != nil {
				return nil, products, fmt.Errorf("hvp: product for blocks of colour %d: %w", k, err)
			}
			products++
			for b, own := range c.colour {
				size := bounds[b+1] - bounds[b]
				if own == k && l < size {
					for r := range size {
						blocks[b][r*size+l] = av[bounds[b]+r]
					}
				}
			}
		}
	}
	return blocks, products, nil
}

// PatternError says that an operator has entries outside the pattern it was
// recovered from.
type PatternError struct {
	// Mismatch is ‖A·v − Â·v‖/‖A·v‖ for a random v.
	Mismatch float64
}

// Error implements error.
func (e *PatternError) Error() string {
	return fmt.Sprintf("hvp: the operator has entries outside the given pattern: a random product differs by %.2g", e.Mismatch)
}

// Recover returns the sparse matrix of a, whose entries are all in the pattern,
// from one product for each colour of a distance-2 colouring c of it, whatever n
// is: for a 5-point stencil 5 to 8 products. One more product with a random vector
// verifies the result to 1e-10, or to 100 times the accuracy that a reports; if it
// differs, the error is a [*PatternError]. A nil c makes the colouring.
func Recover(ctx context.Context, a Operator, pattern *CSR, c *Colouring) (*CSR, error) {
	if c == nil {
		var err error
		if c, err = NewColouring(pattern, 2); err != nil {
			return nil, err
		}
	}
	if err := c.fits(a); err != nil {
		return nil, err
	}
	if c.distance != 2 {
		return nil, errors.New("hvp: recovering a matrix needs a colouring at distance 2")
	}
	if pattern == nil || pattern.rows != len(c.colour) || pattern.cols != len(c.colour) {
		return nil, errors.New("hvp: the colouring does not belong to the pattern")
	}
	val := make([]float64, len(pattern.val))
	err := c.each(ctx, a, func(colour int32, av []float64) {
		for i := range pattern.rows {
			for k := pattern.rowPtr[i]; k < pattern.rowPtr[i+1]; k++ {
				if c.colour[pattern.col[k]] == colour {
					val[k] = av[i]
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	m, err := NewCSR(pattern.rows, pattern.cols, pattern.rowPtr, pattern.col, val)
	if err != nil {
		return nil, err
	}
	v := probeDirection(m.cols, 2)
	got, want := make([]float64, m.rows), make([]float64, m.rows)
	if err := m.Apply(ctx, got, v); err != nil {
		return nil, err
	}
	if err := a.Apply(ctx, want, v); err != nil {
		return nil, fmt.Errorf("hvp: verifying product: %w", err)
	}
	size := norm(ctx, want)
	for i := range got {
		got[i] -= want[i]
	}
	if e := ratio(norm(ctx, got), size); !(e <= max(1e-10, 100*AccuracyOf(a))) {
		return nil, &PatternError{e}
	}
	return m, nil
}
