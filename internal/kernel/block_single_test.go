package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// sameSingle wants the same numbers to the last bit.
func sameSingle(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, v := range got {
		if math.Float32bits(v) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, v, want[i])
		}
	}
}

// TestSinglePanels compares the loops over panels in single precision with loops that
// take element by element, rounding as the documentation says.
func TestSinglePanels(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	const stride = 3
	for _, n := range []int{0, 1, 2, 3, 4, 5, 64, 65, 129} {
		for w := 1; w <= 19; w++ {
			what := fmt.Sprintf("n = %d, w = %d", n, w)
			p, q, r, y := single(random(rng, n*w)), single(random(rng, n*w)), single(random(rng, n*w)), single(random(rng, n*w))
			a, b, c := single(random(rng, w)), single(random(rng, w)), single(random(rng, w))
			for _, d := range [][]float32{nil, single(random(rng, n))} {
				scale := func(i int) float32 {
					if d == nil {
						return 1
					}
					return d[i/w]
				}
				s0, s1 := make([]float64, w*stride), make([]float64, w*stride)
				dot, dotSize := make([]float64, w), make([]float64, w)
				rr, rdr, rdrSize := make([]float64, w), make([]float64, w), make([]float64, w)
				newR, newY, newP, turned := slices.Clone(r), slices.Clone(y), slices.Clone(p), slices.Clone(p)
				for i := range p {
					l := i % w
					product := float64(p[i]) * float64(q[i])
					dot[l] += product
					dotSize[l] += math.Abs(product)
					v := r[i] - float32(a[l]*q[i])
					newR[i] = v
					rr[l] += float64(v) * float64(v)
					product = float64(v) * float64(float32(scale(i)*v))
					rdr[l] += product
					rdrSize[l] += math.Abs(product)
					z := float32(scale(i) * r[i])
					newY[i] = y[i] + float32(a[l]*p[i])
					newP[i] = z + float32(b[l]*p[i])
					turned[i] = float32(c[l]*z) + float32(b[l]*p[i])
				}
				PanelDotSingle(p, q, w, s0, stride)
				for l := range w {
					close(t, what+" PanelDotSingle", s0[l*stride], dot[l], dotSize[l], n)
				}
				got := slices.Clone(r)
				PanelSubAxpyNormSingle(got, a, q, d, w, s0, s1, stride)
				sameSingle(t, what+" PanelSubAxpyNormSingle", got, newR)
				for l := range w {
					close(t, what+" rr", s0[l*stride], rr[l], rr[l], n)
					if d != nil {
						close(t, what+" rdr", s1[l*stride], rdr[l], rdrSize[l], n)
					}
				}
				gotY, gotP := slices.Clone(y), slices.Clone(p)
				PanelStepDirectionSingle(gotY, gotP, a, r, d, b, w)
				sameSingle(t, what+" PanelStepDirectionSingle y", gotY, newY)
				sameSingle(t, what+" PanelStepDirectionSingle p", gotP, newP)
				gotP = slices.Clone(p)
				PanelTurnSingle(gotP, r, d, w, c, b)
				sameSingle(t, what+" PanelTurnSingle", gotP, turned)

				// Corrections of all columns of panels of the same width, and of some
				// beside others.
				for k := w; k <= w+1; k++ {
					var cols []PanelColumn
					for l := range w {
						if c := (PanelColumn{Single: l, Double: l + k - w, Scale: float64(1 + l), Unit: math.Ldexp(1, -l), Step: 0.25 * float64(l)}); k == w || l%3 != 1 {
							cols = append(cols, c)
						}
					}
					rhs, ax, x := random(rng, n*k), random(rng, n*k), random(rng, n*k)
					if w == 3 {
						ax = nil
					}
					gotR, wantR, wantX := slices.Clone(r), slices.Clone(r), slices.Clone(x)
					s0, s1, s2 := random(rng, w*stride), random(rng, w*stride), random(rng, w*stride)
					PanelResidualSingle(gotR, p, d, w, rhs, ax, k, cols, s0, s1, s2, stride)
					PanelFlushSingle(x, k, y, p, w, cols)
					for _, c := range cols {
						var rr, rz, rp, sizeZ, sizeP float64
						for i := range n {
							at := i*w + c.Single
							v := c.Scale * rhs[i*k+c.Double]
							if ax != nil {
								v -= ax[i*k+c.Double]
							}
							rr += v * v
							u := float32(v * c.Unit)
							wantR[at] = u
							z := float64(u) * float64(float32(scale(i*w)*u))
							rz += z
							sizeZ += math.Abs(z)
							rp += float64(u) * float64(p[at])
							sizeP += math.Abs(float64(u) * float64(p[at]))
							wantX[i*k+c.Double] += 1 / c.Unit * (float64(y[at]) + c.Step*float64(p[at]))
						}
						close(t, what+" PanelResidualSingle rr", s0[c.Single*stride], rr, rr, n)
						close(t, what+" PanelResidualSingle rz", s1[c.Single*stride], rz, sizeZ, n)
						close(t, what+" PanelResidualSingle rp", s2[c.Single*stride], rp, sizeP, n)
					}
					sameSingle(t, what+" PanelResidualSingle", gotR, wantR)
					same(t, what+" PanelFlushSingle", x, wantX)
				}
			}
		}
	}
}

// TestCSRRowsBlockSingle compares products in single precision, in assembly and without,
// with fused sums in double precision.
func TestCSRRowsBlockSingle(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	const rows, cols = 40, 30
	for _, empty := range []bool{false, true} {
		ptr, col, val := randomCSR(rng, rows, cols)
		if empty {
			ptr, col, val = make([]int, rows+1), nil, nil
		}
		for k := 1; k <= 19; k++ {
			x := single(random(rng, cols*k))
			for _, r := range [][2]int{{0, rows}, {0, 0}, {3, 4}, {7, rows}} {
				got := single(random(rng, (r[1]-r[0])*k))
				CSRRowsBlockSingle(got, x, k, ptr, col, val, r[0], r[1], k%2 == 0)
				for i := r[0]; i < r[1]; i++ {
					for l := range k {
						var s [2]float64
						for p := ptr[i]; p < ptr[i+1]; p++ {
							e := (p - ptr[i]) & 1
							s[e] = math.FMA(val[p], float64(x[int(col[p])*k+l]), s[e])
						}
						if g, want := got[(i-r[0])*k+l], float32(s[0]+s[1]); g != want {
							t.Fatalf("k = %d, rows %v: row %d of column %d is %v, want %v", k, r, i, l, g, want)
						}
					}
				}
			}
		}
	}
}

func TestCSRRowsBlockSingleChecksColumns(t *testing.T) {
	for _, k := range []int{2, 4, 8, 16} {
		for _, bad := range []int32{-1, 3, math.MaxInt32} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("k = %d: column %d of 3 was read", k, bad)
					}
				}()
				CSRRowsBlockSingle(make([]float32, k), make([]float32, 3*k), k, []int{0, 1}, []int32{bad}, []float64{1}, 0, 1, false)
			}()
		}
	}
}
