package parallel

import "sync"

// Scratch lends vectors to products that need an intermediate result. Concurrent
// products get different ones; in the steady state nothing is allocated. The zero
// value is ready.
type Scratch struct {
	pool sync.Pool // *[]float64
}

// Get returns a vector of length n with undefined contents, to be given back by
// [Scratch.Put].
func (s *Scratch) Get(n int) *[]float64 {
	v, _ := s.pool.Get().(*[]float64)
	if v == nil {
		v = new([]float64)
	}
	*v = Grow(*v, n)
	return v
}

// Put takes a vector back.
func (s *Scratch) Put(v *[]float64) { s.pool.Put(v) }
