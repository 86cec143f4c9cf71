package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Figure is a chart with a caption that says what is seen.
type Figure struct {
	Chart   *Chart
	Caption string
}

// Figures returns the charts of the studies that are in the rows, by kind.
func Figures(rows []Row) map[string][]Figure {
	out := map[string][]Figure{}
	for _, k := range kinds {
		v := view{kind: k}
		for i := range rows {
			r := &rows[i]
			if r.Cell.Study != k.Name || !r.Converged() {
				continue
			}
			v.rows = append(v.rows, r)
			if name := r.Cell.Variant(); !slices.Contains(v.variants, name) {
				v.variants = append(v.variants, name)
			}
		}
		if len(v.rows) > 0 {
			out[k.Name] = v.figures()
		}
	}
	return out
}

// view is what the charts of one study are made from.
type view struct {
	kind     Kind
	rows     []*Row
	variants []string
}

// x is the value on the x axis.
func (v *view) x(r *Row) float64 {
	if v.kind.Name == "size" {
		return float64(r.Unknowns)
	}
	return v.kind.Value(r.Cell)
}

// values returns the different values on the x axis, increasing.
func (v *view) values() (xs []float64) {
	for _, r := range v.rows {
		xs = append(xs, v.x(r))
	}
	slices.Sort(xs)
	return slices.Compact(xs)
}

// of returns the rows of a variant in the order of x.
func (v *view) of(variant string) (rows []*Row) {
	for _, r := range v.rows {
		if r.Cell.Variant() == variant {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b *Row) int { return cmp.Compare(v.x(a), v.x(b)) })
	return rows
}

// chart has a series per variant; rows for which y gives nothing are left out.
func (v *view) chart(title, ylabel string, y func(*Row) Summary) *Chart {
	c := &Chart{Title: title, XLabel: v.kind.Parameter, YLabel: ylabel, FromZero: true}
	switch v.kind.Name {
	case "strong", "weak":
		c.XTicks = v.values()
		if xs := c.XTicks; xs[len(xs)-1] > 8 {
			c.LogX = true
		}
	case "nnz", "rhs":
		c.LogX, c.XTicks = true, v.values()
	default:
		c.LogX = true
	}
	for i, name := range v.variants {
		s := Series{Name: name, Color: i + 1}
		for _, r := range v.of(name) {
			if q := y(r); q.N > 0 {
				s.X, s.Y = append(s.X, v.x(r)), append(s.Y, q.Median)
				s.Low, s.High = append(s.Low, q.Low), append(s.High, q.High)
			}
		}
		if s.X != nil {
			c.Series = append(c.Series, s)
		}
	}
	return c
}

// grey adds a line for comparison.
func (c *Chart) grey(name string, style SeriesStyle, xs []float64, y func(float64) float64) {
	s := Series{Name: name, Style: style, Color: Grey}
	for _, x := range xs {
		if v := y(x); v > 0 && !math.IsInf(v, 0) {
			s.X, s.Y = append(s.X, x), append(s.Y, v)
		}
	}
	if s.X != nil {
		c.Series = append(c.Series, s)
	}
}

// roof returns the median bandwidth of a kernel beside the cells at x.
func (v *view) roof(x float64, kernel func(*Row) []float64) float64 {
	var all []float64
	for _, r := range v.rows {
		if v.x(r) == x {
			all = append(all, kernel(r)...)
		}
	}
	return Summarize(all).Median
}

func dots(r *Row) []float64   { return r.Dot }
func triads(r *Row) []float64 { return r.Triad }

// scaled is a summary in other units.
func scaled(s Summary, by float64) Summary {
	s.Median, s.Low, s.High, s.Min, s.Max = by*s.Median, by*s.Low, by*s.High, by*s.Min, by*s.Max
	return s
}

// exactly is a number without spread.
func exactly(x float64) Summary {
	if !(x > 0) {
		return Summary{}
	}
	return Summary{N: 1, Median: x, Low: x, High: x, Min: x, Max: x}
}

func (v *view) figures() (figures []Figure) {
	add := func(c *Chart, caption string, args ...any) {
		if c.Series != nil {
			figures = append(figures, Figure{c, fmt.Sprintf(caption, args...)})
		}
	}
	seconds := func(r *Row) Summary { return r.Time }
	perUnknown := func(r *Row) Summary {
		if r.NsPerUnknown == 0 {
			return Summary{}
		}
		return scaled(r.SolveTime, r.NsPerUnknown/r.SolveTime.Median)
	}
	switch v.kind.Name {
	case "strong":
		c := v.chart("Speed-up with the number of workers", "speed-up", func(r *Row) Summary { return r.Speedup })
		xs := v.values()
		c.grey("ideal", Dashed, xs, func(x float64) float64 { return x / xs[0] })
		first := v.roof(xs[0], triads)
		c.grey("bandwidth (triad)", Dotted, xs, func(x float64) float64 { return v.roof(x, triads) / first })
		add(c, "How many times faster the whole job runs than on %g %s, round by round; bars are quartiles. Code that is bound by memory follows the dotted line, the growth of the measured bandwidth, and not the dashed one.%s", xs[0], workersWord(xs[0]), v.amdahl())
	case "weak":
		c := v.chart("Weak scaling: n grows with the workers", "efficiency per iteration", func(r *Row) Summary { return r.Speedup })
		xs := v.values()
		c.grey("ideal", Dashed, xs, func(float64) float64 { return 1 })
		first := v.roof(xs[0], triads)
		c.grey("bandwidth (triad)", Dotted, xs, func(x float64) float64 { return v.roof(x, triads) / first * xs[0] / x })
		add(c, "Time per iteration on %g %s over that on P workers with P times the unknowns; 1 is ideal. The dotted line is what the measured bandwidth allows.", xs[0], workersWord(xs[0]))
	case "size":
		c := v.chart("Time against the number of unknowns", "seconds", seconds)
		c.LogY, c.FromZero = true, false
		var fits []string
		for i, name := range v.variants {
			fit, ok := v.exponent(name)
			if !ok {
				continue
			}
			rows := v.of(name)
			a, b := v.x(rows[0]), v.x(rows[len(rows)-1])
			label := fmt.Sprintf("n^%.2f", fit.Exponent)
			c.Series[i].Name += ": " + label // each variant has its times
			c.Series = append(c.Series, Series{X: []float64{a, b}, Y: []float64{fit.At(a), fit.At(b)}, Style: Dashed, Color: i + 1})
			fits = append(fits, fmt.Sprintf("%s grows like %s (± %.2f)", name, label, fit.StdErr))
		}
		text := ""
		if fits != nil {
			text = " The dashed lines are least-squares fits: " + strings.Join(fits, "; ") + "."
		}
		add(c, "Time of the whole job, both axes logarithmic.%s", text)
		c = v.chart("Cost of one iteration against n", "ns per unknown and iteration", perUnknown)
		add(c, "A flat line means that time is proportional to n and the number of iterations; it rises where the vectors leave a cache.")
	case "nnz":
		add(v.chart("Cost of one iteration against the nonzeros per row", "ns per unknown and iteration", perUnknown),
			"The share of the matrix grows with its nonzeros per row; what is left at few of them are the vectors of the solver.")
	case "cond":
		c := v.chart("Iterations against the condition number", "iterations", func(r *Row) Summary { return exactly(float64(r.Iterations)) })
		c.LogY, c.FromZero = true, false
		xs := v.values()
		if n := len(c.Series); n > 0 && len(xs) > 1 {
			s := c.Series[0]
			factor := s.Y[0] / math.Sqrt(s.X[0])
			c.grey("√κ", Dashed, xs, func(x float64) float64 { return factor * math.Sqrt(x) })
		}
		add(c, "Iterations to the tolerance. Conjugate gradients take at most in proportion to √κ, the dashed line; clustered eigenvalues need fewer.")
		c = v.chart("Time against the condition number", "seconds", seconds)
		c.LogY, c.FromZero = true, false
		add(c, "Time of the whole job.")
	case "rhs":
		add(v.chart("Time per right-hand side", "seconds per right-hand side", func(r *Row) Summary { return scaled(r.Time, 1/float64(max(1, r.Cell.RHS))) }),
			"Several right-hand sides share each sweep over the operator: the time for each falls until the vectors outweigh the matrix.")
	case "nw":
		add(v.chart("Time against the number of parameters", "seconds", seconds),
			"One adjoint solve gives all of dL/dw: the time hardly depends on the number of parameters.")
	}
	c := v.chart("Roofline of study "+v.kind.Name+": memory bandwidth reached", "GB/s", func(r *Row) Summary { return r.GBs })
	if c.Series != nil {
		xs := v.values()
		c.grey("dot", Dashed, xs, func(x float64) float64 { return v.roof(x, dots) })
		c.grey("triad", Dotted, xs, func(x float64) float64 { return v.roof(x, triads) })
		add(c, "Traffic of the model over the time of the linear solve, against the bandwidth of two plain kernels measured in the same rounds on as many workers. Points above the lines are served by caches.")
	}
	return figures
}

// exponent fits time against n for a variant.
func (v *view) exponent(variant string) (PowerLaw, bool) {
	var x, y []float64
	for _, r := range v.of(variant) {
		x, y = append(x, v.x(r)), append(y, r.Time.Median)
	}
	if len(x) == 0 {
		return PowerLaw{}, false
	}
	return FitPowerLaw(x, y)
}

// amdahl says in words how the speed-ups end. It goes by those of the table, medians
// over the rounds: ratios of median times can say something else. Where more workers
// make it slower, or faster than in proportion, the law has nothing to say.
func (v *view) amdahl() string {
	var texts []string
	for _, name := range v.variants {
		var workers []int
		var times []float64
		holds := true
		for _, r := range v.of(name) {
			workers, times = append(workers, r.Cell.Workers), append(times, 1/r.Speedup.Median)
			holds = holds && r.Speedup.Median >= 1 && r.Speedup.Median <= float64(r.Cell.Workers)
		}
		if f, ok := FitAmdahl(workers, times); ok && holds {
			texts = append(texts, fmt.Sprintf("%s: %.0f %%", name, 100*f))
		}
	}
	if texts == nil {
		return ""
	}
	return " Share of the time that more workers do not make shorter, by Amdahl's law: " + strings.Join(texts, "; ") + "."
}

func workersWord(n float64) string {
	if n == 1 {
		return "worker"
	}
	return "workers"
}
