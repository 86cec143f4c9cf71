package bench

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// axes sets ranges, scales and ticks, after all series have been added.
func (c *Chart) axes(p *plot.Plot) {
	if c.FromZero && !c.LogY {
		p.Y.Min = min(p.Y.Min, 0)
	}
	for _, a := range []struct {
		*plot.Axis
		log   bool
		ticks []float64
	}{{&p.X, c.LogX, c.XTicks}, {&p.Y, c.LogY, nil}} {
		a.Tick.Marker = plot.TickerFunc(linearTicks)
		if a.log {
			a.Scale, a.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
		}
		if a.log { // a grid of 9998244 nodes is to have the label 1e7
			a.Min, a.Max = min(a.Min, nearPower(a.Min)), max(a.Max, nearPower(a.Max))
		}
		switch wide := a.Max > a.Min*(1+1e-9); {
		case a.log && !wide:
			a.Min, a.Max = a.Min/1.5, a.Max*1.5
		case !a.log && a.Max == a.Min:
			d := math.Abs(a.Min) / 2
			if d == 0 {
				d = 1
			}
			a.Min, a.Max = a.Min-d, a.Max+d
		}
		if a.ticks != nil {
			var marks plot.ConstantTicks
			for _, v := range a.ticks {
				marks = append(marks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 6, 64)})
			}
			a.Tick.Marker = marks
		}
	}
}

// nearPower returns the power of ten that is within 3 % of x, or x.
func nearPower(x float64) float64 {
	if p := math.Pow(10, math.Round(math.Log10(x))); math.Abs(x/p-1) < 0.03 {
		return p
	}
	return x
}

// linearTicks are at multiples of 1, 2 or 5 times a power of ten, about five of
// them, with plain labels.
func linearTicks(lo, hi float64) (ticks []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/4)))
	for _, f := range []float64{1, 2, 5, 10} {
		if (hi-lo)/(step*f) <= 6 {
			step *= f
			break
		}
	}
	if !(step > 0) || math.IsInf(step, 0) {
		return plot.DefaultTicks{}.Ticks(lo, hi)
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	for k := math.Ceil(lo/step - 1e-9); k*step <= hi+1e-9*step; k++ {
		v := k*step + 0 // not −0
		label := strconv.FormatFloat(v, 'f', digits, 64)
		if len(label) > 7 {
			label = strconv.FormatFloat(v, 'g', 4, 64)
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: label})
	}
	return ticks
}

// logTicks marks powers of ten; within less than two of them, 1, 2 and 5 times
// the powers too; and hardly any range at all as a linear axis does.
func logTicks(lo, hi float64) (ticks []plot.Tick) {
	decades := math.Log10(hi / lo)
	if decades < 0.5 {
		return linearTicks(lo, hi)
	}
	first, last := int(math.Floor(math.Log10(lo)+1e-9)), int(math.Ceil(math.Log10(hi)-1e-9))
	every := 1 + int(decades)/9
	plain := first >= -4 && last <= 4
	for e := first; e <= last; e++ {
		for m := 1; m <= 9; m++ {
			v := float64(m) * math.Pow(10, float64(e))
			if v < lo*(1-1e-9) || v > hi*(1+1e-9) {
				continue
			}
			label := ""
			switch {
			case m == 1 && (e-first)%every == 0, decades < 2 && (m == 2 || m == 5):
				label = powerLabel(m, e, plain)
			case m > 1 && every > 1:
				continue
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label})
		}
	}
	return ticks
}

// powerLabel writes m·10^e, without superscripts: the font has not all of them.
func powerLabel(m, e int, plain bool) string {
	if plain {
		return strconv.FormatFloat(float64(m)*math.Pow(10, float64(e)), 'g', 6, 64)
	}
	return strconv.Itoa(m) + "e" + strconv.Itoa(e)
}
