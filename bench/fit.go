package bench

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// A PowerLaw is y = Factor·x^Exponent.
type PowerLaw struct {
	Factor   float64 `json:"factor"`
	Exponent float64 `json:"exponent"`
	// StdErr is the standard error of the exponent; zero with two points.
	StdErr float64 `json:"std_err"`
	Points int     `json:"points"`
}

// At returns the value at x.
func (p PowerLaw) At(x float64) float64 { return p.Factor * math.Pow(x, p.Exponent) }

// FitPowerLaw fits a power law by least squares on the log scale. All numbers
// are positive; ok is false with fewer than two different x.
func FitPowerLaw(x, y []float64) (fit PowerLaw, ok bool) {
	if len(x) != len(y) || len(x) < 2 || slices.Min(x) == slices.Max(x) || !(slices.Min(x) > 0) || !(slices.Min(y) > 0) {
		return fit, false
	}
	lx, ly := make([]float64, len(x)), make([]float64, len(y))
	for i := range x {
		lx[i], ly[i] = math.Log(x[i]), math.Log(y[i])
	}
	a, b := stat.LinearRegression(lx, ly, nil, false)
	fit = PowerLaw{Factor: math.Exp(a), Exponent: b, Points: len(x)}
	if n := len(x); n > 2 {
		mean, rest, spread := stat.Mean(lx, nil), 0.0, 0.0
		for i := range lx {
			d := ly[i] - a - b*lx[i]
			rest += d * d
			spread += (lx[i] - mean) * (lx[i] - mean)
		}
		fit.StdErr = math.Sqrt(rest / float64(n-2) / spread)
	}
	return fit, !math.IsNaN(b) && !math.IsInf(fit.Factor, 0)
}

// FitAmdahl returns the fraction f of the work that more workers do not make
// faster, by least squares of t(p)/t(1) = f + (1−f)/p over all p > 1 (Amdahl,
// AFIPS 1967, doi:10.1145/1465482.1465560). The first of workers is 1; ok is
// false without any other. For code that is bound by memory f stands for the bus.
func FitAmdahl(workers []int, seconds []float64) (f float64, ok bool) {
	if len(workers) != len(seconds) || len(workers) < 2 || workers[0] != 1 || !(seconds[0] > 0) {
		return 0, false
	}
	num, den := 0.0, 0.0
	for i := 1; i < len(workers); i++ {
		inv := 1 / float64(workers[i])
		num += (seconds[i]/seconds[0] - inv) * (1 - inv)
		den += (1 - inv) * (1 - inv)
	}
	if den == 0 {
		return 0, false
	}
	return min(1, max(0, num/den)), true
}
