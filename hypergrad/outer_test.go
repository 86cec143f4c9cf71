package hypergrad_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/problems"
)

// through makes a bilevel problem of a function f(w): the inner problem is
// y = argmin Σ c_i(½(y_i−w_i)² + ¼(y_i−w_i)⁴) with c_i over three orders of
// magnitude, so that y(w) = w and L = f.
func through(n int, f func(dy, y []float64) float64) *hypergrad.Funcs {
	p := &hypergrad.Funcs{NY: n, NW: n, Structure: hvp.SPD}
	c := func(i int) float64 { return math.Pow(10, 3*float64(i)/float64(n)) }
	p.EnergyValue = func(y, w []float64) (e float64, err error) {
		for i := range y {
			d := y[i] - w[i]
			e += c(i) * (d*d/2 + d*d*d*d/4)
		}
		return e, nil
	}
	p.Gradient = func(dst, y, w []float64) error {
		for i := range y {
			d := y[i] - w[i]
			dst[i] = c(i) * (d + d*d*d)
		}
		return nil
	}
	p.HVP = func(dst, v, y, w []float64) error {
		for i := range y {
			d := y[i] - w[i]
			dst[i] = c(i) * (1 + 3*d*d) * v[i]
		}
		return nil
	}
	p.Diag = func(dst, y, w []float64) error {
		for i := range y {
			d := y[i] - w[i]
			dst[i] = c(i) * (1 + 3*d*d)
		}
		return nil
	}
	p.Mixed = func(dst, q, y, w []float64) error {
		if err := p.HVP(dst, q, y, w); err != nil {
			return err
		}
		for i := range dst {
			dst[i] = -dst[i]
		}
		return nil
	}
	p.LossValue = func(dy, dw, y, w []float64) (float64, error) { return f(dy, y), nil }
	return p
}

// banana is Σ 100(y_{2k+1} − y_{2k}²)² + (1 − y_{2k})²: minimum 0 at 1
// (Rosenbrock, Comput. J. 3, 1960).
func banana(dy, y []float64) (f float64) {
	for i := 0; i+1 < len(y); i += 2 {
		a, b := y[i+1]-y[i]*y[i], 1-y[i]
		f += 100*a*a + b*b
		dy[i] = -400*a*y[i] - 2*b
		dy[i+1] = 200 * a
	}
	return f
}

func bowl(dy, y []float64) (f float64) {
	for i := range y {
		d := y[i] - float64(i)
		dy[i] = float64(1+i) * d
		f += float64(1+i) * d * d / 2
	}
	return f
}

// smallLogistic is a random problem with one penalty per feature.
func smallLogistic(t testing.TB) *problems.Logistic {
	const m, n = 80, 12
	rng := rand.New(rand.NewPCG(3, 1))
	truth := make([]float64, n)
	for j := range truth {
		truth[j] = rng.NormFloat64() * float64(j%3)
	}
	set := func() (*hvp.CSR, []float64) {
		ptr, col, val, label := []int{0}, []int32{}, []float64{}, []float64{}
		for range m {
			sum := rng.NormFloat64()
			for j := range n {
				v := rng.NormFloat64()
				col, val, sum = append(col, int32(j)), append(val, v), sum+v*truth[j]
			}
			ptr, label = append(ptr, len(col)), append(label, math.Copysign(1, sum))
		}
		x, err := hvp.NewCSR(m, n, ptr, col, val)
		if err != nil {
			t.Fatal(err)
		}
		return x, label
	}
	x, l := set()
	xh, lh := set()
	p, err := problems.NewLogistic(x, l, xh, lh, true)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func fill(n int, v float64) []float64 { return slices.Repeat([]float64{v}, n) }

// TestMinimizeKnown: minima that are known, with and without bounds.
func TestMinimizeKnown(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name         string
		f            func(dy, y []float64) float64
		w, low, high []float64
		want         []float64
		tol          float64
	}{
		{"bowl", bowl, fill(5, 9), nil, nil, []float64{0, 1, 2, 3, 4}, 1e-6},
		{"one unknown", bowl, []float64{-30}, nil, nil, []float64{0}, 1e-6},
		{"bowl in a box", bowl, fill(5, 1.5), fill(5, 1.2), fill(5, 2.5), []float64{1.2, 1.2, 2, 2.5, 2.5}, 1e-6},
		{"start in a corner", bowl, fill(5, 1.2), fill(5, 1.2), []float64{9, 9, 9, 9, inf}, []float64{1.2, 1.2, 2, 3, 4}, 1e-6},
		{"no room", bowl, fill(2, 3), fill(2, 3), fill(2, 3), []float64{3, 3}, 0},
		{"at the minimum", bowl, []float64{0, 1}, nil, nil, []float64{0, 1}, 0},
		{"valley", banana, []float64{-1.2, 1}, nil, nil, []float64{1, 1}, 1e-5},
		{"valleys", banana, []float64{-1.2, 1, 0, 0, 3, -2}, nil, nil, fill(6, 1), 1e-5},
		// The bound leaves (1−x)² + 100(y−x²)² with x ≤ ½.
		{"valley with a wall", banana, []float64{-1.2, 1}, []float64{-inf, -inf}, []float64{0.5, inf}, []float64{0.5, 0.25}, 1e-5},
	} {
		p := through(len(c.w), c.f)
		y, w := make([]float64, len(c.w)), slices.Clone(c.w)
		outside := 0
		res, err := hypergrad.Minimize(t.Context(), p, y, w, &hypergrad.OuterSettings{Low: c.low, High: c.high, GradTol: 1e-9, MaxIter: 200,
			Monitor: func(q hypergrad.OuterProgress) error {
				for i, v := range q.W {
					if c.low != nil && (v < c.low[i] || v > c.high[i]) {
						outside++
					}
				}
				return nil
			}})
		if err != nil || res.Status != hypergrad.OuterConverged || outside > 0 {
			t.Errorf("%s: %v, %v, %d points outside", c.name, res.Status, err, outside)
		}
		for i := range w {
			if math.Abs(w[i]-c.want[i]) > c.tol || c.tol > 0 && math.Abs(y[i]-w[i]) > 1e-4 {
				t.Errorf("%s: w = %v, y = %v, want %v", c.name, w, y, c.want)
				break
			}
		}
		if res.End.Loss > res.Start.Loss || len(res.Trace) != res.End.Iteration+1 || len(res.Grad) != len(w) {
			t.Errorf("%s: loss %v → %v, %d records of %d iterations", c.name, res.Start.Loss, res.End.Loss, len(res.Trace), res.End.Iteration)
		}
	}
}

// TestMinimizeAccuracy: tolerances follow the gradient, the error bars hold, and
// the losses are those of the exact inner solutions.
func TestMinimizeAccuracy(t *testing.T) {
	p := smallLogistic(t)
	ny, nw := p.Dims()
	y, w := make([]float64, ny), make([]float64, nw)
	exact := func(q hypergrad.OuterProgress) (loss, norm float64) {
		y, grad := make([]float64, ny), make([]float64, nw)
		if _, err := (&hypergrad.Newton{RTol: 1e-13, Polish: true}).Solve(t.Context(), p, y, q.W); err != nil {
			t.Fatal(err)
		}
		est := hypergrad.Estimator{}
		est.Settings.RTol = 1e-14
		rep, err := est.Gradient(t.Context(), p, y, q.W, grad)
		if err != nil {
			t.Fatal(err)
		}
		return rep.Loss, rep.GradNorm
	}
	first := math.Inf(1)
	res, err := hypergrad.Minimize(t.Context(), p, y, w, &hypergrad.OuterSettings{GradTol: 1e-5, Monitor: func(q hypergrad.OuterProgress) error {
		loss, norm := exact(q)
		if diff := math.Abs(loss - q.Loss); diff > 0.1*q.LossError+1e-12 {
			t.Errorf("iteration %d: loss %v, exactly %v, correction %.2e", q.Iteration, q.Loss, loss, q.LossError)
		}
		if diff := math.Abs(norm - q.GradNorm); diff > 3*q.Error || !q.Trusted {
			t.Errorf("iteration %d: norm %v ± %.2e, exactly %v", q.Iteration, q.GradNorm, q.Error, norm)
		}
		first = min(first, q.InnerTol)
		return nil
	}})
	if err != nil || res.End.GradNorm+res.End.Error > 1e-5*res.Start.GradNorm {
		t.Errorf("‖dL/dw‖ %v → %v: %v", res.Start.GradNorm, res.End.GradNorm, err)
	}
	if res.End.InnerTol > 1e-2*res.Start.InnerTol || res.End.Loss > 0.9*res.Start.Loss {
		t.Errorf("inner tolerance %v → %v, loss %v → %v", res.Start.InnerTol, res.End.InnerTol, res.Start.Loss, res.End.Loss)
	}
}

// outcome is what must have the same bits.
type outcome struct {
	w, y, grad []float64
	trace      []hypergrad.OuterProgress
}

func (o *outcome) set(res *hypergrad.OuterResult, w, y []float64) {
	o.w, o.y, o.grad, o.trace = w, y, res.Grad, slices.Clone(res.Trace)
	for i := range o.trace {
		o.trace[i].Elapsed = 0
	}
}

var errCut = errors.New("cut")

// stubborn is a solver with a memory: every third solve is twice as accurate.
type stubborn struct {
	hypergrad.Newton
	solves byte
}

func (s *stubborn) SolveTo(ctx context.Context, eq hypergrad.Equation, y, w []float64, tol float64) (hypergrad.InnerResult, error) {
	if s.solves++; s.solves%3 == 0 {
		tol /= 2
	}
	return s.Newton.SolveTo(ctx, eq, y, w, tol)
}
func (s *stubborn) Checkpoint() ([]byte, error) { return []byte{s.solves}, nil }
func (s *stubborn) Resume(data []byte) error    { s.solves = data[0]; return nil }

// TestMinimizeResume: a run that is cut in every iteration, before or after its
// checkpoint, has the bits of one that is not; so has one with other workers.
func TestMinimizeResume(t *testing.T) {
	logistic := smallLogistic(t)
	for _, c := range []struct {
		name  string
		p     hypergrad.Problem
		start float64
		inner func() hypergrad.ToleranceSolver
	}{
		{"logistic", logistic, 0, func() hypergrad.ToleranceSolver { return nil }},
		{"rejected points", through(4, banana), -1, func() hypergrad.ToleranceSolver { return nil }},
		{"solver with a memory", logistic, 0.5, func() hypergrad.ToleranceSolver { return &stubborn{} }},
	} {
		ny, nw := c.p.Dims()
		run := func(path string, workers int, monitor func(hypergrad.OuterProgress) error) (o outcome, resumed int, err error) {
			y, w := make([]float64, ny), fill(nw, c.start)
			est := &hypergrad.Estimator{Precond: hypergrad.Jacobi}
			est.Settings.Workers = workers
			res, err := hypergrad.Minimize(t.Context(), c.p, y, w, &hypergrad.OuterSettings{Estimator: est, Inner: c.inner(), Low: fill(nw, -4), High: fill(nw, 1.3),
				Checkpoint: path, Monitor: monitor, MaxIter: 40, GradTol: 1e-6, Fingerprint: c.name})
			if err == nil || errors.Is(err, hypergrad.OuterIterationLimit) {
				o.set(&res, w, y)
			}
			return o, res.Resumed, err
		}
		want, _, wantErr := run("", 0, nil)
		if len(want.trace) < 8 {
			t.Fatalf("%s: %v, %d iterations only", c.name, wantErr, len(want.trace))
		}
		same := func(what string, got outcome) {
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s: other bits:\n%+v\n%+v", c.name, what, got, want)
			}
		}
		for _, workers := range []int{1, 2, 3, 7} {
			got, _, _ := run("", workers, nil)
			same(fmt.Sprint(workers, " workers"), got)
		}
		path := filepath.Join(t.TempDir(), "checkpoint")
		for last := -1; ; last++ {
			// Each run gets one iteration further, and is cut before the
			// checkpoint of the next.
			got, resumed, err := run(path, 0, func(q hypergrad.OuterProgress) error {
				if q.Iteration > last+1 {
					return errCut
				}
				return nil
			})
			if resumed != last {
				t.Fatalf("%s: resumed at %d, want %d", c.name, resumed, last)
			}
			if got.w != nil {
				same("cut", got)
				break
			}
			if !errors.Is(err, errCut) || !errors.Is(err, hypergrad.OuterStopped) {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		// A finished run is finished.
		got, resumed, err := run(path, 0, nil)
		same("finished", got)
		if resumed != len(want.trace)-1 || (err == nil) != (wantErr == nil) {
			t.Errorf("%s: resumed at %d, %v", c.name, resumed, err)
		}
	}
}

// TestMinimizeCheckpointErrors: what is no checkpoint of this run is refused in one
// line with its name, and left as it is.
func TestMinimizeCheckpointErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	run := func(change func(*hypergrad.OuterSettings)) (hypergrad.OuterResult, error) {
		s := hypergrad.OuterSettings{Checkpoint: path, Fingerprint: "bowl", MaxIter: 3, GradTol: 1e-12}
		w := fill(3, 5)
		if change != nil {
			change(&s)
		}
		return hypergrad.Minimize(t.Context(), through(3, bowl), make([]float64, 3), w, &s)
	}
	if _, err := run(nil); !errors.Is(err, hypergrad.OuterIterationLimit) {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, data []byte, want string, change func(*hypergrad.OuterSettings)) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := run(change)
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
		if left, _ := os.ReadFile(path); !slices.Equal(left, data) {
			t.Errorf("%s: the file has changed", what)
		}
	}
	refused("empty", nil, "not a checkpoint", nil)
	refused("a text", []byte("1 1:1 2:3\n"), "not a checkpoint", nil)
	for _, n := range []int{50, 90, len(good) / 2, len(good) - 1} {
		refused(fmt.Sprintf("cut to %d", n), good[:n], "damaged", nil)
	}
	refused("longer", append(slices.Clone(good), 0), "damaged", nil)
	for at := 43; at < len(good); at += 61 {
		bad := slices.Clone(good)
		bad[at] ^= 0x10
		refused(fmt.Sprintf("byte %d", at), bad, "damaged", nil)
	}
	refused("other data", good, "another problem", func(s *hypergrad.OuterSettings) { s.Fingerprint = "other" })
	refused("other bounds", good, "another problem", func(s *hypergrad.OuterSettings) { s.Low = fill(3, -1) })
	refused("other steps", good, "another problem", func(s *hypergrad.OuterSettings) { s.MaxStep = 3 })
	// Criteria to end may change, and Fresh begins anew.
	if err := os.WriteFile(path, good, 0o644); err != nil {
		t.Fatal(err)
	}
	if res, err := run(func(s *hypergrad.OuterSettings) { s.MaxIter, s.GradTol = 50, 1e-6 }); err != nil || res.Resumed != 3 {
		t.Errorf("continued at %d: %v", res.Resumed, err)
	}
	if res, err := run(func(s *hypergrad.OuterSettings) { s.Fresh = true }); !errors.Is(err, hypergrad.OuterIterationLimit) || res.Resumed != -1 {
		t.Errorf("fresh: %d, %v", res.Resumed, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestMinimizeEnds: each way to end has its status, and leaves the best point.
func TestMinimizeEnds(t *testing.T) {
	valley := through(2, banana)
	wall := *valley // no inner problem where w₀ > 0.4
	wall.Gradient = func(dst, y, w []float64) error {
		if err := valley.Gradient(dst, y, w); err != nil {
			return err
		}
		if w[0] > 0.4 {
			dst[0] = math.NaN()
		}
		return nil
	}
	island := *valley // none but at the start
	island.Gradient = func(dst, y, w []float64) error {
		if err := valley.Gradient(dst, y, w); err != nil || w[0] == -1.2 {
			return err
		}
		return errCut
	}
	broken := *valley
	broken.HVP = func(_, _, _, _ []float64) error { return errCut }
	uphill := *valley // a loss whose derivative has the wrong sign
	uphill.LossValue = func(dy, dw, y, w []float64) (float64, error) { return -banana(dy, y), nil }
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		p    hypergrad.Problem
		s    hypergrad.OuterSettings
		want hypergrad.OuterStatus
		text string
	}{
		{"iterations", t.Context(), valley, hypergrad.OuterSettings{MaxIter: 2}, hypergrad.OuterIterationLimit, "iteration limit"},
		{"time", t.Context(), valley, hypergrad.OuterSettings{MaxTime: 1}, hypergrad.OuterTimeLimit, "time limit"},
		{"loss", t.Context(), valley, hypergrad.OuterSettings{LossTol: 0.9}, hypergrad.OuterLossConverged, ""},
		{"accuracy", t.Context(), valley, hypergrad.OuterSettings{ErrorShare: 1e-18, GradTol: 1e-300}, hypergrad.OuterAccuracyLimit, "the error of dL/dw stays"},
		{"monitor", t.Context(), valley, hypergrad.OuterSettings{Monitor: func(hypergrad.OuterProgress) error { return errCut }}, hypergrad.OuterStopped, "stopped: cut"},
		{"canceled", canceled, valley, hypergrad.OuterSettings{}, hypergrad.OuterStopped, "canceled"},
		{"broken", t.Context(), &broken, hypergrad.OuterSettings{}, hypergrad.OuterFailed, "cut"},
		{"wrong derivative", t.Context(), &uphill, hypergrad.OuterSettings{ErrorShare: 1e-6}, hypergrad.OuterStepTooSmall, "no lower loss"},
		{"wall", t.Context(), &wall, hypergrad.OuterSettings{MaxIter: 60, GradTol: 1e-9}, hypergrad.OuterIterationLimit, "iteration limit"},
		{"island", t.Context(), &island, hypergrad.OuterSettings{}, hypergrad.OuterFailed, "could not be evaluated"},
	} {
		y, w := []float64{0, 0}, []float64{-1.2, 1}
		res, err := hypergrad.Minimize(c.ctx, c.p, y, w, &c.s)
		if res.Status != c.want || c.want.Success() != (err == nil) || err != nil && (!errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v, %v", c.name, res.Status, err)
		}
		if dy := make([]float64, 2); c.name != "wrong derivative" && banana(dy, w) > banana(dy, []float64{-1.2, 1}) || len(res.Trace) > 0 && w[0] > 0.4 {
			t.Errorf("%s: ended at %v", c.name, w)
		}
	}
}

func TestMinimizeBadInput(t *testing.T) {
	p := through(2, bowl)
	nan := math.NaN()
	for _, c := range []struct {
		y, w []float64
		s    hypergrad.OuterSettings
		want string
	}{
		{fill(1, 0), fill(2, 0), hypergrad.OuterSettings{}, "len(y) = 1, want 2"},
		{fill(2, 0), fill(3, 0), hypergrad.OuterSettings{}, "len(w) = 3, want 2"},
		{fill(2, 0), fill(2, nan), hypergrad.OuterSettings{}, "w[0] = NaN at the start"},
		{fill(2, nan), fill(2, 0), hypergrad.OuterSettings{}, "NaN or Inf"},
		{fill(2, 0), fill(2, 0), hypergrad.OuterSettings{Low: fill(1, 0)}, "len(Low) = 1, want 2"},
		{fill(2, 0), fill(2, 0), hypergrad.OuterSettings{High: fill(2, nan)}, "High[0] is NaN"},
		{fill(2, 0), fill(2, 0), hypergrad.OuterSettings{Low: fill(2, 1), High: fill(2, -1)}, "Low[0] = 1 is above High[0] = -1"},
		{fill(2, 0), fill(2, 2), hypergrad.OuterSettings{High: fill(2, 1)}, "w[0] = 2 at the start is outside its bounds -Inf … 1"},
		{fill(2, 0), fill(2, 0), hypergrad.OuterSettings{GradTol: -1}, "GradTol = -1"},
		{fill(2, 0), fill(2, 0), hypergrad.OuterSettings{ErrorShare: nan}, "ErrorShare = NaN"},
		{fill(2, 0), fill(2, 0), hypergrad.OuterSettings{MaxIter: -1}, "MaxIter = -1"},
		{fill(2, 0), fill(2, 0), hypergrad.OuterSettings{MaxTime: -time.Second}, "MaxTime = -1s"},
		{fill(2, 0), fill(2, 0), hypergrad.OuterSettings{Checkpoint: t.TempDir()}, "is a directory"},
	} {
		res, err := hypergrad.Minimize(t.Context(), p, c.y, c.w, &c.s)
		if err == nil || !strings.Contains(err.Error(), c.want) || res.Resumed != -1 {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if _, err := new(hypergrad.Newton).SolveTo(t.Context(), p, fill(2, 0), fill(2, 0), 0); err == nil {
		t.Error("inner tolerance 0 is taken")
	}
}
