package bench

import (
	"context"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"
)

// Summary describes repeated measurements of one number.
type Summary struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	// Low and High are the quartiles: half of the measurements lie between.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

// Summarize returns the summary of x, which it does not change. The summary of
// nothing is zero.
func Summarize(x []float64) Summary {
	if len(x) == 0 {
		return Summary{}
	}
	s := slices.Sorted(slices.Values(x))
	at := func(p float64) float64 { return stat.Quantile(p, stat.LinInterp, s, nil) }
	return Summary{N: len(s), Median: median(s), Low: at(0.25), High: at(0.75), Min: s[0], Max: s[len(s)-1]}
}

// median of a sorted slice.
func median(s []float64) float64 {
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// A Contender is one of the things that [Interleave] compares.
type Contender struct {
	Name string
	Run  func() error
}

// Interleave runs the contenders in turn, for the given number of rounds after
// one round that does not count, and returns the seconds of each, round by
// round: seconds[k][r] is contender k in round r. It stops at the first error
// and when ctx ends.
func Interleave(ctx context.Context, rounds int, c []Contender) (seconds [][]float64, err error) {
	return interleave(ctx, 1, rounds, c)
}

// interleave is [Interleave] after so many rounds to warm up.
func interleave(ctx context.Context, warm, rounds int, c []Contender) (seconds [][]float64, err error) {
	seconds = make([][]float64, len(c))
	for round := range warm + rounds {
		for k := range c {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			begin := time.Now()
			if err := c[k].Run(); err != nil {
				return nil, err
			}
			if round >= warm {
				seconds[k] = append(seconds[k], time.Since(begin).Seconds())
			}
		}
	}
	return seconds, nil
}
