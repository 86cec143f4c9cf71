package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/formats"
)

// load reads the system.
func (o *solveOptions) load(ctx context.Context, prog *progress) (*solveJob, error) {
	j := &solveJob{}
	var err error
	if o.stencil != "" {
		err = j.loadStencil(o, prog)
	} else {
		err = j.loadMatrix(ctx, o, prog)
	}
	if err != nil {
		return nil, err
	}
	rows, cols := j.a.Dims()
	shape := fmt.Sprintf("%s is %d×%d", j.title, rows, cols)
	if o.trans {
		rows, cols = cols, rows
		shape += ", to be transposed"
	}
	if j.b, err = readRHS(ctx, o.rhs, rows, shape); err != nil {
		return nil, err
	}
	if o.x0 == "" {
		j.x = make([]float64, cols)
	} else if j.x, err = readVector(ctx, o.x0, cols, "x", shape); err != nil {
		return nil, err
	}
	return j, ctx.Err()
}

// loadMatrix reads the file of -matrix.
func (j *solveJob) loadMatrix(ctx context.Context, o *solveOptions, prog *progress) error {
	j.title = o.matrix
	prog.phase("reading %s", o.matrix)
	m, err := readMatrixMarket(ctx, o.matrix)
	if err != nil {
		return err
	}
	rows, cols := m.Rows, m.Cols
	if err := checkMemory(fmt.Sprintf("%s: a matrix of %d×%d", o.matrix, rows, cols), leastVectors*float64(max(rows, cols))); err != nil {
		return err
	}
	r, c, v := m.Expand()
	if o.shift != 0 {
		if rows != cols {
			return fmt.Errorf("%s: -shift of a %d×%d matrix, which is not square", o.matrix, rows, cols)
		}
		for i := range int32(rows) {
			r, c, v = append(r, i), append(c, i), append(v, o.shift) // entries of one place add up
		}
	}
	symmetry := m.Symmetry
	m = nil // what Expand has copied can go
	a, err := hvp.NewCSRFromTriplets(rows, cols, r, c, v)
	if err != nil {
		return fmt.Errorf("%s: %w", o.matrix, err)
	}
	j.a, j.nnz, j.matrix = a, a.NNZ(), a
	switch {
	case o.spd:
		if _, err := a.Promise(hvp.SPD); err != nil {
			return fmt.Errorf("%s: -spd: %w", o.matrix, err)
		}
		j.source = "by -spd"
	case rows != cols:
		j.source = "rectangular"
	case symmetry == "symmetric":
		if _, err := a.Promise(hvp.Symmetric); err != nil {
			return fmt.Errorf("%s: %w", o.matrix, err)
		}
		j.source = "as stored"
	default:
		if _, err := a.Promise(hvp.Symmetric); err == nil {
			j.source = fmt.Sprintf("checked entry by entry, stored as %s", symmetry)
		} else {
			j.source = "stored as " + symmetry
		}
	}
	return nil
}

// loadStencil makes the operator of -stencil.
func (j *solveJob) loadStencil(o *solveOptions, prog *progress) error {
	shape, err := parseStencil(o.stencil)
	if err != nil {
		return err
	}
	j.title = "stencil " + o.stencil
	nodes := 1.0
	for _, side := range shape {
		nodes *= float64(side)
	}
	if err := checkMemory("-stencil "+o.stencil, leastVectors*nodes); err != nil {
		return err
	}
	a, err := hvp.NewStencil(1, o.shift, shape...)
	if err != nil {
		return fmt.Errorf("-stencil %s: %w", o.stencil, err)
	}
	j.a, j.nnz, j.source = a, a.NNZ(), "by construction"
	if o.operator == assembled {
		prog.phase("%s: assembling", j.title)
		if j.matrix, err = a.Assemble(); err != nil {
			return fmt.Errorf("-stencil %s: %w", o.stencil, err)
		}
		j.a = j.matrix
	}
	if o.spd && !a.Structure().Has(hvp.SPD) {
		j.a, j.source = hvp.WithStructure(j.a, hvp.SPD), "by -spd"
	}
	return nil
}

// parseStencil takes 2d:N or 3d:N apart.
func parseStencil(text string) (shape []int, err error) {
	kind, number, _ := strings.Cut(text, ":")
	dim := map[string]int{"2d": 2, "3d": 3}[kind]
	side, err := strconv.Atoi(number)
	if dim == 0 || err != nil {
		return nil, usagef("-stencil %s is neither 2d:N nor 3d:N", text)
	}
	if most := int(math.Pow(math.MaxInt32, 1/float64(dim))); side < 1 || side > most {
		return nil, usagef("-stencil %s: N must be 1 … %d", text, most)
	}
	return slices.Repeat([]int{side}, dim), nil
}

// parseRandom takes random:SEED apart; is says whether text is of that form.
func parseRandom(text string) (seed uint64, is bool, err error) {
	number, is := strings.CutPrefix(text, "random:")
	if !is {
		return 0, false, nil
	}
	if seed, err = strconv.ParseUint(number, 10, 64); err != nil {
		return 0, true, usagef("-rhs %s: the seed must be a whole number 0 … 2^64−1", text)
	}
	return seed, true, nil
}

// readRHS returns the n numbers that -rhs stands for. shape says in errors why
// there must be n.
func readRHS(ctx context.Context, text string, n int, shape string) ([]float64, error) {
	b := make([]float64, n)
	seed, random, err := parseRandom(text)
	switch {
	case err != nil:
		return nil, err
	case random:
		rng := rand.New(rand.NewPCG(seed, 0))
		for i := range b {
			b[i] = rng.NormFloat64()
		}
	case text == "ones":
		for i := range b {
			b[i] = 1
		}
	case text == "sine":
		for i := range b {
			b[i] = math.Sin(0.01 * float64(i))
		}
	default:
		return readVector(ctx, text, n, "b", shape)
	}
	return b, nil
}

// readVector reads n finite numbers from a NumPy or Matrix Market file, told
// apart by how they begin. what is the name of the vector in errors, and shape
// says why there must be n numbers.
func readVector(ctx context.Context, path string, n int, what, shape string) ([]float64, error) {
	magic, err := firstBytes(path, 6)
	if err != nil {
		return nil, err
	}
	var v []float64
	switch {
	case bytes.HasPrefix(magic, []byte("\x93NUMPY")):
		v, err = readNpyVector(path)
	case bytes.HasPrefix(magic, []byte("%%")):
		v, err = readMatrixMarketVector(ctx, path)
	default:
		err = fmt.Errorf("%s: neither a .npy nor a Matrix Market file", path)
	}
	if err != nil {
		return nil, err
	}
	if len(v) != n {
		return nil, fmt.Errorf("%s: %d values, %s needs %d: %s", path, len(v), what, n, shape)
	}
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("%s: value %d is %v", path, i, x)
		}
	}
	return v, nil
}

// firstBytes returns the first bytes of a file, decompressed.
func firstBytes(path string, n int) ([]byte, error) {
	f, err := formats.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, n)
	n, err = io.ReadFull(f, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil // short files fail for a better reason
	}
	return buf[:n], err
}

func readNpyVector(path string) ([]float64, error) {
	v, shape, err := formats.ReadNpy(path)
	if err != nil {
		return nil, err
	}
	long := 0
	for _, d := range shape {
		if d != 1 {
			long++
		}
	}
	if long > 1 {
		return nil, fmt.Errorf("%s: shape %v, want a vector", path, shape)
	}
	return v, nil
}

func readMatrixMarketVector(ctx context.Context, path string) ([]float64, error) {
	m, err := readMatrixMarket(ctx, path)
	if err != nil {
		return nil, err
	}
	if m.Cols != 1 {
		return nil, fmt.Errorf("%s: %d×%d matrix, want one column", path, m.Rows, m.Cols)
	}
	if m.Dense {
		return m.V, nil
	}
	v := make([]float64, m.Rows)
	i, _, values := m.Expand()
	for k, x := range values {
		v[i[k]] += x
	}
	return v, nil
}

// readMatrixMarket reads a Matrix Market file until ctx ends.
func readMatrixMarket(ctx context.Context, path string) (*formats.MatrixMarket, error) {
	f, err := formats.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return formats.ReadMatrixMarket(&contextReader{ctx, f}, path)
}

// contextReader reads until a context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
