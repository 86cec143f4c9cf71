package hypergrad

import (
	"context"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
)

// lag keeps a preconditioner from solve to solve. To keep it costs iterations, more with
// age; to refresh it costs the set-up. As with any equipment that wears out, the cost per
// solve is least if it is replaced once another solve with it is expected to cost more
// than the average of all since the last refresh, the set-up included. The excess of the
// next solve is taken to be proportional to the way that w has gone since the refresh, by
// what the last one with an old preconditioner has shown.
//
// The price counts in products: those of the set-up and what the preconditioner says that
// the rest of it costs. Where it does not, that is one for each n-vector of
// memory that the preconditioner fills. Where the operator knows what a product reads,
// it is setupProducts, and setupTraffic for each time that the preconditioner's memory
// is what a product reads: see BenchmarkLag. A diagonal one is always refreshed.
//
// A kind that suited the first operator need not suit later ones: where a solve right
// after a refresh takes worse times as many iterations per digit as the best such
// solve, the preconditioner is made anew, which has an automatic one choose again. So has, now
// and then, an operator that was not definite enough for what would have been better.
type lag struct {
	m         precond.Preconditioner // what was made, without the wrapping of an automatic one
	name      string
	automatic bool    // that was an automatic one
	second    bool    // it is not the first choice
	first     backoff // of trying that again
	// Age counts the solves since the last refresh, Base is the number of
	// iterations per digit right after it, and Excess the iterations that
	// were more than that since then. Best is the least Base since m was made.
	Age                int
	Base, Excess, Best float64
	price              float64
	// quick says that the last solve, of a digit at least, took less than half an iteration
	// for each that it reached.
	quick bool
	// At is w at the last refresh, Way ‖w − At‖ at the solve under way, and Slope the
	// excess per way.
	At         []float64
	Way, Slope float64
}

// By BenchmarkLag of package problems: a Cholesky factor of a model takes as long as 10 … 15
// iterations, an incomplete one of a grid as 36.
const setupProducts, setupTraffic = 12, 8

// worse is when a refreshed preconditioner is not what it was.
const worse = 2

// provide makes l.m ready for a.
func (l *lag) provide(ctx context.Context, make PrecondFunc, a hvp.Operator, w []float64, keep bool) error {
	n, _ := a.Dims()
	if l.m != nil && keep {
		rows, _ := l.m.Dims()
		l.travel(w)
		again := l.second && l.first.due()
		l.first.pass()
		switch {
		case rows != n || again:
		case l.keeps() && !l.worn():
			l.Age++
			return nil
		case l.Base > worse*l.Best:
		case l.m.Refresh(ctx, a) == nil:
			l.fresh(a, w)
			return nil
		}
	}
	// What went wrong with a refresh shows again, or is gone.
	l.m, l.Best, l.Slope = nil, 0, 0
	m, err := make(ctx, a)
	if err != nil {
		return err
	}
	if m == nil {
		return nil
	}
	l.m, l.name = precond.Plain(m), m.String()
	auto, is := m.(*precond.Auto)
	l.automatic, l.second = is, is && auto.Refused()
	l.first.judge(!l.second, false)
	l.fresh(a, w)
	return nil
}

// settle takes Jacobi in the place of an automatic choice that turned out not to serve, if
// that is what it is.
func (l *lag) settle(ctx context.Context, a hvp.Operator, w []float64) bool {
	if _, diagonal := l.m.(hvp.DiagonalMatrix); l.m == nil || !l.automatic || diagonal {
		return false
	}
	m, err := precond.NewJacobi(ctx, a)
	if err != nil {
		return false
	}
	l.m, l.name, l.second, l.Best, l.Slope = m, m.String(), true, 0, 0
	l.first.judge(false, true)
	l.fresh(a, w)
	return true
}

// worn reports whether a refresh is cheaper than another solve without.
func (l *lag) worn() bool {
	next := l.Slope * l.Way
	return next > (l.price+l.Excess)/float64(l.Age+1)
}

// travel sets Way.
func (l *lag) travel(w []float64) {
	l.Way = 0
	if len(l.At) == len(w) {
		for i, v := range w {
			l.Way = math.Hypot(l.Way, v-l.At[i])
		}
	}
}

// keeps reports whether there is a preconditioner of a kind that is kept.
func (l *lag) keeps() bool {
	if l.m == nil || precond.UsesOperator(l.m) {
		return false
	}
	_, diagonal := l.m.(hvp.DiagonalMatrix)
	return !diagonal
}

// fresh notes that m has been built for a, at w.
func (l *lag) fresh(a hvp.Operator, w []float64) {
	r := l.m.Report()
	n, _ := a.Dims()
	vectors := 8 * float64(max(n, 1)) // bytes
	l.Age, l.Base, l.Excess, l.Way = 0, 0, 0, 0
	if l.keeps() {
		l.At = append(l.At[:0], w...)
	}
	l.price = float64(r.Products) + r.Price
	if r.Price > 0 {
		return
	}
	if bytes, known := hvp.ProductTraffic(a); known {
		l.price += setupProducts + setupTraffic*float64(r.Bytes)/(float64(bytes)+2*vectors)
	} else {
		l.price += float64(r.Bytes) / vectors
	}
}

// learn notes the work of a solve.
func (l *lag) learn(w work) {
	if !w.telling() {
		return
	}
	if l.Base == 0 {
		l.Base = w.rate()
		if l.Best == 0 || l.Base < l.Best {
			l.Best = l.Base
		}
		return
	}
	excess := max(0, w.iterations-l.Base*w.digits)
	l.Excess += excess
	if l.Way > 0 {
		l.Slope = excess / l.Way
	}
}
