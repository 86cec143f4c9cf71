package hvp

import (
	"fmt"
	"math"
	"sync"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// scratch lends vectors to products that need an intermediate result. Concurrent
// products get different ones; in the steady state nothing is allocated.
type scratch struct {
	pool sync.Pool // *[]float64
}

// get returns a vector of length n with undefined contents, to be given back by
// put.
func (s *scratch) get(n int) *[]float64 {
	v, _ := s.pool.Get().(*[]float64)
	if v == nil {
		v = new([]float64)
	}
	*v = parallel.Grow(*v, n)
	return v
}

func (s *scratch) put(v *[]float64) { s.pool.Put(v) }

// checkPart returns an error if an operator given as part of another is nil.
func checkPart(what string, a Operator) error {
	if a == nil {
		return fmt.Errorf("hvp: %s: the operator is nil", what)
	}
	return nil
}

// checkFinite returns an error that names the first NaN or Inf of v.
func checkFinite(what string, v []float64) error {
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("hvp: %s: element %d is %v", what, i, x)
		}
	}
	return nil
}
