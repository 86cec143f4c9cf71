package bench

import (
	"context"
	"fmt"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// BandwidthSettings are the choices of a [Bandwidth] measurement. The zero value
// works.
type BandwidthSettings struct {
	// N is the length of the vectors; zero means 32 million, 256 MiB each. To
	// measure memory it must be several times the size of the caches.
	N int
	// Workers are the numbers of workers to measure; nil means 1, 2, 4, … and
	// GOMAXPROCS.
	Workers []int
	// Rounds is how often each cell is measured; zero means 7.
	Rounds int
	// Progress, if not nil, is called before each round, which counts from
	// zero (the warm-up).
	Progress func(round, rounds int)
}

// BandwidthRow is the bandwidth that one kernel reaches with so many workers.
type BandwidthRow struct {
	// Kernel is "dot" (xᵀy: reads 16 bytes per element) or "triad"
	// (z += a·x: reads 16 and writes 8).
	Kernel  string `json:"kernel"`
	Workers int    `json:"workers"`
	N       int    `json:"n"`
	// GBs is in 10⁹ bytes per second, by the counts above.
	GBs Summary `json:"gb_per_s"`
}

// Bandwidth measures what memory gives to 1 … P workers, with the kernels that
// the solvers are made of (McCalpin's STREAM, 1995, has the same idea): the roof
// that all bandwidth-bound code is to be compared with. All cells are measured
// in turn, round by round.
func Bandwidth(ctx context.Context, s *BandwidthSettings) ([]BandwidthRow, error) {
	if s == nil {
		s = &BandwidthSettings{}
	}
	n, rounds, workers := s.N, s.Rounds, s.Workers
	if n == 0 {
		n = DefaultStreamN
	}
	if rounds == 0 {
		rounds = 7
	}
	if workers == nil {
		workers = WorkerCounts()
	}
	if n < 1 || rounds < 1 {
		return nil, fmt.Errorf("bench: bandwidth of %d elements in %d rounds", n, rounds)
	}
	vectors := newStream(n)
	var rows []BandwidthRow
	var contenders []Contender
	var bytes []float64
	add := func(kernel string, w int, perElement float64, run func(int) error) {
		rows = append(rows, BandwidthRow{Kernel: kernel, Workers: w, N: n})
		bytes = append(bytes, perElement)
		contenders = append(contenders, Contender{kernel, func() error { return run(w) }})
	}
	for _, w := range workers {
		if w < 1 {
			return nil, fmt.Errorf("bench: bandwidth with %d workers", w)
		}
		add("dot", w, dotBytes, vectors.dot)
		add("triad", w, triadBytes, vectors.triad)
	}
	if s.Progress != nil {
		round, first := 0, contenders[0].Run
		contenders[0].Run = func() error {
			s.Progress(round, rounds)
			round++
			return first()
		}
	}
	seconds, err := Interleave(ctx, rounds, contenders)
	if err != nil {
		return nil, err
	}
	for k := range rows {
		rows[k].GBs = Summarize(vectors.rate(bytes[k], seconds[k]))
	}
	return rows, nil
}

// WorkerCounts returns 1, 2, 4, … and GOMAXPROCS.
func WorkerCounts() (workers []int) {
	all := parallel.Team(0).Size()
	for w := 1; w < all; w *= 2 {
		workers = append(workers, w)
	}
	return append(workers, all)
}
