package bench

import (
	"fmt"
	"math"
)

// A Measurement is what was measured of one cell. It stands in records and
// reports as it is; what follows from it by arithmetic is a [Row].
type Measurement struct {
	Cell Cell `json:"cell"`
	// Unknowns and Parameters are n_y and n_w as they are, Nonzeros the stored
	// entries of the matrix, zero if there is none.
	Unknowns   int   `json:"unknowns"`
	Parameters int   `json:"parameters,omitempty"`
	Nonzeros   int64 `json:"nonzeros,omitempty"`

	// Status is that of the solve and Error says in one line why the cell
	// failed; it is empty if the solve converged.
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
	// Method is the one that solved, with its parameters.
	Method string `json:"method,omitempty"`
	// Iterations are those of the solve, the most of any right-hand side;
	// Products count the sweeps over the operator.
	Iterations int `json:"iterations"`
	Products   int `json:"products"`
	// Bytes is the memory traffic of one solve by the model of [hvp.ProductTraffic]; zero
	// if it is not known.
	Bytes int64 `json:"bytes,omitempty"`

	// Setup is the time that it took to make the system, for a hypergradient
	// with the inner solve. Seconds are those of each round and Solve the parts
	// of them in the linear solve.
	Setup   float64   `json:"setup_seconds"`
	Seconds []float64 `json:"seconds"`
	Solve   []float64 `json:"solve_seconds"`
	// Dot and Triad are the bandwidths in 10⁹ bytes per second that the kernels
	// of [Bandwidth] reached in the same rounds on as many workers.
	Dot   []float64 `json:"dot_gb_per_s,omitempty"`
	Triad []float64 `json:"triad_gb_per_s,omitempty"`

	// Live is the memory that the system and the workspace of its solver keep,
	// Peak the most that was taken while they were made and used first, what
	// waited for collection included. Both are measured, in bytes; zero where
	// no more was taken than other cells had left behind.
	Live int64 `json:"live_bytes"`
	Peak int64 `json:"peak_bytes"`
}

// Converged says whether the numbers are those of a solved system.
func (m *Measurement) Converged() bool { return m.Error == "" }

// roof returns the larger bandwidth of each round.
func (m *Measurement) roof() []float64 {
	roof := make([]float64, len(m.Dot))
	for k := range roof {
		roof[k] = max(m.Dot[k], m.Triad[k])
	}
	return roof
}

// check refuses what cannot have been measured.
func (m *Measurement) check(rounds int) error {
	if m.Unknowns < 0 || m.Parameters < 0 || m.Nonzeros < 0 || m.Iterations < 0 || m.Products < 0 || m.Bytes < 0 || m.Live < 0 || m.Peak < 0 || !(m.Setup >= 0) {
		return fmt.Errorf("cell %v: a negative number", m.Cell)
	}
	want := rounds
	if !m.Converged() {
		want = 0
	}
	roof := want
	if m.Dot == nil && m.Triad == nil {
		roof = 0 // no bandwidth was measured
	}
	for _, v := range []struct {
		name   string
		values []float64
		want   int
	}{{"seconds", m.Seconds, want}, {"solve_seconds", m.Solve, want}, {"dot_gb_per_s", m.Dot, roof}, {"triad_gb_per_s", m.Triad, roof}} {
		if len(v.values) != v.want {
			return fmt.Errorf("cell %v: %d %s of %d rounds", m.Cell, len(v.values), v.name, v.want)
		}
		for _, x := range v.values {
			if !(x > 0) || math.IsInf(x, 0) {
				return fmt.Errorf("cell %v: %s of %v", m.Cell, v.name, x)
			}
		}
	}
	if m.Converged() && m.Unknowns == 0 {
		return fmt.Errorf("cell %v: no unknowns", m.Cell)
	}
	return nil
}

// A Row is a measurement with what follows from it.
type Row struct {
	Measurement
	// Time is that of the whole job, in seconds, and SolveTime that of the
	// linear solve.
	Time      Summary `json:"time"`
	SolveTime Summary `json:"solve_time"`
	// PerIteration is in seconds, and NsPerUnknown in nanoseconds per
	// iteration, unknown and right-hand side; zero without iterations.
	PerIteration float64 `json:"seconds_per_iteration"`
	NsPerUnknown float64 `json:"ns_per_unknown_iteration"`
	// GBs is the traffic of the model over the time of the solve, in 10⁹ bytes
	// per second; Roof is the larger of the two bandwidths on as many workers,
	// and Fraction their ratio, taken round by round. N is zero if the traffic
	// is not known. A fraction above 1 means that caches served.
	GBs      Summary `json:"gb_per_s"`
	Roof     Summary `json:"roof_gb_per_s"`
	Fraction Summary `json:"fraction_of_roof"`
	// Speedup is against the first cell of the same variant and study, round by
	// round; for weak scaling it is the ratio of times per iteration, which is
	// 1 at best.
	Speedup Summary `json:"speedup"`
	// LivePerUnknown and PeakPerUnknown are in bytes.
	LivePerUnknown float64 `json:"live_bytes_per_unknown"`
	PeakPerUnknown float64 `json:"peak_bytes_per_unknown"`
}

// Rows derives what follows from the measurements, in the same order.
func Rows(ms []Measurement) []Row {
	rows := make([]Row, len(ms))
	type series struct{ study, variant string }
	first := map[series]*Measurement{}
	for i := range ms {
		m := &ms[i]
		r := &rows[i]
		r.Measurement = *m
		if !m.Converged() {
			continue
		}
		r.Time, r.SolveTime = Summarize(m.Seconds), Summarize(m.Solve)
		work := float64(m.Iterations)
		if work > 0 {
			r.PerIteration = r.SolveTime.Median / work
			r.NsPerUnknown = 1e9 * r.PerIteration / float64(m.Unknowns) / float64(max(1, m.Cell.RHS))
		}
		roof := m.roof()
		r.Roof = Summarize(roof)
		if m.Bytes > 0 {
			speed, fraction := make([]float64, len(m.Solve)), make([]float64, len(roof))
			for k, t := range m.Solve {
				speed[k] = float64(m.Bytes) / 1e9 / t
				fraction[k] = speed[k] / roof[k]
			}
			r.GBs, r.Fraction = Summarize(speed), Summarize(fraction)
		}
		r.LivePerUnknown = float64(m.Live) / float64(m.Unknowns)
		r.PeakPerUnknown = float64(m.Peak) / float64(m.Unknowns)

		key := series{m.Cell.Study, m.Cell.Variant()}
		base := first[key]
		if base == nil {
			first[key], base = m, m
		}
		a, b := base.Seconds, m.Seconds
		scale := 1.0
		if m.Cell.Study == "weak" {
			a, b = base.Solve, m.Solve
			if m.Iterations > 0 && base.Iterations > 0 {
				scale = work / float64(base.Iterations)
			}
		}
		ratios := make([]float64, len(b))
		for k := range b {
			ratios[k] = scale * a[k] / b[k]
		}
		r.Speedup = Summarize(ratios)
	}
	return rows
}
