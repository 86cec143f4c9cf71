package parallel

import "testing"

func TestOverlap(t *testing.T) {
	a, b := make([]float64, 10), make([]float64, 10)
	for _, c := range []struct {
		name string
		x, y []float64
		want bool
	}{
		{"same", a, a, true},
		{"others", a, b, false},
		{"one element", a[:5], a[4:], true},
		{"neighbours", a[:5], a[5:], false},
		{"inside", a, a[3:4], true},
		{"empty inside", a, a[3:3], false},
		{"nil", nil, a, false},
	} {
		if Overlap(c.x, c.y) != c.want || Overlap(c.y, c.x) != c.want {
			t.Errorf("%s: %v, want %v", c.name, !c.want, c.want)
		}
	}
}
