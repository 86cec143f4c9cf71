package autodiff

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Terms is a sum of terms that have the same form.
type Terms struct {
	// Name is used in errors. Empty means "group" and the number.
	Name string
	// Func returns the value of one term, given the entries of y and w that
	// the term sees and the constants of the term. It is called a few times
	// by [New], to be recorded, and not again: what it computes otherwise than
	// from its arguments is a constant, the same for all terms.
	Func func(y, w, c []Num) Num
	// Y and W say which entries of y and w each term sees. Without Y or
	// without W, it sees none.
	Y, W Support
	// C holds the constants of the terms, those of one term next to each
	// other: an image, labels, measurements. The slice is kept; it may be
	// changed between calls, but not under a [Linearization] in use.
	C []float64
	// Count is the number of terms. Zero means as many as the supports say, or
	// one if they leave it open.
	Count int
}

// An Energy is a sum of terms, E(y, w) = Σ_k e_k(y_{S_k}, w_{T_k}). It is
// immutable and safe for concurrent use.
type Energy struct {
	ny, nw int
	groups []*group
}

// New records the terms and derives from them all that the methods need. ny and
// nw are the lengths of y and w. Errors name the group by its number or name.
func New(ny, nw int, terms ...Terms) (*Energy, error) {
	if ny < 0 || nw < 0 {
		return nil, fmt.Errorf("autodiff: %d variables and %d parameters", ny, nw)
	}
	if len(terms) == 0 {
		return nil, errors.New("autodiff: an energy without terms")
	}
	e := &Energy{ny: ny, nw: nw}
	for i, t := range terms {
		name := fmt.Sprintf("group %d", i)
		if t.Name != "" {
			name = fmt.Sprintf("group %q", t.Name)
		}
		g, err := newGroup(t, name, ny, nw)
		if err != nil {
			return nil, fmt.Errorf("autodiff: %s: %w", name, err)
		}
		e.groups = append(e.groups, g)
	}
	return e, nil
}

func newGroup(t Terms, name string, ny, nw int) (*group, error) {
	g := &group{name: name, y: t.Y, w: t.W, c: t.C, count: t.Count}
	if t.Func == nil {
		return nil, errors.New("no term function")
	}
	if t.Count < 0 {
		return nil, fmt.Errorf("%d terms", t.Count)
	}
	for _, s := range []struct {
		what string
		s    *Support
		n    int
	}{{"y", &g.y, ny}, {"w", &g.w, nw}} {
		switch {
		case s.s.err != nil:
			return nil, fmt.Errorf("support in %s: %w", s.what, s.s.err)
		case s.s.limit > s.n:
			return nil, fmt.Errorf("the support names %s[%d], but %s has length %d", s.what, s.s.limit-1, s.what, s.n)
		case s.s.count > 0 && g.count > 0 && s.s.count != g.count:
			return nil, fmt.Errorf("the support in %s is that of %d terms, there are %d", s.what, s.s.count, g.count)
		case s.s.count > 0:
			g.count = s.s.count
		}
	}
	if g.w.forms != nil {
		return nil, errors.New("linear forms of w; Forms serves for y only")
	}
	if f := g.y.forms; f != nil {
		if _, cols := f.Dims(); cols != ny {
			return nil, fmt.Errorf("linear forms of %d variables, y has length %d", cols, ny)
		}
	}
	g.count = max(g.count, 1)
	if len(t.C)%g.count != 0 {
		return nil, fmt.Errorf("%d constants for %d terms: not the same number for each", len(t.C), g.count)
	}
	g.nc = len(t.C) / g.count
	f, e, err := g.record(t.Func)
	if err != nil {
		return nil, err
	}
	// The same calls give the same nodes, unless the function decides by
	// something else than its arguments.
	for range 2 {
		f2, e2, err := g.record(t.Func)
		if err != nil {
			return nil, err
		}
		if e2 != e || !slices.EqualFunc(f.nodes, f2.nodes, sameNode) {
			return nil, errors.New("the term function does not do the same in every call: it must depend on its arguments only, and not on variables that change")
		}
	}
	g.derive(f, e)
	if g.y.forms != nil {
		ny, _ = g.y.forms.Dims()
	}
	g.layout(ny, nw)
	return g, nil
}

func sameNode(a, b node) bool {
	same := func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) }
	return a.op == b.op && a.kind == b.kind && a.idx == b.idx && same(a.c, b.c) &&
		slices.Equal(a.args, b.args) && slices.EqualFunc(a.coef, b.coef, same)
}

// record calls the term function on fresh inputs.
func (g *group) record(term func(y, w, c []Num) Num) (f *graph, e int32, err error) {
	f = newGraph()
	inputs := func(k kind, n int) []Num {
		x := make([]Num, n)
		for i := range x {
			x[i] = Num{g: f, id: f.input(k, i)}
		}
		return x
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the term function panicked, given %d entries of y, %d of w and %d constants: %v", g.y.arity, g.w.arity, g.nc, r)
		}
	}()
	return f, term(inputs(inY, g.y.arity), inputs(inW, g.w.arity), inputs(inC, g.nc)).in(f), nil
}

// Dims returns the lengths of y and w.
func (e *Energy) Dims() (ny, nw int) { return e.ny, e.nw }

func (e *Energy) checkPoint(y, w []float64) error {
	if len(y) != e.ny || len(w) != e.nw {
		return fmt.Errorf("autodiff: len(y) = %d and len(w) = %d, want %d and %d", len(y), len(w), e.ny, e.nw)
	}
	return nil
}

// Value returns E(y, w). A value that is NaN is an error that names the term; an
// infinite one is not.
func (e *Energy) Value(ctx context.Context, y, w []float64) (float64, error) {
	return e.evaluate(ctx, 1, nil, nil, y, w)
}

// Gradient sets dst = ∂E/∂y. A result that is not finite is an error that names
// the term.
func (e *Energy) Gradient(ctx context.Context, dst, y, w []float64) error {
	if dst == nil {
		dst = []float64{}
	}
	_, err := e.evaluate(ctx, 0, dst, nil, y, w)
	return err
}

// Evaluate returns E(y, w) and sets dy = ∂E/∂y and dw = ∂E/∂w. Either may be nil:
// not wanted.
func (e *Energy) Evaluate(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	return e.evaluate(ctx, 1, dy, dw, y, w)
}

func (e *Energy) evaluate(ctx context.Context, want int, dy, dw, y, w []float64) (value float64, err error) {
	if err := e.checkPoint(y, w); err != nil {
		return 0, err
	}
	if dy != nil {
		want |= 2
		if len(dy) != e.ny {
			return 0, fmt.Errorf("autodiff: gradient of length %d, want %d", len(dy), e.ny)
		}
	}
	if dw != nil {
		want |= 4
		if len(dw) != e.nw {
			return 0, fmt.Errorf("autodiff: gradient by w of length %d, want %d", len(dw), e.nw)
		}
		clear(dw)
	}
	for i, g := range e.groups {
		v, err := g.at(ctx, y, w, func(j *job) (float64, error) {
			j.dst[1] = dw
			j.check = true
			return j.intoY(ctx, g.eval[want], dy, i == 0)
		})
		if err != nil {
			return 0, err
		}
		value += v
	}
	return value, nil
}

// at runs do on a job with the point (y, w).
func (g *group) at(ctx context.Context, y, w []float64, do func(j *job) (float64, error)) (v float64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	j := g.job()
	defer j.release()
	j.team = parallel.FromContext(ctx)
	if y, err = j.entries(ctx, &j.ye, y); err != nil {
		return 0, err
	}
	j.in[inY], j.in[inW], j.in[inC] = y, w, g.c
	return do(j)
}

// Settings are the choices of a linearisation. The zero value works.
type Settings struct {
	// StoreWeights keeps the second derivatives of every term by the values
	// that are linear in y, so that a product computes nothing nonlinear. It
	// costs 8 bytes for each of them that differs from term to term; see
	// [Linearization.Weights]. By default they are computed anew in every
	// product, and nothing is stored.
	StoreWeights bool
	// Promise is what is known of the Hessian: [hvp.SPD] for a strictly convex
	// energy. It is symmetric in any case.
	Promise hvp.Structure
}

// A Linearization holds the second derivatives of an energy at a point (y, w). It
// keeps y and w, which must not change while it is in use.
type Linearization struct {
	e       *Energy
	y, w    []float64
	entries [][]float64 // by group: y, or the linear forms of it
	weights [][]float64 // by group: stored weights, nil if there are none
	promise hvp.Structure
}

// Linearize computes what products need at (y, w), and checks that all second
// derivatives there are finite: an error names the term for which they are not.
func (e *Energy) Linearize(ctx context.Context, y, w []float64, s *Settings) (*Linearization, error) {
	if err := e.checkPoint(y, w); err != nil {
		return nil, err
	}
	if s == nil {
		s = &Settings{}
	}
	l := &Linearization{e: e, y: y, w: w, promise: s.Promise | hvp.Symmetric}
	for _, g := range e.groups {
		var in source
		var weights []float64
		if s.StoreWeights && g.nWeights > 0 {
			weights = make([]float64, g.count*g.nWeights)
		}
		_, err := g.at(ctx, y, w, func(j *job) (float64, error) {
			in, j.store, j.check = j.in, weights, true
			j.ye = nil // belongs to l now
			return j.run(g.weights)
		})
		if err != nil {
			return nil, err
		}
		l.entries = append(l.entries, in[inY])
		l.weights = append(l.weights, weights)
	}
	return l, nil
}

// Weights returns how many second derivatives are stored, or would be with
// StoreWeights: for the terms of each group, the number of pairs of values that
// are linear in y, enter nonlinear operations, and meet there. A term of nine
// variables has up to 45, a function of filter responses one per filter.
func (l *Linearization) Weights() (perTerm []int) {
	for _, g := range l.e.groups {
		perTerm = append(perTerm, g.nWeights)
	}
	return perTerm
}

// input returns what a run of group i at the point reads.
func (l *Linearization) input(i int) (in source) {
	in[inY], in[inW], in[inC], in[inWeight] = l.entries[i], l.w, l.e.groups[i].c, l.weights[i]
	return in
}

// Hessian returns ∂²E/∂y∂yᵀ.
func (l *Linearization) Hessian() *Hessian { return &Hessian{l} }

// Mixed returns ∂²E/∂y∂wᵀ, n_y × n_w; its transpose maps q to ∂²E/∂w∂yᵀ·q.
func (l *Linearization) Mixed() *Mixed { return &Mixed{l} }

// A Hessian is ∂²E/∂y∂yᵀ at a point. A product allocates nothing once it has run.
type Hessian struct{ l *Linearization }

// Dims implements [hvp.Operator].
func (h *Hessian) Dims() (rows, cols int) { return h.l.e.ny, h.l.e.ny }

// Structure implements [hvp.Structured].
func (h *Hessian) Structure() hvp.Structure { return h.l.promise }

// Apply implements [hvp.Operator].
func (h *Hessian) Apply(ctx context.Context, dst, x []float64) error {
	l := h.l
	if n := l.e.ny; len(dst) != n || len(x) != n {
		return fmt.Errorf("autodiff: Hessian product with len(dst) = %d and len(x) = %d, want %d", len(dst), len(x), n)
	}
	for i, g := range l.e.groups {
		if err := g.productInto(ctx, l, i, dst, x); err != nil {
			return err
		}
	}
	return nil
}

func (g *group) productInto(ctx context.Context, l *Linearization, i int, dst, x []float64) (err error) {
	j := g.job()
	defer j.release()
	j.team = parallel.FromContext(ctx)
	j.in = l.input(i)
	if j.in[inV], err = j.entries(ctx, &j.dz, x); err != nil {
		return err
	}
	p := g.lean
	if j.in[inWeight] != nil || g.nWeights == 0 && g.stored != nil {
		p = g.stored
	}
	_, err = j.intoY(ctx, p, dst, i == 0)
	return err
}

// ApplyTrans implements [hvp.Transposer].
func (h *Hessian) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return h.Apply(ctx, dst, x)
}

// Diag implements [hvp.Diagonaler], exactly.
func (h *Hessian) Diag(dst []float64) error {
	l := h.l
	if len(dst) != l.e.ny {
		return fmt.Errorf("autodiff: diagonal of length %d, want %d", len(dst), l.e.ny)
	}
	for i, g := range l.e.groups {
		if g.y.forms != nil {
			if i == 0 {
				clear(dst)
			}
			if err := g.diagOfForms(l, i, dst); err != nil {
				return err
			}
			continue
		}
		j := g.job()
		j.in, j.team = l.input(i), 0
		j.dst[0], j.set = dst, i == 0
		_, err := j.run(g.diag)
		j.release()
		if err != nil {
			return err
		}
	}
	return nil
}

// diagOfForms adds Σ_k Σ_ab Φ_ab(k)·x_a∘x_b, where x_a are the rows of the linear
// forms of term k. Columns of Φ come from products with the forms moved one at a
// time.
func (g *group) diagOfForms(l *Linearization, i int, dst []float64) error {
	f := g.y.forms
	rows, _ := f.Dims()
	ptr, col, val := f.RawCSR()
	move, phi := make([]float64, rows), make([]float64, rows)
	row := make(map[int32]float64)
	for a := range g.y.arity {
		clear(move)
		for k := range g.count {
			move[k*g.y.arity+a] = 1
		}
		j := g.job()
		j.in = l.input(i)
		j.in[inWeight], j.in[inV] = nil, move
		j.dst[0], j.set = phi, true
		_, err := j.run(g.lean)
		j.release()
		if err != nil {
			return err
		}
		for k := range g.count {
			ra := k*g.y.arity + a
			if g.y.arity == 1 {
				for p := ptr[ra]; p < ptr[ra+1]; p++ {
					dst[col[p]] += phi[ra] * val[p] * val[p]
				}
				continue
			}
			clear(row)
			for p := ptr[ra]; p < ptr[ra+1]; p++ {
				row[col[p]] = val[p]
			}
			for b := range g.y.arity {
				rb := k*g.y.arity + b
				for p := ptr[rb]; p < ptr[rb+1]; p++ {
					if v, ok := row[col[p]]; ok {
						dst[col[p]] += phi[rb] * val[p] * v
					}
				}
			}
		}
	}
	return nil
}

// A Mixed is ∂²E/∂y∂wᵀ at a point.
type Mixed struct{ l *Linearization }

// Dims implements [hvp.Operator].
func (m *Mixed) Dims() (rows, cols int) { return m.l.e.ny, m.l.e.nw }

// Apply implements [hvp.Operator]: dst = ∂²E/∂y∂wᵀ·u, of length n_y.
func (m *Mixed) Apply(ctx context.Context, dst, u []float64) error {
	l := m.l
	if len(dst) != l.e.ny || len(u) != l.e.nw {
		return fmt.Errorf("autodiff: mixed product with len(dst) = %d and len(u) = %d, want %d and %d", len(dst), len(u), l.e.ny, l.e.nw)
	}
	for i, g := range l.e.groups {
		j := g.job()
		j.team, j.in = parallel.FromContext(ctx), l.input(i)
		j.in[inU] = u
		_, err := j.intoY(ctx, g.mixed, dst, i == 0)
		j.release()
		if err != nil {
			return err
		}
	}
	return nil
}

// ApplyTrans implements [hvp.Transposer]: dst = ∂²E/∂w∂yᵀ·q, of length n_w.
func (m *Mixed) ApplyTrans(ctx context.Context, dst, q []float64) (err error) {
	l := m.l
	if len(dst) != l.e.nw || len(q) != l.e.ny {
		return fmt.Errorf("autodiff: transposed mixed product with len(dst) = %d and len(q) = %d, want %d and %d", len(dst), len(q), l.e.nw, l.e.ny)
	}
	clear(dst)
	for i, g := range l.e.groups {
		if g.w.arity == 0 {
			continue
		}
		j := g.job()
		j.team, j.in = parallel.FromContext(ctx), l.input(i)
		if j.in[inV], err = j.entries(ctx, &j.dz, q); err == nil {
			j.dst[1] = dst
			_, err = j.run(g.mixedTrans)
		}
		j.release()
		if err != nil {
			return err
		}
	}
	return nil
}

var (
	_ hvp.Transposer = (*Hessian)(nil)
	_ hvp.Diagonaler = (*Hessian)(nil)
	_ hvp.Structured = (*Hessian)(nil)
	_ hvp.Transposer = (*Mixed)(nil)
)
