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
// memory that the preconditioner fills. A diagonal one is always refreshed.
type lag struct {
	m precond.Preconditioner
	// Age counts the solves since the last refresh, Base is the number of
	// iterations per digit right after it, and Excess the iterations that
	// were more than that since then.
	Age          int
	Base, Excess float64
	price        float64
}

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
		case l.m.Refresh(ctx, a) == nil:
			l.fresh(n)
			return nil
		}
	}
	// What went wrong with a refresh shows again, or is gone.
	l.m = nil
	m, err := make(ctx, a)
	if err != nil {
		return err
	}
	l.m = m
	l.fresh(n)
	return nil
}

// fresh notes that m has been built for the operator of order n at hand.
func (l *lag) fresh(n int) {
	r := l.m.Report()
	l.Age, l.Base, l.Excess = 0, 0, 0
	l.price = float64(r.Products) + float64(r.Bytes)/(8*float64(max(n, 1)))
}

// learn notes the work of a solve.
func (l *lag) learn(w work) {
	if !w.telling() {
		return
	}
	if l.Base == 0 {
		l.Base = w.rate()
		return
	}
	if extra := w.iterations - l.Base*w.digits; extra > 0 {
		l.Excess += extra
	}
}
