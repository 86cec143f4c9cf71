package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A Comparison sets two measurements of a cell against each other.
type Comparison struct {
	Cell Cell `json:"cell"`
	// Old and New are the times of the whole job in seconds.
	Old Summary `json:"old_seconds"`
	New Summary `json:"new_seconds"`
	// Ratio is new over old, of the medians: below 1 is faster.
	Ratio float64 `json:"ratio"`
	// P is the probability of a difference at least as large if nothing had
	// changed, by the test of Mann and Whitney.
	P float64 `json:"p"`
	// OldIterations and NewIterations tell a faster iteration from fewer.
	OldIterations int `json:"old_iterations"`
	NewIterations int `json:"new_iterations"`
	// Roof is the ratio of the bandwidths measured beside the two, new over
	// old; zero if one is missing. Far from 1 the machine was not the same, or
	// not as free.
	Roof float64 `json:"roof_ratio"`
}

// Significant says whether the difference is at the level of 5 %.
func (c *Comparison) Significant() bool { return c.P < 0.05 }

// Comparisons holds the cells that two sets of measurements have in common.
type Comparisons struct {
	Cells []Comparison `json:"cells"`
	// GeoMean is the geometric mean of the ratios, and Roof that of the
	// bandwidths, over the cells that have one; zero if none has.
	GeoMean float64 `json:"geometric_mean"`
	Roof    float64 `json:"roof_ratio"`
	// OnlyOld and OnlyNew count cells without a counterpart, and Failed those
	// that have one, but failed in one of the two.
	OnlyOld int `json:"only_old"`
	OnlyNew int `json:"only_new"`
	Failed  int `json:"failed"`
	// Least is the smallest P that so few rounds can give: at 0.05 or above, no
	// difference can be significant.
	Least float64 `json:"least_p"`
}

// Compare compares cell by cell.
func Compare(old, new []Measurement) (*Comparisons, error) {
	was := map[Cell]*Measurement{}
	for i := range old {
		was[old[i].Cell] = &old[i]
	}
	out := &Comparisons{Least: 1}
	logs, roofLogs, roofs := 0.0, 0.0, 0
	for i := range new {
		n := &new[i]
		o := was[n.Cell]
		if o == nil {
			out.OnlyNew++
			continue
		}
		delete(was, n.Cell)
		if !o.Converged() || !n.Converged() {
			out.Failed++
			continue
		}
		c := Comparison{Cell: n.Cell, Old: Summarize(o.Seconds), New: Summarize(n.Seconds), OldIterations: o.Iterations, NewIterations: n.Iterations}
		c.Ratio = c.New.Median / c.Old.Median
		_, c.P = MannWhitney(n.Seconds, o.Seconds)
		logs += math.Log(c.Ratio)
		if a, b := Summarize(o.roof()).Median, Summarize(n.roof()).Median; a > 0 && b > 0 {
			c.Roof = b / a
			roofLogs, roofs = roofLogs+math.Log(c.Roof), roofs+1
		}
		out.Least = min(out.Least, 2/binomial(len(n.Seconds)+len(o.Seconds), len(n.Seconds)))
		out.Cells = append(out.Cells, c)
	}
	out.OnlyOld = len(was)
	if out.Cells == nil {
		return nil, fmt.Errorf("bench: nothing to compare: no cell was measured in both (%d only in the old, %d only in the new, %d failed)", out.OnlyOld, out.OnlyNew, out.Failed)
	}
	out.GeoMean = math.Exp(logs / float64(len(out.Cells)))
	if roofs > 0 {
		out.Roof = math.Exp(roofLogs / float64(roofs))
	}
	return out, nil
}

// MannWhitney tests whether x tends to be larger or smaller than y (Mann &
// Whitney, Ann. Math. Statist. 18, 1947, doi:10.1214/aoms/1177730491). u is the
// number of pairs with x > y, ties counting one half; p is two-sided. Up to 50
// values in all p is exact, given the ties; above, by the normal approximation
// with correction for ties and continuity. Without values p is 1.
func MannWhitney(x, y []float64) (u, p float64) {
	n, m := len(x), len(y)
	if n == 0 || m == 0 {
		return 0, 1
	}
	type value struct {
		v     float64
		fromX bool
	}
	all := make([]value, 0, n+m)
	for _, v := range x {
		all = append(all, value{v, true})
	}
	for _, v := range y {
		all = append(all, value{v, false})
	}
	slices.SortFunc(all, func(a, b value) int { return cmp.Compare(a.v, b.v) })
	var ties []int    // sizes of the groups of equal values
	twiceRankSum := 0 // of x
	for i := 0; i < len(all); {
		j, inX := i, 0
		for ; j < len(all) && all[j].v == all[i].v; j++ {
			if all[j].fromX {
				inX++
			}
		}
		twiceRankSum += inX * (i + 1 + j) // twice the mean of the ranks i+1 … j
		ties = append(ties, j-i)
		i = j
	}
	u = float64(twiceRankSum-n*(n+1)) / 2
	away := math.Abs(2*u - float64(n*m)) // twice the distance from the mean
	if n+m <= 50 {
		return u, exactRankTest(ties, n, m, away)
	}
	total := float64(n + m)
	tied := 0.0
	for _, t := range ties {
		t := float64(t)
		tied += t*t*t - t
	}
	variance := float64(n) * float64(m) / 12 * (total + 1 - tied/(total*(total-1)))
	if variance == 0 {
		return u, 1
	}
	z := max(0, away/2-0.5) / math.Sqrt(variance)
	return u, math.Erfc(z / math.Sqrt2)
}

// exactRankTest counts among all ways to choose n of the n+m ranks, those of
// ties being equal, the ones at least as far from the mean.
func exactRankTest(ties []int, n, m int, away float64) float64 {
	// ways[k][s] counts the choices of k among the ranks so far with twice the
	// sum s.
	most := (n + m) * (n + m + 1)
	ways := make([][]float64, n+1)
	for k := range ways {
		ways[k] = make([]float64, most+1)
	}
	ways[0][0] = 1
	rank := 0
	for _, t := range ties {
		twice := 2*rank + t + 1
		rank += t
		for k := min(n, rank); k > 0; k-- {
			for take := 1; take <= min(t, k); take++ {
				c := binomial(t, take)
				for s := take * twice; s <= most; s++ {
					ways[k][s] += c * ways[k-take][s-take*twice]
				}
			}
		}
	}
	far, all := 0.0, 0.0
	for s, w := range ways[n] {
		all += w
		if math.Abs(float64(s-n*(n+1)-n*m)) >= away {
			far += w
		}
	}
	return far / all
}

// binomial returns n over k.
func binomial(n, k int) float64 {
	b := 1.0
	for i := 1; i <= k; i++ {
		b = b * float64(n-k+i) / float64(i)
	}
	return math.Round(b)
}
