package problems

import (
	"context"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/formats"
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// Logistic is binary l2-regularised logistic regression on sparse data: the
// weights y of the features minimise, over the training examples x_i with labels
// t_i = ±1,
//
//	E(y, w) = Σ_i log(1 + exp(−t_i·x_iᵀy)) + ½ Σ_j e^{w_j}·y_j²
//
// without intercept and without scaling of the data. w is one log-penalty for
// all features or one per feature. The outer loss is the mean over the held-out
// examples
//
//	ℓ(y) = mean log(1 + exp(−t·xᵀy))
//
// # Derivatives
//
// With m_i = t_i·x_iᵀy, σ(m) = 1/(1+e^{−m}) and D = diag(σ(m_i)·σ(−m_i)):
//
//	∂E/∂y      = −Xᵀ(t∘σ(−m)) + e^w∘y
//	∂²E/∂y∂yᵀ  = XᵀDX + diag(e^w)          definite, eigenvalues ≥ min e^w
//	∂²E/∂w∂yᵀ q = e^w∘y∘q, summed if w is one number
type Logistic struct {
	train, test example
	perFeature  bool
}

// example is a set of examples with labels ±1.
type example struct {
	x *hvp.CSR
	t []float64
}

// NewLogistic returns the problem for training and held-out examples, the rows
// of x and xHeld, with labels ±1 in t and tHeld. Both matrices have n_y columns.
// Matrices and slices are kept. perFeature says that w has one entry per feature.
func NewLogistic(x *hvp.CSR, t []float64, xHeld *hvp.CSR, tHeld []float64, perFeature bool) (*Logistic, error) {
	p := &Logistic{train: example{x, t}, test: example{xHeld, tHeld}, perFeature: perFeature}
	_, n := x.Dims()
	for what, e := range map[string]example{"training": p.train, "held-out": p.test} {
		rows, cols := e.x.Dims()
		switch {
		case cols != n:
			return nil, fmt.Errorf("problems: logistic: %s examples have %d features, training examples %d", what, cols, n)
		case rows == 0:
			return nil, fmt.Errorf("problems: logistic: no %s examples", what)
		case len(e.t) != rows:
			return nil, fmt.Errorf("problems: logistic: %d %s labels for %d examples", len(e.t), what, rows)
		}
		for i, v := range e.t {
			if v != 1 && v != -1 {
				return nil, fmt.Errorf("problems: logistic: %s label %d is %v, want 1 or -1", what, i, v)
			}
		}
	}
	return p, nil
}

// LogisticFiles describes what [ReadLogistic] read.
type LogisticFiles struct {
	// Train and Held are the numbers of examples, Features is n_y.
	Train, Held, Features int
	// Entries counts the nonzeros of the training examples.
	Entries int
	// SkippedEntries counts held-out values of features that no training
	// example has, and which therefore carry no weight.
	SkippedEntries int
	// Negative and Positive are the labels of the files.
	Negative, Positive float64
}

// ReadLogistic reads training and held-out examples in LIBSVM format, plain or
// compressed (gzip, bzip2, xz). n_y is the largest index of the training file.
// Labels must take two values in the training file, of which the larger becomes
// +1, and no others in the held-out file. Errors name file, line and reason.
func ReadLogistic(trainPath, heldPath string, perFeature bool) (*Logistic, LogisticFiles, error) {
	var info LogisticFiles
	var labels []float64
	train, err := formats.ReadLIBSVMFile(trainPath, &formats.LIBSVMOptions{CheckLabel: func(v float64) error {
		for _, l := range labels {
			if l == v {
				return nil
			}
		}
		if len(labels) == 2 {
			return fmt.Errorf("label %v is a third one beside %v and %v; two classes are needed", v, labels[0], labels[1])
		}
		labels = append(labels, v)
		return nil
	}})
	if err != nil {
		return nil, info, err
	}
	if len(labels) < 2 {
		return nil, info, fmt.Errorf("%s: all labels are %v; two classes are needed", trainPath, labels[0])
	}
	info.Negative, info.Positive = min(labels[0], labels[1]), max(labels[0], labels[1])
	held, err := formats.ReadLIBSVMFile(heldPath, &formats.LIBSVMOptions{CheckLabel: func(v float64) error {
		if v != info.Negative && v != info.Positive {
			return fmt.Errorf("label %v does not occur in %s, which has %v and %v", v, trainPath, info.Negative, info.Positive)
		}
		return nil
	}})
	if err != nil {
		return nil, info, err
	}
	n := train.Cols
	if n == 0 {
		return nil, info, fmt.Errorf("%s: no example has a feature", trainPath)
	}
	info.SkippedEntries = dropColumns(held, n)
	var sets [2]example
	for k, f := range []*formats.LIBSVM{train, held} {
		x, err := hvp.NewCSR(len(f.Labels), n, f.RowPtr, f.Col, f.Val)
		if err != nil {
			return nil, info, err
		}
		for i, l := range f.Labels {
			f.Labels[i] = -1
			if l == info.Positive {
				f.Labels[i] = 1
			}
		}
		sets[k] = example{x, f.Labels}
	}
	info.Train, info.Held, info.Features, info.Entries = len(sets[0].t), len(sets[1].t), n, sets[0].x.NNZ()
	p, err := NewLogistic(sets[0].x, sets[0].t, sets[1].x, sets[1].t, perFeature)
	return p, info, err
}

// dropColumns removes the entries in columns n and beyond and returns how many
// there were.
func dropColumns(f *formats.LIBSVM, n int) (dropped int) {
	kept := 0
	for i := range f.Labels {
		begin, end := f.RowPtr[i], f.RowPtr[i+1]
		f.RowPtr[i] = kept
		for k := begin; k < end; k++ {
			if int(f.Col[k]) < n {
				f.Col[kept], f.Val[kept] = f.Col[k], f.Val[k]
				kept++
			}
		}
	}
	dropped = len(f.Col) - kept
	f.RowPtr[len(f.Labels)] = kept
	f.Col, f.Val = f.Col[:kept], f.Val[:kept]
	return dropped
}

// Dims implements [hypergrad.Equation].
func (p *Logistic) Dims() (ny, nw int) {
	_, ny = p.train.x.Dims()
	if p.perFeature {
		return ny, ny
	}
	return ny, 1
}

// Examples returns the training matrix X and its labels ±1: read only.
func (p *Logistic) Examples() (x *hvp.CSR, t []float64) { return p.train.x, p.train.t }

// penalties returns e^w, one per feature.
func (p *Logistic) penalties(w []float64) ([]float64, error) {
	ny, nw := p.Dims()
	if len(w) != nw {
		return nil, fmt.Errorf("problems: logistic: w has length %d, want %d", len(w), nw)
	}
	ridge := make([]float64, ny)
	for j := range ridge {
		if p.perFeature || j == 0 {
			ridge[j] = math.Exp(w[j])
			if math.IsNaN(ridge[j]) || math.IsInf(ridge[j], 0) {
				return nil, fmt.Errorf("problems: logistic: w[%d] = %v gives the penalty %v", j, w[j], ridge[j])
			}
		} else {
			ridge[j] = ridge[0]
		}
	}
	return ridge, nil
}

// margins returns m_i = t_i·x_iᵀy.
func (e example) margins(ctx context.Context, y []float64) ([]float64, error) {
	m := make([]float64, len(e.t))
	return m, e.x.ApplyWeighted(ctx, m, y, e.t)
}

// softplus is log(1 + e^{−m}), without overflow and without loss for large m.
func softplus(m float64) float64 {
	if m < 0 {
		return -m + math.Log1p(math.Exp(m))
	}
	return math.Log1p(math.Exp(-m))
}

// sigmoid is 1/(1+e^{−m}).
func sigmoid(m float64) float64 {
	if m < 0 {
		e := math.Exp(m)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-m))
}

// sumLoss returns Σ log(1+e^{−m_i}).
func sumLoss(t parallel.Team, m []float64) float64 {
	return parallel.Sum(t, len(m), func(lo, hi int) (s float64) {
		for _, v := range m[lo:hi] {
			s += softplus(v)
		}
		return s
	})
}

// gradient sets dst to −c·Xᵀ(t∘σ(−m)), the gradient of c times the sum of the
// losses, and returns that sum, without c, if it is asked for.
func (e example) gradient(ctx context.Context, dst, y []float64, c float64, loss bool) (float64, error) {
	var m []float64
	if loss {
		m = make([]float64, len(e.t))
	}
	err := e.x.ApplyThrough(ctx, dst, y, func(u []float64, first int) {
		for i, v := range u {
			t := e.t[first+i]
			v *= t
			if loss {
				m[first+i] = v
			}
			u[i] = -c * t * sigmoid(-v)
		}
	})
	if err != nil || !loss {
		return 0, err
	}
	return sumLoss(parallel.FromContext(ctx), m), nil
}

// Energy implements [hypergrad.Energy].
func (p *Logistic) Energy(ctx context.Context, y, w []float64) (float64, error) {
	return p.evaluate(ctx, nil, y, w, true)
}

// Residual implements [hypergrad.Equation]: the gradient of the energy.
func (p *Logistic) Residual(ctx context.Context, dst, y, w []float64) error {
	_, err := p.evaluate(ctx, dst, y, w, false)
	return err
}

// EnergyGradient implements [hypergrad.EnergyGradienter]: both from the same margins,
// two products with the examples instead of three.
func (p *Logistic) EnergyGradient(ctx context.Context, dst, y, w []float64) (float64, error) {
	return p.evaluate(ctx, dst, y, w, true)
}

// evaluate returns the energy, if wanted, and sets dst, if not nil, to its gradient.
func (p *Logistic) evaluate(ctx context.Context, dst, y, w []float64, value bool) (energy float64, err error) {
	ridge, err := p.penalties(w)
	if err != nil {
		return 0, err
	}
	team := parallel.FromContext(ctx)
	if dst == nil {
		m, err := p.train.margins(ctx, y)
		if err != nil {
			return 0, err
		}
		energy = sumLoss(team, m)
	} else if energy, err = p.train.gradient(ctx, dst, y, 1, value); err != nil {
		return 0, err
	}
	if value {
		energy += 0.5 * parallel.Sum(team, len(y), func(lo, hi int) (s float64) {
			for j, v := range y[lo:hi] {
				s += ridge[lo+j] * v * v
			}
			return s
		})
	}
	if dst == nil {
		return energy, nil
	}
	parallel.For(team, len(dst), func(lo, hi int) {
		for j := lo; j < hi; j++ {
			dst[j] += ridge[j] * y[j]
		}
	})
	return energy, nil
}

// Loss implements [hypergrad.Problem].
func (p *Logistic) Loss(ctx context.Context, dy, dw, y, w []float64) (float64, error) {
	clear(dw)
	count := float64(len(p.test.t))
	if dy != nil {
		sum, err := p.test.gradient(ctx, dy, y, 1/count, true)
		return sum / count, err
	}
	m, err := p.test.margins(ctx, y)
	return sumLoss(parallel.FromContext(ctx), m) / count, err
}

// Linearize implements [hypergrad.Equation].
func (p *Logistic) Linearize(ctx context.Context, y, w []float64) (lin hypergrad.Linearization, err error) {
	ridge, err := p.penalties(w)
	if err != nil {
		return lin, err
	}
	m, err := p.train.margins(ctx, y)
	if err != nil {
		return lin, err
	}
	parallel.For(parallel.FromContext(ctx), len(m), func(lo, hi int) {
		for i, v := range m[lo:hi] {
			// σ(m)·σ(−m), exact also where one of them is 1 − tiny.
			e := math.Exp(-math.Abs(v))
			m[lo+i] = e / ((1 + e) * (1 + e))
		}
	})
	for i, v := range m {
		if math.IsNaN(v) {
			return lin, fmt.Errorf("problems: logistic: the margin of training example %d is not a number", i)
		}
	}
	if lin.Y, err = hvp.NewGLM(p.train.x, m, ridge); err != nil {
		return lin, err
	}
	scaled := make([]float64, len(y))
	parallel.MulTo(0, scaled, ridge, y)
	if p.perFeature {
		lin.W, err = hvp.NewDiagonal(scaled)
		return lin, err
	}
	lin.W = &hvp.Func{Rows: len(y), Cols: 1,
		Mul: func(ctx context.Context, dst, u []float64) error {
			parallel.ScaleTo(parallel.FromContext(ctx), dst, u[0], scaled)
			return nil
		},
		MulTrans: func(ctx context.Context, dst, q []float64) error {
			dst[0] = parallel.Dot(parallel.FromContext(ctx), scaled, q)
			return nil
		},
	}
	return lin, nil
}

var (
	_ hypergrad.Problem = (*Logistic)(nil)
	_ hypergrad.Energy  = (*Logistic)(nil)

	_ hypergrad.EnergyGradienter = (*Logistic)(nil)
)
