package kernel

import (
	"math/rand/v2"
	"testing"
)

func TestMinresKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	const a, b, c, u = 0.7, -1.3, 0.4, 2.5
	for _, n := range sizes {
		o, v, q, d := random(rng, n), random(rng, n), random(rng, n), random(rng, n)
		for i := range d {
			d[i] = 0.5 + d[i]*d[i]
		}
		want, scaled := make([]float64, n), make([]float64, n)
		check := func(what string, got []float64) {
			t.Helper()
			for i := range want {
				// The order of the three terms is free.
				close(t, what, got[i], want[i], 8*(1+max(d[i], 1)), 1)
			}
		}
		wantQO, size := plainDot(q, o)

		for i := range want {
			want[i] = a*q[i] - b*v[i] - c*o[i]
		}
		got := clone(o)
		oo, qo := LanczosStep(got, v, q, a, b, c)
		check("LanczosStep", got)
		ww, _ := plainDot(want, want)
		close(t, "LanczosStep oo", oo, ww, ww, n)
		close(t, "LanczosStep qo", qo, wantQO, size, n)

		for i := range want {
			want[i] = a*d[i]*q[i] - b*v[i] - c*o[i]
			scaled[i] = want[i] / d[i]
		}
		got = clone(o)
		odo, ddo, qo := LanczosStepDiag(got, v, q, d, a, b, c)
		check("LanczosStepDiag", got)
		ww, _ = plainDot(want, scaled)
		close(t, "LanczosStepDiag odo", odo, ww, 10*ww, n)
		ww, _ = plainDot(scaled, scaled)
		close(t, "LanczosStepDiag ddo", ddo, ww, 10*ww, n)
		close(t, "LanczosStepDiag qo", qo, wantQO, size, n)

		x, w1 := random(rng, n), v
		gotX, gotW := clone(x), clone(o)
		MinresStep(gotX, gotW, w1, q, a, b, c, u)
		for i := range want {
			want[i] = a*q[i] - b*w1[i] - c*o[i]
		}
		check("MinresStep w", gotW)
		for i := range want {
			want[i] = x[i] + u*want[i]
		}
		check("MinresStep x", gotX)

		const c2, s2, c1, s1 = 0.6, 0.8, -0.28, 0.96
		gotX, gotW, got1 := clone(x), clone(o), clone(w1)
		QLPStep(gotX, gotW, got1, q, a, c2, s2, c1, s1, u)
		turned := make([]float64, n)
		for i := range want {
			turned[i] = s2*o[i] - c2*a*q[i]
			want[i] = s1*w1[i] - c1*turned[i]
		}
		check("QLPStep w", gotW)
		for i := range want {
			want[i] = c1*w1[i] + s1*turned[i]
		}
		check("QLPStep w1", got1)
		for i := range want {
			want[i] = x[i] + u*(c2*o[i]+s2*a*q[i])
		}
		check("QLPStep x", gotX)
	}
}
