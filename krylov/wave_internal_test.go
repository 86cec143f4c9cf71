package krylov

import (
	"fmt"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// waveChecker notes of each row which sweep came last, and what is wrong with a sweep.
type waveChecker struct {
	n, block, sweeps, lag int
	at                    []atomic.Int32 // of each row
	ends                  []atomic.Int32 // of each block
	wrong                 atomic.Pointer[string]
}

func (c *waveChecker) fail(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	c.wrong.Store(&s)
}

func (c *waveChecker) sweep(s, lo, hi int) {
	if lo < 0 || lo >= hi || hi > c.n {
		c.fail("sweep %d from %d to %d", s, lo, hi)
		return
	}
	if s == 0 && (lo%c.block != 0 || hi%c.block != 0 && hi != c.n) {
		c.fail("sweep 0 of rows %d … %d is not of whole blocks", lo, hi-1)
	}
	for i := lo; i < hi; i++ {
		if at := c.at[i].Load(); at != int32(s-1) {
			c.fail("sweep %d of row %d comes after sweep %d", s, i, at)
		}
	}
	if s > 0 { // what it reads is there, and not yet written over
		for j := max(lo-c.lag, 0); j < min(hi+c.lag, c.n); j++ {
			if at := c.at[j].Load(); at != int32(s-1) && at != int32(s) {
				c.fail("sweep %d of rows %d … %d finds row %d after sweep %d", s, lo, hi-1, j, at)
			}
		}
	}
	for i := lo; i < hi; i++ {
		c.at[i].Store(int32(s))
	}
}

func (c *waveChecker) end(b int) {
	c.ends[b].Add(1)
	for i := b * c.block; i < min((b+1)*c.block, c.n); i++ {
		if at := c.at[i].Load(); at != int32(c.sweeps-1) {
			c.fail("the end of block %d comes after sweep %d of row %d", b, at, i)
		}
	}
}

// TestWave: every sweep of every row comes once, after what it reads and before that is
// written over, and every block ends once, for any sizes and numbers of workers.
func TestWave(t *testing.T) {
	interleaved := 0
	rapid.Check(t, func(t *rapid.T) {
		c := &waveChecker{
			n:      rapid.IntRange(1, 5000).Draw(t, "n"),
			block:  rapid.IntRange(1, 64).Draw(t, "block"),
			sweeps: rapid.IntRange(1, 8).Draw(t, "sweeps"),
			lag:    rapid.IntRange(0, 150).Draw(t, "lag"),
		}
		step := rapid.IntRange(0, 200).Draw(t, "step")
		c.at, c.ends = make([]atomic.Int32, c.n), make([]atomic.Int32, (c.n+c.block-1)/c.block)
		for i := range c.at {
			c.at[i].Store(-1)
		}
		var w wave
		w.run(parallel.Team(rapid.IntRange(1, 5).Draw(t, "workers")), c, c.n, c.block, c.sweeps, rapid.IntRange(1, c.sweeps).Draw(t, "together"), c.lag, step)
		if w.parts > 1 {
			interleaved++
		}
		if s := c.wrong.Load(); s != nil {
			t.Fatal(*s)
		}
		for i := range c.at {
			if at := c.at[i].Load(); at != int32(c.sweeps-1) {
				t.Fatalf("row %d ends after sweep %d", i, at)
			}
		}
		for b := range c.ends {
			if n := c.ends[b].Load(); n != 1 {
				t.Fatalf("block %d ends %d times", b, n)
			}
		}
	})
	if interleaved < 10 {
		t.Errorf("only %d waves were in parts", interleaved)
	}
}
