package hypergrad

import (
	"context"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
)

// lag keeps a preconditioner from solve to solve. To keep it costs iterations, to
// refresh it costs the set-up: it is refreshed once the iterations that its age
// has cost since the last refresh reach the price of one. Whatever comes, this is
// at most twice the cost of the best choice (renting skis until they could have
// been bought).
//
// The price counts in products: those of the set-up, and one for each n-vector of
// memory that the preconditioner fills. Where the operator knows what a product reads,
// it is setupProducts, and setupTraffic for each time that the preconditioner's memory
// is what a product reads: see BenchmarkLag. A diagonal one is always refreshed.
//
// A kind that suited the first operator need not suit later ones: where a solve right
// after a refresh takes worse times as many iterations per digit as the best such
// solve, the preconditioner is made anew, which has an automatic one choose again.
type lag struct {
	m    precond.Preconditioner // what was made, without the wrapping of an automatic one
	name string
	// Age counts the solves since the last refresh, Base is the number of
	// iterations per digit right after it, and Excess the iterations that
	// were more than that since then. Best is the least Base since m was made.
	Age                int
	Base, Excess, Best float64
	price              float64
}

// Measured for factorisations and hierarchies of assembled matrices and of models.
const setupProducts, setupTraffic = 4, 8

// worse is when a refreshed preconditioner is not what it was.
const worse = 2

// provide makes l.m ready for a.
func (l *lag) provide(ctx context.Context, make PrecondFunc, a hvp.Operator, keep bool) error {
	n, _ := a.Dims()
	if l.m != nil && keep {
		rows, _ := l.m.Dims()
		_, diagonal := l.m.(hvp.DiagonalMatrix)
		switch {
		case rows != n:
		case !diagonal && !precond.UsesOperator(l.m) && l.Excess < l.price:
			l.Age++
			return nil
		case l.Base > worse*l.Best:
		case l.m.Refresh(ctx, a) == nil:
			l.fresh(a)
			return nil
		}
	}
	// What went wrong with a refresh shows again, or is gone.
	l.m, l.Best = nil, 0
	m, err := make(ctx, a)
	if err != nil {
		return err
	}
	l.m, l.name = precond.Plain(m), m.String()
	l.fresh(a)
	return nil
}

// fresh notes that m has been built for a.
func (l *lag) fresh(a hvp.Operator) {
	r := l.m.Report()
	n, _ := a.Dims()
	vectors := 8 * float64(max(n, 1)) // bytes
	l.Age, l.Base, l.Excess = 0, 0, 0
	l.price = float64(r.Products)
	if t, is := a.(interface{ ProductTraffic() int64 }); is {
		l.price += setupProducts + setupTraffic*float64(r.Bytes)/(float64(t.ProductTraffic())+2*vectors)
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
	if extra := w.iterations - l.Base*w.digits; extra > 0 {
		l.Excess += extra
	}
}
