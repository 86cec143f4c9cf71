package hypergrad_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/krylov"
)

// grid is G(y, w) = A·y − F·w on m×m×m nodes: parameter j of 64 loads one box of
// 4×4×4.
type grid struct {
	a hvp.Operator
	f *hvp.CSR
}

func (p *grid) Dims() (ny, nw int) { return p.f.Dims() }

func (p *grid) Residual(ctx context.Context, dst, y, w []float64) error {
	fw := make([]float64, len(dst))
	if err := p.f.Apply(ctx, fw, w); err != nil {
		return err
	}
	err := p.a.Apply(ctx, dst, y)
	for i, v := range fw {
		dst[i] -= v
	}
	return err
}

func (p *grid) Linearize(context.Context, []float64, []float64) (hypergrad.Linearization, error) {
	return hypergrad.Linearization{Y: p.a, W: hvp.Scale(-1, p.f)}, nil
}

// newGrid returns the problem with 7 or 27 points as a matrix, or matrix-free for
// points = 0 (7). The condition number is about 200. With varying, rows and columns
// are scaled, so that no two entries are the same and a product reads them all.
func newGrid(b *testing.B, m, points int, varying bool) *grid {
	n := m * m * m
	p := &grid{}
	var err error
	const shift = 0.06
	if points == 0 {
		if p.a, err = hvp.NewStencil(1, shift, m, m, m); err != nil {
			b.Fatal(err)
		}
	} else {
		scale := func(i int) float64 { return 1 + 0.1*math.Sin(float64(i)) }
		ptr, col, val := make([]int, n+1), make([]int32, 0, n*points), make([]float64, 0, n*points)
		for i := range n {
			x, y, z := i/(m*m), i/m%m, i%m
			for dx := -1; dx <= 1; dx++ {
				for dy := -1; dy <= 1; dy++ {
					for dz := -1; dz <= 1; dz++ {
						far := dx*dx + dy*dy + dz*dz
						if far > 1 && points == 7 || min(x+dx, y+dy, z+dz) < 0 || max(x+dx, y+dy, z+dz) >= m {
							continue
						}
						v := -1.0
						if far == 0 {
							v = float64(points-1) + shift*float64(points)/7
						}
						j := ((x+dx)*m+y+dy)*m + z + dz
						if varying {
							v *= scale(i) * scale(j)
						}
						col, val = append(col, int32(j)), append(val, v)
					}
				}
			}
			ptr[i+1] = len(col)
		}
		a, err := hvp.NewCSR(n, n, ptr, col, val)
		if err != nil {
			b.Fatal(err)
		}
		if p.a, err = a.Promise(hvp.SPD); err != nil {
			b.Fatal(err)
		}
	}
	var row, col []int32
	var val []float64
	for j := range int32(64) {
		x, y, z := int32(m)/4*(j/16), int32(m)/4*(j/4%4), int32(m)/4*(j%4)
		for k := range int32(64) {
			row = append(row, ((x+k/16)*int32(m)+y+k/4%4)*int32(m)+z+k%4)
			col, val = append(col, j), append(val, 1)
		}
	}
	if p.f, err = hvp.NewCSRFromTriplets(n, 64, row, col, val); err != nil {
		b.Fatal(err)
	}
	return p
}

// newPlane is the same on a square of m×m nodes with 5 points as a matrix, where parameter j
// loads one box of 8×8.
func newPlane(b *testing.B, m int) *grid {
	s, err := hvp.NewStencil(1, 0.04, m, m)
	if err != nil {
		b.Fatal(err)
	}
	p := &grid{}
	if p.a, err = s.Assemble(); err != nil {
		b.Fatal(err)
	}
	var row, col []int32
	var val []float64
	for j := range int32(64) {
		x, y := int32(m)/8*(j/8), int32(m)/8*(j%8)
		for k := range int32(64) {
			row = append(row, (x+k/8)*int32(m)+y+k%8)
			col, val = append(col, j), append(val, 1)
		}
	}
	if p.f, err = hvp.NewCSRFromTriplets(m*m, 64, row, col, val); err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkJacobian prints the time of a Jacobian of 64 columns at 10⁶ unknowns as a
// multiple of that of one tangent, the mean of three that are spread over the run.
func BenchmarkJacobian(b *testing.B) {
	const m = 100
	ctx := context.Background()
	for _, c := range []struct {
		name    string
		points  int
		varying bool
	}{{"plane", 5, false}, {"stencil", 0, false}, {"csr7", 7, false}, {"csr27", 27, false}, {"csr27-varying", 27, true}} {
		for _, width := range []int{8, 16, 32} {
			b.Run(c.name+"/width="+string(rune('0'+width/10))+string(rune('0'+width%10)), func(b *testing.B) {
				var p *grid
				if c.points == 5 {
					p = newPlane(b, m*10)
				} else {
					p = newGrid(b, m, c.points, c.varying)
				}
				n, nw := p.Dims()
				y, w, dst, u := make([]float64, n), make([]float64, nw), make([]float64, n*nw), make([]float64, nw)
				est := &hypergrad.Estimator{Settings: krylov.Settings{RTol: 1e-8}}
				one := func(j int) (best time.Duration) {
					clear(u)
					u[j] = 1
					for range 2 {
						begin := time.Now()
						if _, err := est.Tangent(ctx, p, y, w, u, dst[:n]); err != nil {
							b.Fatal(err)
						}
						if d := time.Since(begin); best == 0 || d < best {
							best = d
						}
					}
					return best
				}
				for b.Loop() {
					alone := one(0) + one(31)
					begin := time.Now()
					rep, err := est.Jacobian(ctx, p, y, w, dst, &hypergrad.JacobianSettings{Width: width, MaxBytes: 8 << 30})
					if err != nil {
						b.Fatal(err)
					}
					all := time.Since(begin)
					alone += one(63)
					b.ReportMetric(float64(all)/float64(alone)*3, "solves")
					b.ReportMetric(float64(rep.Bytes)/(1<<30), "GiB-panels")
					b.ReportMetric(alone.Seconds()/3, "s/solve")
					b.ReportMetric(float64(rep.Iterations)/64, "iterations")
				}
			})
		}
	}
}
