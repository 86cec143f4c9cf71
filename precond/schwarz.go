package precond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// schwarz applies incomplete factorisations of overlapping subdomains, all in
// parallel. With Rᵢ the restriction to subdomain i, overlap included, and Aᵢ ≈ RᵢARᵢᵀ
// its factorisation, it is one of two additive Schwarz methods:
//
//	symmetric:   M = Σ W^½·Rᵢᵀ·Aᵢ⁻¹·Rᵢ·W^½   W: 1 / the number of subdomains of a row
//	otherwise:   M = Σ R̃ᵢᵀ·Aᵢ⁻¹·Rᵢ            R̃ᵢ: restriction without the overlap
//
// The first keeps symmetry and definiteness, and without the weights the rows in the
// overlap would be corrected twice. Its weights are folded into the factors. The
// second is the restricted method (RAS) of Cai & Sarkis, SIAM J. Sci. Comput. 21,
// 1999, doi:10.1137/S106482759732678X; its transpose is the method with harmonic
// extension (ASH). Rows in several subdomains are summed in the order of the
// subdomains.
type schwarz struct {
	n         int
	symmetric bool
	pattern   uint64 // fingerprint of the pattern that the symbolic part was made for
	ordering  Ordering
	domains   []subdomain
	shared    sharing
	copies    []int32 // number of subdomains of each row; nil: all 1
	levels    *levelSolver
	setup     time.Duration
	// If perm is not nil, the factors are those of the matrix with row perm[i] at
	// place i, scaled by scaleRows[i] and, its columns, by scaleCols.
	perm                 []int32
	scaleRows, scaleCols []float64
	notes                []string

	vectors, buffers parallel.Scratch
	tasks            sync.Pool // *schwarzTask
}

// A localFactor factorises the matrix of a subdomain.
type localFactor func(a *localCSR) (f *ldu, note float64, err error)

// storage says how factors are kept.
type storage struct{ single, levels bool }

// build makes the preconditioner for a, and its symbolic part if a has another
// pattern than before. It returns the note of each subdomain.
func (m *schwarz) build(ctx context.Context, a *hvp.CSR, s Subdomains, st storage, factor localFactor) (notes []float64, err error) {
	team := parallel.FromContext(ctx)
	rowPtr, col, val := a.RawCSR()
	m.n = len(rowPtr) - 1
	if len(col) > math.MaxInt32 {
		return nil, fmt.Errorf("%d entries are more than 32-bit indices can number", len(col))
	}
	if p := fingerprint(rowPtr, col); m.domains == nil || p != m.pattern {
		m.pattern = p
		g := graph{rowPtr, col}
		if st.levels {
			s.Rows = -1
		}
		s = s.withDefaults()
		var order []int32
		order, m.ordering = chooseOrder(g, m.symmetric, s.Ordering)
		m.domains = cut(g, order, s, team)
		m.shared, m.copies = share(m.n, m.domains)
		if m.shared.places == 0 {
			m.copies = nil
		}
	}
	var markers sync.Pool
	notes, errs := make([]float64, len(m.domains)), make([]error, len(m.domains))
	team.Run(len(m.domains), parallel.TaskFunc(func(c int) {
		if errs[c] = ctx.Err(); errs[c] != nil {
			return
		}
		at, _ := markers.Get().(*[]int32)
		if at == nil {
			v := make([]int32, m.n)
			for i := range v {
				v[i] = -1
			}
			at = &v
		}
		d := &m.domains[c]
		local := restrict(rowPtr, col, val, d.base, *at)
		markers.Put(at)
		var f *ldu
		f, notes[c], errs[c] = factor(local)
		if errs[c] == nil {
			errs[c] = m.finish(d, f, st)
		}
		var z *pivotError
		if errors.As(errs[c], &z) {
			z.row = int(d.base[z.row])
		}
	}))
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return notes, nil
}

// finish packs the factors of a subdomain, in the order of their levels: rows that do
// not depend on each other follow each other, so that the processor overlaps them.
func (m *schwarz) finish(d *subdomain, f *ldu, st storage) (err error) {
	if m.symmetric && m.copies != nil {
		t := make([]float64, len(d.base))
		for k, i := range d.base {
			t[k] = 1 / math.Sqrt(float64(m.copies[i]))
		}
		f.scale(t)
	}
	if m.perm != nil {
		f.unscale(d.base, m.scaleRows, m.scaleCols)
	}
	ptr, order := f.levelOrder()
	if st.levels {
		m.levels, err = newLevelSolver(f, ptr, order)
	} else {
		d.solver, err = newLocalSolver(f, order, st.single)
	}
	if err != nil {
		return err
	}
	d.rows = parallel.Grow(d.rows, len(order))
	d.target = parallel.Grow(d.target, len(order))
	for k, i := range order {
		d.rows[k], d.target[k] = d.base[i], d.put[i]
	}
	d.from = d.rows
	if m.perm != nil {
		d.from = make([]int32, len(order))
		for k, i := range d.rows {
			d.from[k] = m.perm[i]
		}
	}
	if d.own != nil && !m.symmetric {
		d.mine = parallel.Grow(d.mine, len(order))
		for k, i := range order {
			d.mine[k] = d.own[i]
		}
	}
	return nil
}

// scale replaces the symmetric factors of A by those of T⁻¹·A·T⁻¹, T = diag(t), whose
// inverse is T·A⁻¹·T: L by T⁻¹·L·T and D by T⁻²·D.
func (f *ldu) scale(t []float64) {
	for i := range t {
		c, v := f.u.row(i)
		for k, j := range c {
			v[k] *= t[i] / t[j]
		}
		f.d[i] /= t[i] * t[i]
	}
}

// unscale replaces the factors of R·A·C, R and C diagonal, by those of A, for the rows
// in base: L by R⁻¹·L·R, D by R⁻¹·D·C⁻¹ and U by C·U·C⁻¹.
func (f *ldu) unscale(base []int32, r, c []float64) {
	for i, g := range base {
		cols, vals := f.l.row(i)
		for k, j := range cols {
			vals[k] *= r[base[j]] / r[g]
		}
		cols, vals = f.u.row(i)
		for k, j := range cols {
			vals[k] *= c[g] / c[base[j]]
		}
		f.d[i] /= r[g] * c[g]
	}
}

// fingerprint hashes a pattern (FNV-1a, a word at a time).
func fingerprint(rowPtr []int, col []int32) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for _, p := range rowPtr {
		h = (h ^ uint64(p)) * prime
	}
	for _, c := range col {
		h = (h ^ uint64(c)) * prime
	}
	return h
}

// Dims implements [hvp.Operator].
func (m *schwarz) Dims() (rows, cols int) { return m.n, m.n }

// Apply implements [hvp.Operator].
func (m *schwarz) Apply(ctx context.Context, dst, x []float64) error {
	return m.run(ctx, dst, x, false)
}

// ApplyTrans implements [hvp.Transposer].
func (m *schwarz) ApplyTrans(ctx context.Context, dst, x []float64) error {
	return m.run(ctx, dst, x, !m.symmetric)
}

// schwarzTask is one application: a recycled [parallel.Task].
type schwarzTask struct {
	m              *schwarz
	dst, x, buffer []float64
	trans          bool
}

func (m *schwarz) run(ctx context.Context, dst, x []float64, trans bool) error {
	if len(dst) != m.n || len(x) != m.n {
		return fmt.Errorf("precond: application of a preconditioner of order %d: len(dst) = %d, len(x) = %d", m.n, len(dst), len(x))
	}
	if m.n == 0 {
		return nil
	}
	team := parallel.FromContext(ctx)
	if m.levels != nil {
		d := &m.domains[0]
		v := m.vectors.Get(m.n)
		in, out := d.from, d.rows
		if trans {
			in, out = out, in
		}
		m.levels.run(team, dst, x, *v, in, out, trans)
		m.vectors.Put(v)
		return nil
	}
	t, _ := m.tasks.Get().(*schwarzTask)
	if t == nil {
		t = new(schwarzTask)
	}
	buffer := m.buffers.Get(m.shared.places)
	*t = schwarzTask{m, dst, x, *buffer, trans}
	team.Run(len(m.domains), t)
	if m.sums(trans) {
		team.Run(parallel.Blocks(len(m.shared.rows)), (*schwarzSum)(t))
	}
	m.buffers.Put(buffer)
	*t = schwarzTask{}
	m.tasks.Put(t)
	return nil
}

// sums says whether results of several subdomains are to be added.
func (m *schwarz) sums(trans bool) bool {
	return len(m.shared.rows) > 0 && (m.symmetric || trans)
}

// Chunk implements parallel.Task: it solves on subdomain c.
func (t *schwarzTask) Chunk(c int) {
	m := t.m
	d := &m.domains[c]
	v := m.vectors.Get(len(d.rows))
	x := *v
	in, out := d.from, d.rows
	if t.trans {
		in, out = out, in
	}
	for k, i := range in {
		x[k] = t.x[i]
	}
	if t.trans && d.mine != nil {
		for k, mine := range d.mine {
			if !mine {
				x[k] = 0
			}
		}
	}
	if t.trans {
		d.solver.solveTrans(x)
	} else {
		d.solver.solve(x)
	}
	switch {
	case m.sums(t.trans):
		for k, p := range d.target {
			if p < 0 {
				t.buffer[^p] = x[k]
			} else {
				t.dst[out[k]] = x[k]
			}
		}
	case d.mine != nil:
		for k, i := range out {
			if d.mine[k] {
				t.dst[i] = x[k]
			}
		}
	default:
		for k, i := range out {
			t.dst[i] = x[k]
		}
	}
	m.vectors.Put(v)
}

// schwarzSum is the second half of an application.
type schwarzSum schwarzTask

// Chunk implements parallel.Task: it adds up the rows of block c that several
// subdomains share.
func (t *schwarzSum) Chunk(c int) {
	s := &t.m.shared
	lo, hi := parallel.Block(c, len(s.rows))
	for k := lo; k < hi; k++ {
		sum := 0.0
		for _, v := range t.buffer[s.ptr[k]:s.ptr[k+1]] {
			sum += v
		}
		i := s.rows[k]
		if t.trans && t.m.perm != nil {
			i = t.m.perm[i]
		}
		t.dst[i] = sum
	}
}

// Report implements [Preconditioner].
func (m *schwarz) Report() Report {
	r := Report{Setup: m.setup, Bytes: 4*int64(len(m.perm)+len(m.copies)+len(m.shared.rows)+len(m.shared.ptr)+2*m.shared.places) + 8*int64(len(m.scaleRows)+len(m.scaleCols))}
	largest := 0
	for _, d := range m.domains {
		if m.perm != nil {
			r.Bytes += 4 * int64(len(d.from))
		}
		r.Bytes += 4*int64(len(d.base)+len(d.put)+len(d.rows)+len(d.target)) + int64(len(d.own)+len(d.mine))
		if d.solver != nil {
			r.Bytes += d.solver.bytes()
		}
		largest = max(largest, len(d.base))
	}
	r.Bytes += 8 * int64(largest)
	if m.levels != nil {
		r.Bytes += m.levels.bytes()
	}
	note := fmt.Sprintf("%v order, %d subdomains", m.ordering, len(m.domains))
	if len(m.domains) == 1 {
		note = fmt.Sprintf("%v order, one domain", m.ordering)
	} else if m.shared.places > 0 {
		extra := m.shared.places - len(m.shared.rows)
		note += fmt.Sprintf(", %.1f %% overlap", 100*float64(extra)/float64(m.n))
	}
	r.Notes = append([]string{note}, m.notes...)
	if m.levels != nil {
		r.Notes = append(r.Notes, m.levels.note())
	}
	return r
}
