package krylov

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// PseudoBlock solves k systems with one square operator, each by a method value
// of its own, which share every sweep over the operator: a system that needs a
// product waits until all systems that still run need one, and one block product
// ([hvp.Blocker]) serves them all. Nothing else is shared, so each column has the
// scalars, convergence, status and path of its method; what has ended drops out of
// the products. This works for any method, such as MINRES for symmetric
// indefinite systems; for definite ones [BlockCG] fuses more and is faster.
//
// The systems run concurrently, so a preconditioner is called from several
// goroutines at once, as [hvp.Operator] allows. Results do not depend on the
// number of workers nor on who comes first.
//
// Memory beyond x and b: k workspaces of the method, 2 n-vectors per system for
// its columns of x and b and 2 for the panels of the products. Each product costs
// 4 n-vectors of traffic per system for packing, which pays where the operator
// moves more than that. A few small objects are allocated per solve.
type PseudoBlock struct {
	// New makes the method of a column; nil means MINRES.
	New func() Method

	methods []Method
	columns [][2][]float64 // x and b of each column
	meet    meeting
}

// String names the method after that of its columns.
func (p *PseudoBlock) String() string { return "pseudo-block " + p.method(0).String() }

// method returns the method of column l.
func (p *PseudoBlock) method(l int) Method {
	for len(p.methods) <= l {
		if p.New == nil {
			p.methods = append(p.methods, new(MINRES))
		} else {
			p.methods = append(p.methods, p.New())
		}
	}
	return p.methods[l]
}

// SolveBlock solves A·X = B for row-major n×k panels (element i of column l at
// i·k+l) under the rules of [Method.Solve]. There is one result per column, valid
// until the next solve. The error is nil if and only if all columns succeeded, and
// otherwise a [*BlockError]. A Monitor is called for each iteration of each
// column, never twice at a time.
func (p *PseudoBlock) SolveBlock(ctx context.Context, a hvp.Operator, x, b []float64, k int, s *Settings) (results []Result, err error) {
	if s == nil {
		s = &Settings{}
	}
	set := *s
	results = make([]Result, max(k, 0))
	if err := p.prepare(a, x, b, k, &set); err != nil {
		failed := &BlockError{K: k}
		for l := range results {
			results[l] = Result{Method: p.method(l).String(), Status: InvalidInput, TrueResidual: -1}
			failed.Columns = append(failed.Columns, l)
			failed.Errs = append(failed.Errs, &Error{Status: InvalidInput, Method: results[l].Method, Residual: -1, Tolerance: -1, Cause: err})
		}
		if failed.Columns == nil { // no column to blame
			return results, &Error{Status: InvalidInput, Method: p.String(), Residual: -1, Tolerance: -1, Cause: err}
		}
		return results, failed
	}
	team := parallel.Team(s.Workers)
	if team == 0 {
		team = parallel.FromContext(ctx)
	}
	m := &p.meet
	m.ctx, m.team, m.running, m.panicked = parallel.WithTeam(ctx, team), team, k, nil
	errs := make([]error, k)
	var wg sync.WaitGroup
	for l := range k {
		column, method := p.columns[l], p.methods[l]
		deal(team, column[0], x, l, k)
		deal(team, column[1], b, l, k)
		wg.Go(func() {
			defer m.leave()
			results[l], errs[l] = method.Solve(ctx, &seat{m, l}, column[0], column[1], &set)
		})
	}
	wg.Wait()
	if m.panicked != nil {
		panic(m.panicked)
	}
	m.ctx, m.a, m.block = nil, nil, nil
	var failed *BlockError
	for l := range k {
		collect(team, x, p.columns[l][0], l, k)
		if errs[l] != nil {
			if failed == nil {
				failed = &BlockError{K: k}
			}
			failed.Columns, failed.Errs = append(failed.Columns, l), append(failed.Errs, errs[l])
		}
	}
	if failed != nil {
		return results, failed
	}
	return results, nil
}

// prepare checks the input, sizes the columns and adapts the settings.
func (p *PseudoBlock) prepare(a hvp.Operator, x, b []float64, k int, s *Settings) (err error) {
	if k < 0 || k > 1<<20 {
		return fmt.Errorf("%d right-hand sides", k)
	}
	if a == nil {
		return errors.New("nil operator")
	}
	if s.Trans {
		if a, err = hvp.Transpose(a); err != nil {
			return err
		}
		if s.Precond != nil {
			if s.Precond, err = hvp.Transpose(s.Precond); err != nil {
				return err
			}
		}
		s.Trans = false
	}
	n, cols := a.Dims()
	if n != cols || len(x) != n*k || len(b) != n*k {
		return fmt.Errorf("a %d×%d operator and %d systems with len(x) = %d and len(b) = %d", n, cols, k, len(x), len(b))
	}
	if parallel.Overlap(x, b) {
		return errOverlap
	}
	for len(p.columns) < k {
		p.columns = append(p.columns, [2][]float64{})
	}
	for l := range k {
		p.method(l)
		p.columns[l] = [2][]float64{parallel.Grow(p.columns[l][0], n), parallel.Grow(p.columns[l][1], n)}
	}
	if monitor := s.Monitor; monitor != nil {
		var one sync.Mutex
		s.Monitor = func(progress Progress) error {
			one.Lock()
			defer one.Unlock()
			return monitor(progress)
		}
	}
	p.meet.a, p.meet.n = a, n
	p.meet.block, _ = hvp.Block(a)
	return nil
}

// deal copies column l of the n×k panel to v; collect copies it back.
func deal(t parallel.Team, v, panel []float64, l, k int) {
	parallel.For(t, len(v), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			v[i] = panel[i*k+l]
		}
	})
}

func collect(t parallel.Team, panel, v []float64, l, k int) {
	parallel.For(t, len(v), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			panel[i*k+l] = v[i]
		}
	})
}

// meeting is where the systems wait for each other's products.
type meeting struct {
	ctx   context.Context
	team  parallel.Team
	a     hvp.Operator
	block hvp.Blocker // of a; nil if it has none
	n     int

	mu       sync.Mutex
	running  int // systems that have not ended
	waiting  []*wish
	in, out  []float64 // panels
	panicked any       // what the operator, or a system, panicked with
}

// wish is a product that a system waits for.
type wish struct {
	column int
	dst, x []float64
	err    error
	done   chan struct{}
}

var errPanicked = errors.New("another of the systems panicked")

// seat is the operator as one system sees it.
type seat struct {
	*meeting
	column int
}

// Dims implements [hvp.Operator].
func (s *seat) Dims() (rows, cols int) { return s.n, s.n }

// Structure implements [hvp.Structured].
func (s *seat) Structure() hvp.Structure { return hvp.StructureOf(s.a) }

// Apply implements [hvp.Operator]: it returns when the product that all systems
// wait for has been made.
func (s *seat) Apply(_ context.Context, dst, x []float64) error {
	w := &wish{column: s.column, dst: dst, x: x, done: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, w)
	if len(s.waiting) == s.running {
		s.serve()
	}
	s.mu.Unlock()
	<-w.done
	return w.err
}

// leave is the end of a system: the others need not wait for it any more.
func (m *meeting) leave() {
	v := recover()
	m.mu.Lock()
	defer m.mu.Unlock()
	if v != nil {
		m.panicked = v
	}
	m.running--
	if m.running > 0 && len(m.waiting) == m.running {
		m.serve()
	}
}

// serve makes the products that are waited for. The lock is held.
func (m *meeting) serve() {
	defer func() {
		if v := recover(); v != nil {
			m.panicked = v
		}
		for _, w := range m.waiting {
			if m.panicked != nil {
				w.err = errPanicked
			}
			close(w.done)
		}
		m.waiting = m.waiting[:0]
	}()
	if m.panicked != nil {
		return
	}
	// Who came first must not matter.
	slices.SortFunc(m.waiting, func(a, b *wish) int { return cmp.Compare(a.column, b.column) })
	k := len(m.waiting)
	if m.block == nil || k == 1 {
		for _, w := range m.waiting {
			w.err = m.a.Apply(m.ctx, w.dst, w.x)
		}
		return
	}
	m.in, m.out = parallel.Grow(m.in, m.n*k), parallel.Grow(m.out, m.n*k)
	for j, w := range m.waiting {
		collect(m.team, m.in, w.x, j, k)
	}
	err := m.block.ApplyBlock(m.ctx, m.out, m.in, k)
	for j, w := range m.waiting {
		if w.err = err; err == nil {
			deal(m.team, w.dst, m.out, j, k)
		}
	}
}
