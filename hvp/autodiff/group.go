package autodiff

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// batchSize is how many terms an instruction works on at a time: enough to hide
// what decoding it costs, few enough for some tens of registers to stay in a
// first-level cache. chunkTerms is the least number of terms in one parallel
// chunk.
const (
	batchSize  = 128
	chunkTerms = 2048
)

// mostDense bounds the number of values linear in y for which second derivatives
// are laid out pair by pair; terms with more are differentiated along v anew.
const mostDense = 24

// group is one [Terms], recorded, differentiated and translated.
type group struct {
	name   string
	y, w   Support
	c      []float64
	nc     int
	count  int
	chunk  []int // terms chunk[c] … chunk[c+1]-1 make chunk c
	rowLen []int // rows of positions that batches must not cross

	planY, planW *plan
	eval         [8]*program // by what is wanted: 1 value, 2 by y, 4 by w
	weights      *program    // second derivatives, per term
	nWeights     int         // of which so many differ from term to term
	lean, stored *program    // Hessian product without and with stored weights
	diag         *program
	mixed        *program // ∂²E/∂y∂wᵀ·u
	mixedTrans   *program // ∂²E/∂w∂yᵀ·q
	jobs         recycled[job]
}

// derive fills in the programs of the group from the recorded term.
func (g *group) derive(f *graph, e int32) {
	nodes := func(k kind, n int) (ids []int32) {
		for i := range n {
			ids = append(ids, f.input(k, i))
		}
		return ids
	}
	var shared [kinds]bool
	shared[inY], shared[inV] = g.y.shape == sharedByAll, g.y.shape == sharedByAll
	shared[inW], shared[inU] = g.w.shape == sharedByAll, g.w.shape == sharedByAll
	y, w := nodes(inY, g.y.arity), nodes(inW, g.w.arity)
	v, u := nodes(inV, g.y.arity), nodes(inU, g.w.arity)
	along := func(x, dx []int32) map[int32]int32 {
		seed := make(map[int32]int32)
		for i, a := range x {
			seed[a] = dx[i]
		}
		return seed
	}
	into := func(r role, ids []int32) (outs []output) {
		for i, id := range ids {
			outs = append(outs, output{role: r, idx: i, node: id})
		}
		return outs
	}
	one := []int32{f.constant(1)}
	byY, byW := f.reverse([]int32{e}, one, y), f.reverse([]int32{e}, one, w)
	for want := range g.eval {
		var outs []output
		if want&1 != 0 {
			outs = append(outs, output{role: sumUp, node: e})
		}
		if want&2 != 0 {
			outs = append(outs, into(intoY, byY)...)
		}
		if want&4 != 0 {
			outs = append(outs, into(intoW, byW)...)
		}
		g.eval[want] = lower(f, shared, outs)
	}
	g.mixed = lower(f, shared, into(intoY, f.tangent(along(w, u), byY)))
	de := f.tangent(along(y, v), []int32{e})
	g.mixedTrans = lower(f, shared, into(intoW, f.reverse(de, one, w)))

	// Without stored weights there are two ways to a product: to compute Φ, or
	// to move the gradient along v. The first is best where few values meet.
	g.lean = lower(f, shared, into(intoY, f.tangent(along(y, v), byY)))
	c, ok := f.curvature(e, y)
	if !ok {
		diag := make([]int32, len(y))
		for i, a := range y {
			// Other variables rest.
			seed := make(map[int32]int32)
			for _, b := range y {
				seed[b] = f.constant(0)
			}
			seed[a] = one[0]
			diag[i] = f.tangent(seed, byY[i:i+1])[0]
		}
		g.diag = lower(f, shared, into(intoY, diag))
		g.weights = g.diag.asWeights()
		return
	}
	if p := lower(f, shared, into(intoY, f.product(c, y, v))); p.cost() <= g.lean.cost() {
		g.lean = p
	}
	g.diag = lower(f, shared, into(intoY, f.diagonal(c, y)))
	l := &lowering{g: f, shared: shared}
	var outs []output
	stored := curvature{u: c.u}
	for _, p := range c.phi {
		o := output{role: intoStore, idx: -1, node: p.node}
		if !l.isUniform(p.node) {
			o.idx = g.nWeights
			p.node = f.input(inWeight, g.nWeights)
			g.nWeights++
		}
		outs = append(outs, o)
		stored.phi = append(stored.phi, p)
	}
	g.weights = lower(f, shared, outs)
	g.stored = lower(f, shared, into(intoY, f.product(stored, y, v)))
}

// asWeights is the program with outputs that are checked and dropped.
func (p *program) asWeights() *program {
	q := &program{scalars: p.scalars, inputs: p.inputs, code: p.code, regs: p.regs}
	for _, o := range p.outs {
		q.outs = append(q.outs, output{role: intoStore, idx: -1, node: o.node, reg: o.reg})
	}
	return q
}

// layout cuts the terms into chunks. Chunks of a lattice begin with a row of
// positions where rows are short, and are longer than the reach of a window.
func (g *group) layout(ny, nw int) {
	least := chunkTerms
	for _, s := range []*Support{&g.y, &g.w} {
		if s.shape == lattice {
			if s.width < g.count {
				g.rowLen = append(g.rowLen, s.width)
			}
			for _, o := range s.offset {
				least = max(least, 4*o)
			}
		}
	}
	if len(g.rowLen) > 0 && g.rowLen[0] < least {
		r := g.rowLen[0]
		least = (least + r - 1) / r * r
	}
	for k := 0; k < g.count; k += least {
		g.chunk = append(g.chunk, k)
	}
	g.chunk = append(g.chunk, g.count)
	g.planY, g.planW = newPlan(&g.y, g.chunk, ny), newPlan(&g.w, g.chunk, nw)
}

// nextBatch returns the end of the batch that begins with term k in a chunk that
// ends at end. The rest of a row is divided evenly.
func (g *group) nextBatch(k, end int) int {
	for _, r := range g.rowLen {
		end = min(end, (k/r+1)*r)
	}
	left := end - k
	parts := (left + batchSize - 1) / batchSize
	return k + (left+parts-1)/parts
}

// recycled holds what is not in use, at most as many as ever were in use at a
// time. A sync.Pool would drop it at every other garbage collection.
type recycled[T any] struct {
	mu   sync.Mutex
	free []*T
}

func (r *recycled[T]) get() *T {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.free)
	if n == 0 {
		return new(T)
	}
	x := r.free[n-1]
	r.free = r.free[:n-1]
	return x
}

func (r *recycled[T]) put(x *T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, x)
}

// machine is the memory of one worker for one program.
type machine struct {
	regs  [][]float64
	arena []float64
}

// source is where the inputs of a kind come from.
type source [kinds][]float64

// job is one run of a program over all terms of a group.
type job struct {
	g        *group
	p        *program
	team     parallel.Team
	in       source
	dst      [2][]float64 // y and w, nil if not wanted
	halo     [2][]float64
	set      bool // dst[0] holds nothing yet
	store    []float64
	check    bool
	scalars  []float64
	part     []float64
	bad      atomic.Int64 // 1 + the first term whose result is not a number
	phase    int
	machines recycled[machine]

	ye, z, dz, out []float64 // scratch of groups with linear forms
}

func (g *group) job() *job {
	j := g.jobs.get()
	j.g = g
	return j
}

func (j *job) release() {
	j.in, j.dst, j.store, j.check, j.set = source{}, [2][]float64{}, nil, false, false
	j.g.jobs.put(j)
}

// prepare computes the scalars of program p into s, for a run on in.
func (p *program) prepare(s []float64, g *group, in *source) []float64 {
	s = parallel.Grow(s, len(p.scalars))
	p.evalScalars(s, func(k kind, i int) float64 {
		if k == inY || k == inV {
			return in[k][g.y.offset[i]]
		}
		return in[k][g.w.offset[i]]
	})
	return s
}

// run executes the program. The inputs and outputs of j are set.
func (j *job) run(p *program) (value float64, err error) {
	j.p = p
	g := j.g
	if len(p.outs) == 0 {
		if j.set {
			clear(j.dst[0])
		}
		return 0, nil
	}
	j.scalars = p.prepare(j.scalars, g, &j.in)
	chunks := len(g.chunk) - 1
	j.part = parallel.Grow(j.part, chunks)
	j.halo[0] = parallel.Grow(j.halo[0], g.planY.haloLen())
	j.halo[1] = parallel.Grow(j.halo[1], g.planW.haloLen())
	j.bad.Store(0)
	if j.set && g.y.shape != lattice {
		clear(j.dst[0])
	}
	j.phase = 0
	j.team.Run(chunks, j)
	for i, q := range []*plan{g.planY, g.planW} {
		if j.dst[i] != nil {
			j.phase = 1 + i
			j.team.Run(q.finishChunks(), j)
		}
	}
	if k := j.bad.Load(); k != 0 {
		return 0, fmt.Errorf("autodiff: term %d of %s: %s", k-1, g.name, badResult(p))
	}
	return parallel.Combine(j.part), nil
}

// badResult says what a program computes, for an error.
func badResult(p *program) string {
	switch p.outs[0].role {
	case sumUp:
		return "its value, or a derivative, is not a finite number"
	case intoStore:
		return "a second derivative is not a finite number"
	}
	return "a derivative is not a finite number"
}

// Chunk implements parallel.Task.
func (j *job) Chunk(c int) {
	switch j.phase {
	case 0:
		j.terms(c)
	case 1:
		j.g.planY.finish(c, j.dst[0], j.halo[0])
	case 2:
		j.g.planW.finish(c, j.dst[1], j.halo[1])
	}
}

// terms runs the program on the terms of chunk c.
func (j *job) terms(c int) {
	g, p := j.g, j.p
	m := j.machines.get()
	m.arena = parallel.Grow(m.arena, p.regs*batchSize)
	m.regs = parallel.Grow(m.regs, p.regs)
	for r := range m.regs {
		m.regs[r] = m.arena[r*batchSize : (r+1)*batchSize]
	}
	if j.dst[0] != nil {
		g.planY.start(c, j.dst[0], j.halo[0], j.set)
	}
	if j.dst[1] != nil {
		g.planW.start(c, j.dst[1], j.halo[1], false)
	}
	sum := 0.0
	end := g.chunk[c+1]
	for k := g.chunk[c]; k < end; {
		next := g.nextBatch(k, end)
		sum += j.batch(m, c, k, next-k)
		k = next
	}
	j.part[c] = sum
	clear(m.regs) // keeps no slice of the caller
	j.machines.put(m)
}

// batch runs the program on terms k … k+n-1 and delivers its results. It returns
// the sum of the values.
func (j *job) batch(m *machine, c, k, n int) (sum float64) {
	g, p := j.g, j.p
	for r, in := range p.inputs {
		buf := m.arena[r*batchSize : (r+1)*batchSize]
		src := j.in[in.kind]
		switch in.kind {
		case inY, inV:
			m.regs[r] = g.y.bind(buf, src, in.idx, k, n)
		case inW, inU:
			m.regs[r] = g.w.bind(buf, src, in.idx, k, n)
		case inWeight:
			at := k*g.nWeights + in.idx*n
			m.regs[r] = src[at : at+n]
		case inC:
			if g.nc == 1 {
				m.regs[r] = src[k : k+n]
				break
			}
			for i := range n {
				buf[i] = src[(k+i)*g.nc+in.idx]
			}
		}
	}
	p.run(m.regs, j.scalars, n)
	for _, o := range p.outs {
		v := m.regs[o.reg][:n]
		if j.check || o.role == sumUp {
			j.inspect(v, k, o.role == sumUp)
		}
		switch o.role {
		case sumUp:
			for _, x := range v {
				sum += x
			}
		case intoY:
			if j.dst[0] != nil {
				g.planY.add(c, j.dst[0], j.halo[0], v, o.idx, k)
			}
		case intoW:
			if j.dst[1] != nil {
				g.planW.add(c, j.dst[1], j.halo[1], v, o.idx, k)
			}
		case intoStore:
			if j.store != nil && o.idx >= 0 {
				copy(j.store[k*g.nWeights+o.idx*n:], v)
			}
		}
	}
	return sum
}

// inspect notes the first term whose result is NaN or, unless infinite values are
// allowed, Inf.
func (j *job) inspect(v []float64, k int, infinite bool) {
	s := 0.0
	for _, x := range v {
		s += 0 * x
	}
	if s == 0 {
		return
	}
	for i, x := range v {
		if math.IsNaN(x) || !infinite && math.IsInf(x, 0) {
			for {
				old := j.bad.Load()
				if old != 0 && old <= int64(k+i+1) || j.bad.CompareAndSwap(old, int64(k+i+1)) {
					return
				}
			}
		}
	}
}

// entries returns the vector that the terms see instead of x: x itself, or the
// linear forms of it.
func (j *job) entries(ctx context.Context, buf *[]float64, x []float64) ([]float64, error) {
	f := j.g.y.forms
	if f == nil {
		return x, nil
	}
	rows, _ := f.Dims()
	*buf = parallel.Grow(*buf, rows)
	return *buf, f.Apply(ctx, *buf, x)
}

// intoY runs the program with its results for y added to dst, or set if dst holds
// nothing yet. in[inY] and so on are those of the group's own space.
func (j *job) intoY(ctx context.Context, p *program, dst []float64, set bool) (float64, error) {
	f := j.g.y.forms
	if f == nil || dst == nil {
		j.dst[0], j.set = dst, set
		return j.run(p)
	}
	rows, cols := f.Dims()
	j.z, j.out = parallel.Grow(j.z, rows), parallel.Grow(j.out, cols)
	j.dst[0], j.set = j.z, true
	v, err := j.run(p)
	if err != nil {
		return v, err
	}
	if set {
		return v, f.ApplyTrans(ctx, dst, j.z)
	}
	if err := f.ApplyTrans(ctx, j.out, j.z); err != nil {
		return v, err
	}
	parallel.Axpy(j.team, dst, 1, j.out)
	return v, nil
}
