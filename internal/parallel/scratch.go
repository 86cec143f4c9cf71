package parallel

import "sync"

// Scratch lends vectors to products that need an intermediate result. Concurrent
// products get different ones; in the steady state nothing is allocated. The zero
// value is ready.
type Scratch = ScratchOf[float64]

// ScratchOf is a [Scratch] of another type of numbers.
type ScratchOf[V any] struct {
	pool sync.Pool // *[]V
}

// Get returns a vector of length n with undefined contents, to be given back by
// [ScratchOf.Put].
func (s *ScratchOf[V]) Get(n int) *[]V {
	v, _ := s.pool.Get().(*[]V)
	if v == nil {
		v = new([]V)
	}
	*v = Grow(*v, n)
	return v
}

// Put takes a vector back.
func (s *ScratchOf[V]) Put(v *[]V) { s.pool.Put(v) }
