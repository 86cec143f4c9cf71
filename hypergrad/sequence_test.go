package hypergrad_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

// drifting is G = (L + diag(e^w))·y − c with L the second difference times stiff, w
// one number per unknown, and ℓ = ½‖y − t‖² + slope·Σ y. sign = −1 negates every
// second diagonal entry of e^w, which makes it indefinite.
type drifting struct {
	n           int
	stiff, sign float64
	c, t        []float64
	promise     hvp.Structure
}

func newDrifting(n int, stiff float64) *drifting {
	rng := rand.New(rand.NewPCG(1, 2))
	p := &drifting{n: n, stiff: stiff, sign: 1, c: make([]float64, n), t: make([]float64, n), promise: hvp.SPD}
	for i := range n {
		p.c[i], p.t[i] = rng.NormFloat64(), rng.NormFloat64()
	}
	return p
}

func (p *drifting) Dims() (int, int) { return p.n, p.n }

func (p *drifting) diagonal(i int, w []float64) float64 {
	v := math.Exp(w[i])
	if i%2 == 1 {
		v *= p.sign
	}
	return v
}

func (p *drifting) mul(dst, y, w []float64) {
	for i := range dst {
		v := 2 * y[i]
		if i > 0 {
			v -= y[i-1]
		}
		if i+1 < p.n {
			v -= y[i+1]
		}
		dst[i] = p.stiff*v + p.diagonal(i, w)*y[i]
	}
}

func (p *drifting) Residual(_ context.Context, dst, y, w []float64) error {
	p.mul(dst, y, w)
	for i := range dst {
		dst[i] -= p.c[i]
	}
	return nil
}

func (p *drifting) Linearize(_ context.Context, y, w []float64) (lin hypergrad.Linearization, err error) {
	lin.Y = &hvp.Func{Rows: p.n, Promise: p.promise,
		Mul: func(_ context.Context, dst, x []float64) error { p.mul(dst, x, w); return nil },
		Diagonal: func(dst []float64) error {
			for i := range dst {
				dst[i] = 2*p.stiff + p.diagonal(i, w)
			}
			return nil
		}}
	d := make([]float64, p.n)
	for i := range d {
		d[i] = p.diagonal(i, w) * y[i]
	}
	lin.W, err = hvp.NewDiagonal(d)
	return lin, err
}

func (p *drifting) Loss(_ context.Context, dy, dw, y, _ []float64) (loss float64, err error) {
	for i := range y {
		loss += 0.5 * (y[i] - p.t[i]) * (y[i] - p.t[i])
		if dy != nil {
			dy[i] = y[i] - p.t[i]
		}
	}
	clear(dw)
	return loss, nil
}

// solve sets y to the solution of G = 0, by elimination.
func (p *drifting) solve(y, w []float64) { p.eliminate(y, p.c, w) }

func (p *drifting) eliminate(y, c, w []float64) {
	d := make([]float64, p.n)
	for i := range p.n {
		d[i], y[i] = 2*p.stiff+p.diagonal(i, w), c[i]
		if i > 0 {
			f := p.stiff / d[i-1]
			d[i] -= f * p.stiff
			y[i] += f * y[i-1]
		}
	}
	for i := p.n - 1; i >= 0; i-- {
		if i+1 < p.n {
			y[i] += p.stiff * y[i+1]
		}
		y[i] /= d[i]
	}
}

// gradient sets g to dL/dw, by elimination.
func (p *drifting) gradient(g, y, w []float64) {
	b := make([]float64, p.n)
	for i := range b {
		b[i] = y[i] - p.t[i]
	}
	p.eliminate(g, b, w)
	for i := range g {
		g[i] *= -p.diagonal(i, w) * y[i]
	}
}

func distance(a, b []float64) float64 {
	d, s := 0.0, 0.0
	for i := range a {
		d += (a[i] - b[i]) * (a[i] - b[i])
		s += b[i] * b[i]
	}
	return math.Sqrt(d / s)
}

// path is the w of outer iteration k.
type path func(k int, w []float64)

func smooth(k int, w []float64) {
	for i := range w {
		w[i] = -2 + 0.5*math.Exp(-float64(k)/10)*math.Sin(float64(i)/20) + 0.3*math.Exp(-float64(k)/25)
	}
}

// jumping goes to an unrelated point in every third iteration.
func jumping(k int, w []float64) {
	rng := rand.New(rand.NewPCG(7, uint64(k/3)))
	for i := range w {
		w[i] = 3*rng.NormFloat64() + 0.01*float64(k)
	}
}

func still(_ int, w []float64) {
	for i := range w {
		w[i] = -2
	}
}

// follow runs the estimator along the path from iteration from to to and returns
// the reports; it fails where dL/dw is further from the truth than tol.
func follow(t testing.TB, e *hypergrad.Estimator, p *drifting, at path, from, to int, tol float64) (reports []hypergrad.Report, grads [][]float64) {
	t.Helper()
	y, w, want := make([]float64, p.n), make([]float64, p.n), make([]float64, p.n)
	for k := from; k < to; k++ {
		at(k, w)
		p.solve(y, w)
		g := make([]float64, p.n)
		rep, err := e.Gradient(t.Context(), p, y, w, g)
		if err != nil {
			t.Fatalf("iteration %d: %v", k, err)
		}
		p.gradient(want, y, w)
		if d := distance(g, want); !(d <= tol) {
			t.Fatalf("iteration %d: dL/dw is off by %.2g (%+v)", k, d, rep.Sequence)
		}
		reports, grads = append(reports, rep), append(grads, g)
	}
	return reports, grads
}

func products(reports []hypergrad.Report) (n int) {
	for _, r := range reports {
		n += r.Solve.Products + r.Sequence.Products
	}
	return n
}

var sequenceSettings = map[string]hypergrad.SequenceSettings{
	"cold":    {NoGuess: true, NoLag: true},
	"default": {},
	"last":    {History: 1},
	"project": {Project: true},
	"recycle": {NoGuess: true, Recycle: 8, SweepCost: 1e-3},
	"all":     {Project: true, History: 10, Recycle: 12, SweepCost: 1e-3},
}

// TestSequenceAnswers compares with the exact hypergradient along paths that are
// friendly and hostile, definite and indefinite, with all kinds of state.
func TestSequenceAnswers(t *testing.T) {
	for name, s := range sequenceSettings {
		for pathName, at := range map[string]path{"smooth": smooth, "jumping": jumping, "still": still} {
			for _, precondition := range []hypergrad.PrecondFunc{nil, hypergrad.Jacobi} {
				p := newDrifting(120, 1)
				e := &hypergrad.Estimator{Sequence: s, Precond: precondition, Settings: krylov.Settings{RTol: 1e-10}}
				t.Run(name+"/"+pathName, func(t *testing.T) { follow(t, e, p, at, 0, 12, 1e-8) })
			}
		}
		t.Run(name+"/indefinite", func(t *testing.T) {
			p := newDrifting(120, 0.1)
			p.sign, p.promise = -1, hvp.Symmetric
			e := &hypergrad.Estimator{Sequence: s, Settings: krylov.Settings{RTol: 1e-10}}
			follow(t, e, p, smooth, 0, 12, 1e-7)
			// The same with a promise that is not kept.
			p.promise = hvp.SPD
			follow(t, e, p, smooth, 12, 18, 1e-7)
		})
	}
}

// TestSequenceSaves: along a smooth path the products fall to a third, each
// ingredient by itself saves, and the gradients are as good.
func TestSequenceSaves(t *testing.T) {
	p := newDrifting(500, 30)
	count := map[string]int{}
	for name, s := range sequenceSettings {
		e := &hypergrad.Estimator{Sequence: s, Precond: hypergrad.Jacobi}
		reports, _ := follow(t, e, p, smooth, 0, 30, 1e-6)
		count[name] = products(reports)
		if last := reports[len(reports)-1].Sequence; last.Solves != 30 {
			t.Errorf("%s: %d solves reported", name, last.Solves)
		}
	}
	t.Log(count)
	for name, most := range map[string]float64{"last": 0.9, "default": 0.6, "project": 0.65, "recycle": 0.95, "all": 0.34} {
		if ratio := float64(count[name]) / float64(count["cold"]); ratio > most {
			t.Errorf("%s takes %.2f of the products of cold starts, want at most %.2f", name, ratio, most)
		}
	}
}

// TestSequenceSwitchesOff: where nothing can be guessed or recycled, what is tried
// costs a few products in all.
func TestSequenceSwitchesOff(t *testing.T) {
	p := newDrifting(400, 1)
	far := func(k int, w []float64) { jumping(3*k, w) }
	run := func(s hypergrad.SequenceSettings) ([]hypergrad.Report, int) {
		p := *p
		e := &hypergrad.Estimator{Sequence: s, Precond: hypergrad.Jacobi}
		var reports []hypergrad.Report
		rng := rand.New(rand.NewPCG(5, 5))
		y, w, g := make([]float64, p.n), make([]float64, p.n), make([]float64, p.n)
		for k := range 40 {
			far(k, w)
			for i := range p.t { // another right-hand side
				p.t[i] = 1e3 * rng.NormFloat64()
			}
			p.solve(y, w)
			rep, err := e.Gradient(t.Context(), &p, y, w, g)
			if err != nil {
				t.Fatal(err)
			}
			reports = append(reports, rep)
		}
		return reports, products(reports)
	}
	_, cold := run(hypergrad.SequenceSettings{NoGuess: true})
	reports, all := run(hypergrad.SequenceSettings{Project: true, Recycle: 8})
	if float64(all) > 1.1*float64(cold) {
		t.Errorf("%d products with everything tried, %d without", all, cold)
	}
	guesses, recycled, projected := 0, 0, 0
	for _, r := range reports {
		if r.Sequence.Guess != "none" {
			guesses++
		}
		if r.Sequence.Recycled > 0 {
			recycled++
		}
		projected += r.Sequence.Products
	}
	if guesses > 8 || recycled > 8 || projected > 40 {
		t.Errorf("in 40 solves without relation: %d guesses, %d with a recycled space, %d products for projections", guesses, recycled, projected)
	}
}

// TestSequencePricedSweeps: a space that saves less than its sweeps cost is tried
// now and then; where it could never pay it is not begun.
func TestSequencePricedSweeps(t *testing.T) {
	for _, c := range []struct {
		price       float64
		least, most int
	}{{1. / 64, 1, 6}, {1, 0, 0}} {
		e := &hypergrad.Estimator{Sequence: hypergrad.SequenceSettings{NoGuess: true, Recycle: 8, SweepCost: c.price}}
		reports, _ := follow(t, e, newDrifting(400, 30), smooth, 0, 20, 1e-5)
		recycled := 0
		for _, r := range reports {
			if r.Sequence.Recycled > 0 {
				recycled++
			}
		}
		if recycled < c.least || recycled > c.most {
			t.Errorf("price %v: the space was used in %d of 20 solves, want %d to %d", c.price, recycled, c.least, c.most)
		}
	}
}

func TestSequenceWorkers(t *testing.T) {
	var want [][]float64
	for _, workers := range []int{1, 2, 3, 7} {
		p := newDrifting(4200, 1)
		e := &hypergrad.Estimator{Sequence: sequenceSettings["all"], Precond: hypergrad.Jacobi, Settings: krylov.Settings{Workers: workers}}
		_, got := follow(t, e, p, smooth, 0, 5, 1e-5)
		if want == nil {
			want = got
		}
		for k := range got {
			if !slices.Equal(got[k], want[k]) {
				t.Fatalf("%d workers: other bits in iteration %d", workers, k)
			}
		}
	}
}

// TestSequenceResume: a run that is resumed from a checkpoint has the bits of the
// one that went on, and a checkpoint does not depend on when it was read.
func TestSequenceResume(t *testing.T) {
	for name, s := range sequenceSettings {
		for _, cut := range []int{1, 4, 9} {
			p := newDrifting(200, 5)
			lagging := func() hypergrad.PrecondFunc { return frozen(t) }
			first := &hypergrad.Estimator{Sequence: s, Precond: lagging()}
			follow(t, first, p, smooth, 0, cut, 1e-5)
			data, err := first.Checkpoint()
			if err != nil {
				t.Fatal(err)
			}
			wantReports, want := follow(t, first, p, smooth, cut, cut+6, 1e-5)
			second := &hypergrad.Estimator{Sequence: s, Precond: lagging()}
			if err := second.Resume(data); err != nil {
				t.Fatal(err)
			}
			again, err := second.Checkpoint()
			if err != nil || !bytes.Equal(again, data) {
				t.Errorf("%s: the checkpoint of a resumed estimator differs (%v)", name, err)
			}
			gotReports, got := follow(t, second, newDrifting(200, 5), smooth, cut, cut+6, 1e-5)
			for k := range got {
				if !slices.Equal(got[k], want[k]) || gotReports[k].Sequence != wantReports[k].Sequence || gotReports[k].Solve.Products != wantReports[k].Solve.Products {
					t.Fatalf("%s, cut at %d: iteration %d differs: %+v, want %+v", name, cut, k, gotReports[k].Sequence, wantReports[k].Sequence)
				}
			}
		}
	}
}

func TestSequenceResumeRefuses(t *testing.T) {
	p := newDrifting(50, 1)
	e := &hypergrad.Estimator{Sequence: sequenceSettings["all"]}
	follow(t, e, p, smooth, 0, 4, 1e-5)
	data, err := e.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, data[:len(data)/2], []byte("not a state"), data[:len(data)-9]} {
		if err := e.Resume(bad); err == nil {
			t.Errorf("a state of %d bytes was accepted", len(bad))
		}
	}
	follow(t, e, p, smooth, 4, 6, 1e-5) // still alive
	// A state of another size is forgotten, not used.
	other := newDrifting(51, 1)
	if err := e.Resume(data); err != nil {
		t.Fatal(err)
	}
	reports, _ := follow(t, e, other, smooth, 0, 1, 1e-5)
	if s := reports[0].Sequence; s.Solves != 1 || s.Guess != "none" || s.Recycled != 0 {
		t.Errorf("after a change of size: %+v", s)
	}
}

// TestSequenceForgets: another problem, another size and Reset begin anew.
func TestSequenceForgets(t *testing.T) {
	e := &hypergrad.Estimator{Sequence: sequenceSettings["all"], Precond: hypergrad.Jacobi}
	p := newDrifting(200, 1)
	fresh := func(what string, p *drifting) {
		t.Helper()
		reports, grads := follow(t, e, p, smooth, 3, 5, 1e-5)
		if s := reports[0].Sequence; s.Solves != 1 || s.Guess != "none" || s.Recycled != 0 || s.PrecondAge != 0 || s.Reduction != 1 {
			t.Errorf("%s: %+v", what, s)
		}
		if reports[1].Sequence.Guess != "last" {
			t.Errorf("%s: second solve: %+v", what, reports[1].Sequence)
		}
		_, want := follow(t, &hypergrad.Estimator{Sequence: e.Sequence, Precond: hypergrad.Jacobi}, p, smooth, 3, 5, 1e-5)
		if !slices.Equal(grads[0], want[0]) || !slices.Equal(grads[1], want[1]) {
			t.Errorf("%s: other bits than a new Estimator", what)
		}
	}
	fresh("new", p)
	fresh("another value", newDrifting(200, 1))
	fresh("another size", newDrifting(201, 1))
	e.Reset()
	fresh("reset", newDrifting(201, 1))
}

// TestSequenceSamePoint: at the same point the solution is there already.
func TestSequenceSamePoint(t *testing.T) {
	e := &hypergrad.Estimator{}
	p := newDrifting(200, 5)
	reports, grads := follow(t, e, p, still, 0, 5, 1e-5)
	for k := 1; k < 5; k++ {
		if r := reports[k]; r.Solve.Iterations != 0 || r.Solve.Products != 1 {
			t.Errorf("solve %d at the same point: %d iterations, %d products", k, r.Solve.Iterations, r.Solve.Products)
		}
		if !slices.Equal(grads[k], grads[0]) {
			t.Errorf("solve %d at the same point has other bits", k)
		}
	}
}

// frozen makes a preconditioner that is not diagonal, at a price of ten products,
// and counts how often.
func frozen(t testing.TB) hypergrad.PrecondFunc {
	return func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		jacobi, err := precond.NewJacobi(ctx, a)
		if err != nil {
			return nil, err
		}
		t.Helper()
		return &dear{Jacobi: jacobi}, nil
	}
}

type dear struct {
	*precond.Jacobi
	refreshed int
	fail      error
}

func (d *dear) Apply(ctx context.Context, dst, x []float64) error {
	if d.fail != nil {
		return d.fail
	}
	return d.Jacobi.Apply(ctx, dst, x)
}

// DiagonalValues hides that it is diagonal.
func (d *dear) DiagonalValues(struct{}) {}

func (d *dear) Refresh(ctx context.Context, a hvp.Operator) error {
	d.refreshed++
	d.fail = nil
	return d.Jacobi.Refresh(ctx, a)
}

func (d *dear) Report() precond.Report { return precond.Report{Products: 10} }

// TestSequenceLag: a preconditioner is kept while it is good, refreshed when its
// age has cost what a refresh costs, and replaced when it fails.
func TestSequenceLag(t *testing.T) {
	scaled := func(k int, w []float64) { // the scale of the diagonal wanders
		for i := range w {
			w[i] = float64(k) * math.Sin(float64(i)) / 4
		}
	}
	p := newDrifting(400, 1)
	var made []*dear
	e := &hypergrad.Estimator{Sequence: hypergrad.SequenceSettings{NoGuess: true}}
	e.Precond = func(ctx context.Context, a hvp.Operator) (precond.Preconditioner, error) {
		j, err := precond.NewJacobi(ctx, a)
		if err != nil {
			return nil, err
		}
		made = append(made, &dear{Jacobi: j})
		return made[len(made)-1], nil
	}
	reports, _ := follow(t, e, p, scaled, 0, 30, 1e-5)
	refreshes, oldest := 0, 0
	for _, r := range reports {
		oldest = max(oldest, r.Sequence.PrecondAge)
		if r.Sequence.PrecondAge == 0 {
			refreshes++
		}
	}
	if len(made) != 1 || made[0].refreshed+1 != refreshes || refreshes < 3 || refreshes > 25 || oldest == 0 {
		t.Errorf("made %d times, refreshed %d times by the object and %d by the report, oldest %d", len(made), made[0].refreshed, refreshes, oldest)
	}
	// One that breaks is replaced by a new one in the same solve.
	reports, _ = follow(t, e, p, still, 0, 3, 1e-5)
	if reports[2].Sequence.PrecondAge == 0 {
		t.Fatal("at a still point the preconditioner is not kept")
	}
	made[0].fail = errors.New("broken")
	reports, _ = follow(t, e, p, smooth, 0, 1, 1e-5)
	if len(made) != 2 || reports[0].Sequence.PrecondAge != 0 {
		t.Errorf("after a failure: made %d times, %+v", len(made), reports[0].Sequence)
	}
	// Diagonal ones and those of NoLag are always fresh.
	for _, e := range []*hypergrad.Estimator{
		{Precond: hypergrad.Jacobi},
		{Precond: e.Precond, Sequence: hypergrad.SequenceSettings{NoLag: true}},
	} {
		reports, _ := follow(t, e, p, smooth, 0, 4, 1e-5)
		for _, r := range reports {
			if r.Sequence.PrecondAge != 0 {
				t.Errorf("preconditioner of age %d", r.Sequence.PrecondAge)
			}
		}
	}
}

// TestSequenceScales: multiplying the loss by 1e±120 changes nothing but the scale.
func TestSequenceScales(t *testing.T) {
	var want []hypergrad.Report
	for _, factor := range []float64{1, 0x1p-400, 0x1p400} {
		p := &lossScaled{newDrifting(300, 5), factor}
		e := &hypergrad.Estimator{Sequence: sequenceSettings["all"], Precond: hypergrad.Jacobi}
		y, w, g := make([]float64, p.n), make([]float64, p.n), make([]float64, p.n)
		var got []hypergrad.Report
		for k := range 8 {
			smooth(k, w)
			p.solve(y, w)
			rep, err := e.Gradient(t.Context(), p, y, w, g)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rep)
		}
		if want == nil {
			want = got
		}
		for k := range got {
			if got[k].Solve.Products != want[k].Solve.Products || got[k].Sequence != want[k].Sequence {
				t.Errorf("loss times %v: solve %d: %+v, want %+v", factor, k, got[k].Sequence, want[k].Sequence)
			}
		}
	}
}

type lossScaled struct {
	*drifting
	factor float64
}

func (p *lossScaled) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	loss, err := p.drifting.Loss(ctx, dy, dw, y, w)
	for i := range dy {
		dy[i] *= p.factor
	}
	return loss * p.factor, err
}

// TestSequenceErrorBar: the bar is as good with everything carried along as
// without, and leaves the sequence alone.
func TestSequenceErrorBar(t *testing.T) {
	s := sequenceSettings["all"]
	plain := &hypergrad.Estimator{Sequence: s, Precond: hypergrad.Jacobi, NoErrorBar: true}
	with := &hypergrad.Estimator{Sequence: s, Precond: hypergrad.Jacobi}
	_, want := follow(t, plain, newDrifting(200, 5), smooth, 0, 8, 1e-5)
	reports, got := follow(t, with, newDrifting(200, 5), smooth, 0, 8, 1e-5)
	for k := range got {
		if bar := reports[k].Error; bar == nil || !bar.Trusted {
			t.Errorf("iteration %d: error bar %+v", k, bar)
		}
		if !slices.Equal(got[k], want[k]) {
			t.Errorf("iteration %d: other bits with an error bar", k)
		}
	}
}

// TestSequenceMethodThatRemembers: a checkpoint also makes GCRODR begin anew.
func TestSequenceMethodThatRemembers(t *testing.T) {
	p := newDrifting(200, 1)
	p.promise = hvp.Symmetric
	first := &hypergrad.Estimator{Method: &krylov.GCRODR{}}
	follow(t, first, p, smooth, 0, 4, 1e-5)
	data, err := first.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	_, want := follow(t, first, p, smooth, 4, 8, 1e-5)
	second := &hypergrad.Estimator{Method: &krylov.GCRODR{}}
	if err := second.Resume(data); err != nil {
		t.Fatal(err)
	}
	_, got := follow(t, second, p, smooth, 4, 8, 1e-5)
	for k := range got {
		if !slices.Equal(got[k], want[k]) {
			t.Errorf("iteration %d differs", k)
		}
	}
}
