package precond_test

import (
	"testing"
	"time"

	"github.com/hgsolve/hgsolve/hvp"
	"github.com/hgsolve/hgsolve/precond"
)

// BenchmarkIC1024 applies factorisations of a 5-point matrix of order 1024², one
// contender after the other in each round, and prints least times: beside those of
// one product with the matrix on one worker, and how much faster two workers are.
func BenchmarkIC1024(b *testing.B) {
	const side = 1024
	a := grid(b, side, side, 0)
	n := side * side
	x, z := random(n), make([]float64, n)
	type contender struct {
		name        string
		m           precond.Preconditioner
		alone, pair time.Duration
	}
	var all []*contender
	for _, c := range []struct {
		name string
		opt  precond.ICSettings
	}{
		{"ic0", precond.ICSettings{Fill: -1}},
		{"ic", precond.ICSettings{}},
		{"ic single", precond.ICSettings{Single: true}},
		{"ic whole", precond.ICSettings{Subdomains: precond.Subdomains{Rows: -1}}},
		{"ic levels", precond.ICSettings{Levels: true}},
	} {
		m, err := precond.NewIC(b.Context(), a, &c.opt)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, &contender{c.name, m, time.Hour, time.Hour})
	}
	one, two := hvp.WithWorkers(b.Context(), 1), hvp.WithWorkers(b.Context(), 2)
	product := time.Hour
	timed := func(least *time.Duration, f func() error) {
		begin := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		*least = min(*least, time.Since(begin))
	}
	for b.Loop() {
		timed(&product, func() error { return a.Apply(one, z, x) })
		for _, c := range all {
			timed(&c.alone, func() error { return c.m.Apply(one, z, x) })
			timed(&c.pair, func() error { return c.m.Apply(two, z, x) })
		}
	}
	for _, c := range all {
		b.Logf("%-10s %6.2f ms, %.2f products; two workers %6.2f ms, ratio %.2f", c.name, ms(c.alone),
			float64(c.alone)/float64(product), ms(c.pair), float64(c.alone)/float64(c.pair))
	}
	b.ReportMetric(float64(all[1].alone)/float64(all[1].pair), "ic-1/2-workers")
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }
