package bench_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/bench"
)

// TestFigures: each kind of study has its charts, with lines for comparison, and
// they can be drawn; captions and page do not depend on there being a bandwidth or
// known traffic.
func TestFigures(t *testing.T) {
	for _, k := range bench.Kinds() {
		for _, bare := range []bool{false, true} {
			s, err := bench.NewStudy(k.Name, []bench.Cell{{Problem: "2d", N: 1000, Workers: 1, Solver: "cg", Precond: "none"}, {Problem: "<b>", N: 1000, Workers: 1, Solver: "cg", Precond: "jacobi"}}, []int{1, 2, 16})
			if err != nil {
				t.Fatal(err)
			}
			h := bench.RecordHeader{Plan: bench.Plan{Studies: []bench.Study{*s}, Rounds: 2}}
			var ms []bench.Measurement
			for i, c := range h.Plan.Cells() {
				m := measured(1000*(1+i/2), c.Workers, 1/float64(1+i), 1.5/float64(1+i))
				m.Cell = c
				if bare {
					m.Bytes, m.Dot, m.Triad, m.Iterations, m.Live, m.Peak = 0, nil, nil, 0, 0, 0
				}
				ms = append(ms, m)
			}
			rep := bench.NewReport(h, ms, true)
			figures := bench.Figures(rep.Rows)[k.Name]
			if !bare && len(figures) < 2 {
				t.Errorf("%s: %d figures", k.Name, len(figures))
			}
			for _, f := range figures {
				if len(f.Chart.Series) < 2 || !strings.HasPrefix(f.Chart.Series[0].Name, "2d, cg") || !strings.HasPrefix(f.Chart.Series[1].Name, "<b>, cg + jacobi") || !strings.HasSuffix(f.Caption, ".") {
					t.Errorf("%s: %+v", k.Name, f)
				}
			}
			var page bytes.Buffer
			if err := rep.HTML(&page); err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"<b>", "NaN", "Inf", "ZgotmplZ"} {
				if strings.Contains(page.String(), bad) {
					t.Errorf("%s: the page has %q", k.Name, bad)
				}
			}
			if n := strings.Count(page.String(), "<svg "); n != len(figures) {
				t.Errorf("%s: %d pictures, want %d", k.Name, n, len(figures))
			}
			if lines := rep.Findings(); len(lines) != 2 {
				t.Errorf("%s: findings %q", k.Name, lines)
			}
			var text bytes.Buffer
			if err := rep.WriteBenchmarks(&text); err != nil || strings.Count(text.String(), " ns/op") != 2*len(ms) {
				t.Errorf("%s: %v\n%s", k.Name, err, text.String())
			}
		}
	}
}

// TestAmdahlFollowsTheTable: the share that the caption quotes goes with the speed-ups of
// the table, also where the median times say something else, and there is none where
// more workers make it slower.
func TestAmdahlFollowsTheTable(t *testing.T) {
	for _, c := range []struct {
		one, two []float64
		want     string
	}{
		{[]float64{1, 2, 4}, []float64{0.5, 1, 2}, "Amdahl's law: 2d, cg: 0 %"},
		{[]float64{1, 1, 4}, []float64{0.8, 0.8, 0.8}, "Amdahl's law: 2d, cg: 60 %"},
		// The medians are equal, but round by round it is twice as fast in two of three.
		{[]float64{1, 2, 3}, []float64{2, 1, 1.5}, "Amdahl's law: 2d, cg: 0 %"},
		{[]float64{1, 1, 1}, []float64{2, 2, 2}, ""},
	} {
		s, err := bench.NewStudy("strong", []bench.Cell{{Problem: "2d", N: 1000, Workers: 1, Solver: "cg", Precond: "none"}}, []int{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		h := bench.RecordHeader{Plan: bench.Plan{Studies: []bench.Study{*s}, Rounds: 3}}
		var ms []bench.Measurement
		for i, cell := range h.Plan.Cells() {
			m := measured(1000, cell.Workers, [][]float64{c.one, c.two}[i]...)
			m.Cell = cell
			ms = append(ms, m)
		}
		rep := bench.NewReport(h, ms, false)
		caption := bench.Figures(rep.Rows)["strong"][0].Caption
		if got := strings.Contains(caption, "Amdahl"); got != (c.want != "") || !strings.Contains(caption, c.want) {
			t.Errorf("speed-up %v: %s", rep.Rows[1].Speedup.Median, caption)
		}
	}
}

func TestNumbers(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 999: "999", 9999: "9999", 1e4: "1e4", 123456: "1.23e5", 1e10: "1e10"} {
		if got := bench.Count(x); got != want {
			t.Errorf("Count(%v) = %s, want %s", x, got, want)
		}
	}
	for x, want := range map[float64]string{0: "0.00 s", 1.234e-8: "12.3 ns", 9.999e-7: "1000 ns", 2.5e-5: "25.0 µs", 0.1234: "123 ms", 1: "1.00 s", 12345: "12345 s"} {
		if got := bench.Seconds(x); got != want {
			t.Errorf("Seconds(%v) = %s, want %s", x, got, want)
		}
	}
	if got := bench.Quartiles(bench.Summary{Low: 0.5e-3, High: 2e-3}); got != "0.50 … 2.00 ms" {
		t.Error(got)
	}
}
