package kernel

import (
	"math/rand/v2"
	"testing"
)

func TestBidiagonalUpdates(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	const a, b, c, c1, c2, c3 = 0.7, -1.3, 0.5, 0.3, -2.1, 1.7
	for _, n := range sizes {
		x, g, h, v, d := random(rng, n), random(rng, n), random(rng, n), random(rng, n), random(rng, n)
		want := make([]float64, n)
		for i := range want {
			want[i] = a*x[i] + b*h[i]
		}
		yy, _ := plainDot(want, want)
		var ydy, size float64
		for i, w := range want {
			ydy += w * d[i] * w
			size += max(w*d[i]*w, -w*d[i]*w)
		}
		y := clone(h)
		close(t, "AxpbyNorm", AxpbyNorm(y, a, x, b), yy, yy, n)
		same(t, "AxpbyNorm", y, want)
		y = clone(h)
		gotYY, gotYDY := AxpbyNormDiag(y, a, x, b, d)
		same(t, "AxpbyNormDiag", y, want)
		close(t, "AxpbyNormDiag yy", gotYY, yy, yy, n)
		close(t, "AxpbyNormDiag ydy", gotYDY, ydy, size, n)

		for _, diag := range []bool{false, true} {
			wx, wg, wh, wv := clone(x), clone(g), clone(h), clone(v)
			for i := range wx {
				wv[i] = c * v[i]
				if diag {
					wv[i] *= d[i]
				}
				wg[i] = h[i] - c1*g[i]
				wx[i] = x[i] + c2*wg[i]
				wh[i] = wv[i] - c3*h[i]
			}
			gx, gg, gh, gv, gp := clone(x), clone(g), clone(h), clone(v), clone(v)
			if diag {
				LSMRStepDiag(gx, gg, gh, gv, gp, d, c, c1, c2, c3)
				for i := range gp {
					gp[i] /= c
				}
				same(t, "LSMRStepDiag p", gp, v)
			} else {
				LSMRStep(gx, gg, gh, gv, c, c1, c2, c3)
			}
			same(t, "LSMRStep x", gx, wx)
			same(t, "LSMRStep g", gg, wg)
			same(t, "LSMRStep h", gh, wh)
			same(t, "LSMRStep v", gv, wv)
		}
	}
}
