package bench

import (
	"github.com/hgsolve/hgsolve/internal/parallel"
)

// stream holds the vectors that the memory bandwidth is measured with.
type stream struct {
	x, y []float64
	// times is how often short vectors are gone through, so that a measurement
	// takes milliseconds and not the resolution of a clock.
	times int
}

// DefaultStreamN is the default length of those vectors: 256 MiB each.
const DefaultStreamN = 32_000_000

func newStream(n int) *stream {
	s := &stream{x: make([]float64, n), y: make([]float64, n), times: max(1, 4_000_000/n)}
	parallel.For(0, n, func(lo, hi int) { // touched by the workers that use it
		for i := lo; i < hi; i++ {
			s.x[i], s.y[i] = 1, 0.5
		}
	})
	return s
}

// dot and triad run the kernels on so many workers; see [BandwidthRow].
func (s *stream) dot(workers int) error {
	for range s.times {
		parallel.Dot(parallel.Team(workers), s.x, s.y)
	}
	return nil
}

func (s *stream) triad(workers int) error {
	for range s.times {
		parallel.Axpy(parallel.Team(workers), s.y, 1e-9, s.x)
	}
	return nil
}

// Bytes per element of the two kernels.
const dotBytes, triadBytes = 16, 24

// rate returns 10⁹ bytes per second for each time of a kernel.
func (s *stream) rate(bytesPerElement float64, seconds []float64) []float64 {
	rate := make([]float64, len(seconds))
	for i, t := range seconds {
		rate[i] = bytesPerElement * float64(len(s.x)) * float64(s.times) / t / 1e9
	}
	return rate
}
