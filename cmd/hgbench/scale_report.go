package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/internal/formats"
)

// write writes the report in all forms that were asked for: files first, so that
// what stands on standard output is complete.
func (o *scaleOptions) write(stdout io.Writer, rep *bench.Report) error {
	if o.plot != "" {
		var charts []*bench.Chart
		figures := bench.Figures(rep.Rows)
		for _, s := range rep.Plan.Studies {
			for _, f := range figures[s.Kind] {
				charts = append(charts, f.Chart)
			}
		}
		if len(charts) == 0 {
			return fmt.Errorf("-plot %s: no cell was solved, there is nothing to draw", o.plot)
		}
		columns := int(math.Ceil(math.Sqrt(float64(len(charts)))))
		if err := bench.SaveCharts(o.plot, columns, charts...); err != nil {
			return err
		}
	}
	if o.html != "" {
		if err := formats.WriteFile(o.html, rep.HTML); err != nil {
			return err
		}
	}
	if err := writeJSONFile(o.json, rep); err != nil {
		return err
	}
	switch o.format {
	case "json":
		return encodeJSON(stdout, rep)
	case "csv":
		return scaleCSV(stdout, rep.Rows)
	case "bench":
		return rep.WriteBenchmarks(stdout)
	}
	return scaleText(stdout, rep)
}

// scaleText writes aligned tables, one for each study.
func scaleText(w io.Writer, rep *bench.Report) error {
	printMachine(w, rep.Machine)
	for _, s := range rep.Plan.Studies {
		kind, err := bench.KindByName(s.Kind)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s: %s\n", kind.Name, kind.Summary)
		gain := map[string]string{"strong": "speed-up", "weak": "efficiency"}[s.Kind]
		tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		workers := func(text string) string { // a column unless they are the parameter
			if kind.Parameter == "workers" {
				return ""
			}
			return text + "\t"
		}
		fmt.Fprint(tab, kind.Parameter, "\tn\t", workers("workers"), "its\ttime\tquartiles\tper it.\tns/n/it.\tGB/s\tof\tbytes/n\tat most\t", gain, "\t  what\n")
		var failed []*bench.Row
		for i := range rep.Rows {
			r := &rep.Rows[i]
			switch {
			case r.Cell.Study != s.Kind:
				continue
			case !r.Converged():
				failed = append(failed, r)
				continue
			}
			speed, fraction := "–", "–"
			if r.GBs.N > 0 {
				speed, fraction = fmt.Sprintf("%.1f", r.GBs.Median), fmt.Sprintf("%.0f %%", 100*r.Fraction.Median)
			}
			if gain != "" {
				gain = fmt.Sprintf("%.2f", r.Speedup.Median)
			}
			fmt.Fprintf(tab, "%s\t%d\t%s%d\t%s\t%s\t%s\t%.2f\t%s\t%s\t%.0f\t%.0f\t%s\t  %s\n",
				bench.Count(kind.Value(r.Cell)), r.Unknowns, workers(strconv.Itoa(r.Cell.Workers)), r.Iterations, bench.Seconds(r.Time.Median),
				bench.Quartiles(r.Time), bench.Seconds(r.PerIteration), r.NsPerUnknown, speed, fraction,
				r.LivePerUnknown, r.PeakPerUnknown, gain, r.Cell.Variant())
		}
		if err := tab.Flush(); err != nil {
			return err
		}
		for _, r := range failed {
			fmt.Fprintf(w, "failed: %v: %s: %s\n", r.Cell, r.Status, r.Error)
		}
	}
	if lines := rep.Findings(); lines != nil {
		fmt.Fprintln(w)
		for _, line := range lines {
			fmt.Fprintln(w, line)
		}
	}
	for i := range rep.Forecasts {
		printForecast(w, &rep.Forecasts[i])
	}
	return nil
}

// printForecast writes a forecast as text.
func printForecast(w io.Writer, f *bench.Forecast) {
	fmt.Fprintf(w, "\nforecast: %s, n = %d, %s on %d workers\n", f.Base.Variant(), f.Unknowns, bench.Seconds(f.Seconds), f.Base.Workers)
	for _, c := range f.Cases {
		fmt.Fprintf(w, "  %g× the cores, %g× the memory channels: %s, %.2f times faster, bound by %s\n", c.Cores, c.Channels, bench.Seconds(c.Seconds), c.Speedup, c.Bound)
	}
	if f.MaxUnknowns > 0 {
		time := ""
		if f.MaxSeconds > 0 {
			time = fmt.Sprintf("; that would take about %s", bench.Seconds(f.MaxSeconds))
		}
		fmt.Fprintf(w, "  memory: %.0f bytes per unknown kept, %.0f at most: full at about n = %s%s\n", f.LivePerUnknown, f.PeakPerUnknown, bench.Count(f.MaxUnknowns), time)
	}
	for _, note := range f.Notes {
		fmt.Fprintf(w, "  %s\n", note)
	}
}

// scaleCSV writes the rows as comma-separated values with a header. What is not
// known is empty.
func scaleCSV(w io.Writer, rows []bench.Row) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"study", "problem", "operator", "n", "nnz_per_row", "cond", "rhs", "n_w", "solver", "precond", "workers",
		"unknowns", "status", "iterations", "products", "setup_s", "time_s", "time_low_s", "time_high_s", "solve_s", "s_per_iteration",
		"ns_per_unknown_iteration", "bytes", "gb_per_s", "roof_gb_per_s", "fraction_of_roof", "speedup", "live_bytes_per_unknown", "peak_bytes_per_unknown", "rounds", "error"})
	number := func(v float64) string {
		if v == 0 {
			return ""
		}
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	whole := func(v int) string {
		if v == 0 {
			return ""
		}
		return strconv.Itoa(v)
	}
	for i := range rows {
		r := &rows[i]
		c := &r.Cell
		_ = out.Write([]string{c.Study, c.Problem, c.Operator, whole(c.N), whole(c.NNZ), number(c.Cond), whole(c.RHS), whole(c.NW), c.Solver, c.Precond, whole(c.Workers),
			whole(r.Unknowns), r.Status, strconv.Itoa(r.Iterations), strconv.Itoa(r.Products), number(r.Setup), number(r.Time.Median), number(r.Time.Low), number(r.Time.High), number(r.SolveTime.Median), number(r.PerIteration),
			number(r.NsPerUnknown), whole(int(r.Bytes)), number(r.GBs.Median), number(r.Roof.Median), number(r.Fraction.Median), number(r.Speedup.Median), number(r.LivePerUnknown), number(r.PeakPerUnknown), whole(r.Time.N), r.Error})
	}
	out.Flush()
	return out.Error() // the first error of all writes
}
