package bench

import (
	"fmt"
	"slices"
)

// A Forecast says what other machines would do with one variant, by the roofline
// model (Williams, Waterman & Patterson, CACM 52, 2009,
// doi:10.1145/1498765.1498785): the time of a solve is in proportion to the larger
// of
//
//	T₁/P       its time on one worker, shared among P
//	bytes/B    its memory traffic at the bandwidth B
//
// with the factor that makes this the measured time on the measured machine. T₁
// is itself bound by what one core draws from memory, so that forecasts for more
// cores are cautious ones.
type Forecast struct {
	// Base is the cell that the forecast starts from: the largest on the most
	// workers; Unknowns and Seconds are its size and the time of its solve.
	Base     Cell    `json:"base"`
	Unknowns int     `json:"unknowns"`
	Seconds  float64 `json:"solve_seconds"`
	// Fraction of the measured bandwidth that it reaches.
	Fraction float64 `json:"fraction_of_roof"`
	// Single is T₁, measured or, if OneWorker is false, taken as P times
	// Seconds.
	Single    float64 `json:"one_worker_seconds"`
	OneWorker bool    `json:"one_worker_measured"`
	// Cases are empty if the traffic is not known.
	Cases []ForecastCase `json:"cases"`

	// LivePerUnknown and PeakPerUnknown are measured, in bytes. MaxUnknowns is
	// where the peak would take all memory of the machine; zero if either is
	// not known. MaxSeconds is the time there by the fit of the study of size,
	// zero without.
	LivePerUnknown float64 `json:"live_bytes_per_unknown"`
	PeakPerUnknown float64 `json:"peak_bytes_per_unknown"`
	MaxUnknowns    float64 `json:"max_unknowns"`
	MaxSeconds     float64 `json:"max_seconds"`

	// Notes tell what limits the forecast, one line each.
	Notes []string `json:"notes,omitempty"`
}

// ForecastCase is a machine with so many times the cores and the bandwidth.
type ForecastCase struct {
	Cores    float64 `json:"cores"`
	Channels float64 `json:"channels"`
	Seconds  float64 `json:"solve_seconds"`
	Speedup  float64 `json:"speedup"`
	// Bound is what limits it: memory or cores.
	Bound string `json:"bound"`
}

// Predict returns a forecast for each variant that was measured with growing n or
// workers.
func Predict(rows []Row, m Machine) (forecasts []Forecast) {
	var variants []string
	of := map[string][]*Row{}
	for i := range rows {
		r := &rows[i]
		if s := r.Cell.Study; !r.Converged() || s != "strong" && s != "weak" && s != "size" {
			continue
		}
		v := r.Cell.Variant()
		if of[v] == nil {
			variants = append(variants, v)
		}
		of[v] = append(of[v], r)
	}
	for _, v := range variants {
		forecasts = append(forecasts, predict(of[v], m))
	}
	return forecasts
}

func predict(rows []*Row, m Machine) Forecast {
	base := slices.MaxFunc(rows, func(a, b *Row) int {
		if a.Unknowns != b.Unknowns {
			return a.Unknowns - b.Unknowns
		}
		return a.Cell.Workers - b.Cell.Workers
	})
	p := base.Cell.Workers
	f := Forecast{Base: base.Cell, Unknowns: base.Unknowns, Seconds: base.SolveTime.Median, Fraction: base.Fraction.Median,
		LivePerUnknown: base.LivePerUnknown, PeakPerUnknown: base.PeakPerUnknown}
	note := func(format string, args ...any) { f.Notes = append(f.Notes, fmt.Sprintf(format, args...)) }

	f.Single = f.Seconds * float64(p)
	single := 0                // unknowns of the cell on one worker
	roofs := map[int]float64{} // workers → bandwidth
	var sizes, seconds []float64
	for _, r := range rows {
		roofs[r.Cell.Workers] = max(roofs[r.Cell.Workers], r.Roof.Median)
		if r.Cell.Workers == 1 && r.Unknowns >= single && r.Iterations > 0 && base.Iterations > 0 {
			// The nearest in size, scaled to that of the base.
			single = r.Unknowns
			f.Single = r.PerIteration / float64(r.Unknowns) * float64(base.Unknowns) * float64(base.Iterations)
			f.OneWorker = true
		}
		if r.Cell.Study == "size" {
			sizes, seconds = append(sizes, float64(r.Unknowns)), append(seconds, r.Time.Median)
		}
	}
	best := 0.0
	for _, b := range roofs {
		best = max(best, b)
	}
	switch {
	case base.Bytes == 0:
		note("the memory traffic of this operator is not known: no forecast for other machines")
	case best == 0:
		note("no bandwidth was measured: no forecast for other machines")
	default:
		if !f.OneWorker && p > 1 {
			note("not measured on one worker: its work is taken as %d times that on %d workers", p, p)
		}
		if half := roofs[p/2]; p > 1 && half > 0 && roofs[p] > 1.2*half {
			note("the bandwidth still grows from %d to %d workers (%.1f to %.1f GB/s): more cores on this memory may give more than said", p/2, p, half, roofs[p])
		}
		if f.Fraction > 1 {
			note("caches serve this size: its traffic is less than the model says")
		}
		byCores, byMemory := f.Single/float64(p), float64(base.Bytes)/1e9/best
		now := max(byCores, byMemory)
		for _, c := range [][2]float64{{2, 1}, {4, 1}, {1, 2}, {2, 2}, {4, 4}} {
			k := ForecastCase{Cores: c[0], Channels: c[1], Bound: "cores"}
			then := byCores / c[0]
			if m := byMemory / c[1]; m > then {
				then, k.Bound = m, "memory"
			}
			k.Speedup = now / then
			k.Seconds = f.Seconds / k.Speedup
			f.Cases = append(f.Cases, k)
		}
	}
	if m.MemoryGiB > 0 && f.PeakPerUnknown > 0 {
		f.MaxUnknowns = m.MemoryGiB * (1 << 30) / f.PeakPerUnknown
		if fit, ok := FitPowerLaw(sizes, seconds); ok {
			f.MaxSeconds = fit.At(f.MaxUnknowns)
		}
	}
	return f
}
