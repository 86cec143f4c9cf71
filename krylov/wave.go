package krylov

import "github.com/hgsolve/hgsolve/internal/parallel"

// A wave runs sweeps over the rows of panels, one behind the other, while what they share
// is in a cache: sweep 0 over some rows, then sweep 1 over rows that come lag rows later, and so
// on. Sweep s may read of what sweep s-1 has written rows up to lag away from its own, and
// may overwrite its own rows of what sweep s-2 has written.
//
// Each worker has a part of the rows, in which a sweep stays lag rows farther from the
// ends, where the next part begins, than the one before; what is left out there is done
// when all parts are done. This is the matrix powers kernel of M. Hoemmen
// (Communication-avoiding Krylov subspace methods, PhD thesis, Berkeley 2010,
// UCB/EECS-2010-37) for a band matrix, tiled as stencil codes are. Rows have the same bits
// whatever the parts are.
type wave struct {
	sweeper
	n, block    int // rows, and rows of a block
	sweeps, lag int
	step        int // rows by which the sweeps advance in turn
	parts       int
	now         int // the sweep under way, if they are not interleaved
	first, all  int // number of sweep 0, and of all sweeps of which these are some
}

// A sweeper does the work of a wave.
type sweeper interface {
	// sweep does rows lo … hi-1 of a sweep; those of sweep 0 are whole blocks.
	sweep(s, lo, hi int)
	// end comes for each block after the last sweep of its rows.
	end(block int)
}

// mostSweeps of a wave.
const mostSweeps = 24

// run does all sweeps over n rows in blocks of the given length, so many at a time.
func (w *wave) run(team parallel.Team, s sweeper, n, block, sweeps, together, lag, step int) {
	w.all = sweeps
	for w.first = 0; w.first < sweeps; w.first += together {
		w.some(team, s, n, block, min(together, sweeps-w.first), lag, step)
	}
}

// some does sweeps from w.first on.
func (w *wave) some(team parallel.Team, s sweeper, n, block, sweeps, lag, step int) {
	w.sweeper, w.n, w.block, w.sweeps, w.lag, w.step = s, n, block, sweeps, lag, (max(step, block)+block-1)/block*block
	w.parts = 0
	blocks := (n + block - 1) / block
	if lag < n {
		// What is left out at the ends of a part, in blocks of its own, is done by one
		// worker: it should be little.
		least := (2*sweeps*lag+block-1)/block + 2
		w.parts = min(blocks/(4*least), 2*team.Size())
		w.parts = max(w.parts, min(team.Size(), blocks/least))
		if w.parts > team.Size() {
			w.parts -= w.parts % team.Size()
		}
	}
	if lag >= n || sweeps == 1 || w.parts < team.Size() {
		for w.now = range sweeps {
			team.Run((n+w.step-1)/w.step, (*waveSweep)(w))
		}
		w.sweeper = nil
		return
	}
	team.Run(w.parts, (*wavePart)(w))
	team.Run(w.parts-1, (*waveGap)(w))
	w.sweeper = nil
}

// waveSweep is one sweep for itself.
type waveSweep wave

func (w *waveSweep) Chunk(c int) {
	lo, hi := c*w.step, min((c+1)*w.step, w.n)
	w.sweep(w.first+w.now, lo, hi)
	if w.first+w.now == w.all-1 {
		for b := lo / w.block; b*w.block < hi; b++ {
			w.end(b)
		}
	}
}

// bound returns the row at which part c begins.
func (w *wave) bound(c int) int {
	blocks := (w.n + w.block - 1) / w.block
	return min(c*blocks/w.parts*w.block, w.n)
}

// wavePart is all sweeps over a part.
type wavePart wave

func (w *wavePart) Chunk(c int) {
	first, last := (*wave)(w).bound(c), (*wave)(w).bound(c+1)
	var at, to [mostSweeps]int
	for s := range w.sweeps {
		at[s], to[s] = first, last
		if first > 0 {
			at[s] += s * w.lag
		}
		if last < w.n {
			to[s] -= s * w.lag
		}
	}
	end := w.sweeps - 1
	block := (at[end] + w.block - 1) / w.block
	for front := first; at[end] < to[end]; {
		front += w.step
		for s := range w.sweeps {
			hi := min(max(front-s*w.lag, at[s]), to[s])
			if s == 0 && hi < last {
				hi = min((hi+w.block-1)/w.block*w.block, last)
			}
			if hi > at[s] {
				w.sweep(w.first+s, at[s], hi)
				at[s] = hi
			}
		}
		for ; w.first+w.sweeps == w.all && block*w.block < to[end] && min((block+1)*w.block, w.n) <= at[end]; block++ {
			w.end(block)
		}
	}
}

// waveGap is what two parts have left out where they meet.
type waveGap wave

func (w *waveGap) Chunk(c int) {
	middle := (*wave)(w).bound(c + 1)
	lo, hi := middle, middle
	for s := 1; s < w.sweeps; s++ {
		if lo, hi = middle-s*w.lag, min(middle+s*w.lag, w.n); lo < hi {
			w.sweep(w.first+s, lo, hi)
		}
	}
	for b := lo / w.block; w.first+w.sweeps == w.all && b*w.block < hi; b++ {
		w.end(b)
	}
}
