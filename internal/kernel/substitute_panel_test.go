package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomRow returns a row of n points that couples with three others in a panel, all of random
// numbers. The panels are made by panel.
func randomRow(rng *rand.Rand, n, w, r int, panel func(n int) []float32) *PanelRow {
	p := &PanelRow{W: w, Reach: r, Pitch: n + 2*r, V: panel(n * w)}
	const others = 3
	p.X = panel(others * p.Pitch * w)
	p.Val = panel(others * (2*r + 1) * n)
	for a := range others {
		for b := range 2*r + 1 {
			p.At = append(p.At, (a*(2*r+1)+b)*n)
			p.Shift = append(p.Shift, (a*p.Pitch+b)*w)
		}
	}
	return p
}

// substituted returns what the row of p becomes, from the definition.
func substituted(p *PanelRow, lo, hi int) []float32 {
	n, w := len(p.V)/p.W, p.W
	v := slices.Clone(p.V)
	for t := range hi - lo {
		j, near := lo+t, -1
		if p.Back {
			j, near = hi-1-t, 1
		}
		for l := range w {
			s := v[j*w+l]
			if p.Src != nil {
				s = p.Src[j*w+l]
			}
			if p.D != nil {
				s *= p.D[j]
			}
			for e, a := range p.At {
				s = fmaSingle(-p.Val[a+j-lo], p.X[p.Shift[e]+(j-lo)*w+l], s)
			}
			for b := p.Reach; b > 0; b-- {
				c := p.C[(b-1)*p.Pitch+max(j, j+b*near)]
				u := float32(0)
				if q := j + b*near; 0 <= q && q < n {
					u = v[q*w+l]
				}
				s = fmaSingle(-c, u, s)
			}
			v[j*w+l] = s
		}
	}
	return v
}

// TestPanelRow compares substitution in rows of panels with its definition, point by point
// and column by column.
func TestPanelRow(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	panel := func(n int) []float32 { return single(random(rng, n)) }
	for _, r := range []int{1, 2, 3, 6} {
		for _, n := range []int{1, 2, 3, 4, 7, 8, 9, 10, 17, 33} {
			for _, w := range []int{1, 2, 3, 4, 7, 8, 12, 15, 16, 24} {
				for variant := range 8 {
					p := randomRow(rng, n, w, r, panel)
					p.C = panel(r*p.Pitch + r)
					p.Back = variant&1 != 0
					if variant&2 != 0 {
						p.Src = panel(n * w)
					} else {
						p.D = panel(n)
					}
					lo, hi := 0, n
					if variant&4 != 0 {
						lo, hi = n/3, n-n/4
						p.At, p.Shift = p.At[:2*r+1], p.Shift[:2*r+1]
					}
					if variant == 7 {
						p.At, p.Shift = nil, nil
					}
					want := substituted(p, lo, hi)
					p.Substitute(lo, hi)
					sameSingle(t, fmt.Sprintf("reach %d, points %d … %d of %d, %d columns, back %v", r, lo, hi, n, w, p.Back), p.V, want)
				}
			}
		}
	}
}

// TestPanelRowUneven: couplings with points that do not follow each other.
func TestPanelRowUneven(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 1))
	p := randomRow(rng, 20, 8, 2, func(n int) []float32 { return single(random(rng, n)) })
	p.C = single(random(rng, 2*p.Pitch))
	p.Shift[3], p.Shift[4] = p.Shift[4], p.Shift[3]
	want := substituted(p, 0, 20)
	p.Substitute(0, 20)
	sameSingle(t, "uneven", p.V, want)
}

// TestPanelRowChecks: what would read or write beyond the end panics.
func TestPanelRowChecks(t *testing.T) {
	for _, r := range []int{2, 3} {
		for name, spoil := range map[string]func(p *PanelRow){
			"points":     func(p *PanelRow) { p.V = p.V[:len(p.V)-8] },
			"source":     func(p *PanelRow) { p.Src = make([]float32, len(p.V)-1) },
			"diagonal":   func(p *PanelRow) { p.D = make([]float32, 19) },
			"recurrence": func(p *PanelRow) { p.C = p.C[: (r-1)*p.Pitch+19 : (r-1)*p.Pitch+19] },
			"backwards": func(p *PanelRow) {
				p.C, p.Back = p.C[:(r-1)*p.Pitch+19+r:(r-1)*p.Pitch+19+r], true
			},
			"matrix":   func(p *PanelRow) { p.At[4] = len(p.Val) - 19 },
			"negative": func(p *PanelRow) { p.At[2] = -1 },
			"panel":    func(p *PanelRow) { p.X = p.X[: len(p.X)-1 : len(p.X)-1] },
			"before":   func(p *PanelRow) { p.Shift[0] = -8 },
			"shifts":   func(p *PanelRow) { p.Shift = p.Shift[:4:4] },
		} {
			rng := rand.New(rand.NewPCG(24, 1))
			p := randomRow(rng, 20, 8, r, func(n int) []float32 { return make([]float32, n) })
			p.C = make([]float32, r*p.Pitch)
			spoil(p)
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("reach %d: %s beyond the end", r, name)
					}
				}()
				p.Substitute(0, 20)
			}()
		}
	}
}
