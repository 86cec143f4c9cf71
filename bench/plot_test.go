package bench_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/bench"
)

// picture is a chart with all kinds of series.
func picture() *bench.Chart {
	return &bench.Chart{
		Title:  "Time against size & more <text> than fits into one line of a picture of the usual width, that is",
		XLabel: "unknowns n", YLabel: "seconds", LogX: true, LogY: true,
		Series: []bench.Series{
			{Name: "cg", X: []float64{1e4, 1e5, 999e3}, Y: []float64{1e-3, 2e-2, 0.4}, Low: []float64{0.9e-3, 1.5e-2, 0.3}, High: []float64{1.2e-3, 3e-2, 0.5}},
			{Name: "fit", X: []float64{1e4, 999e3}, Y: []float64{1e-3, 0.4}, Style: bench.Dashed, Color: 1},
			{X: []float64{1e4, 999e3}, Y: []float64{1e-3, 0.1}, Style: bench.Dotted, Color: bench.Grey},
			{Name: "one point", X: []float64{3e5}, Y: []float64{1}, Style: bench.Markers},
			{Name: "a line", X: []float64{1e4, 999e3}, Y: []float64{1, 1}, Style: bench.Line},
		},
	}
}

func TestChartSave(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.png")
	if err := bench.SaveCharts(path, 2, picture(), picture(), picture()); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// 2×2 fields of 432×288 points at 160 dots per inch.
	if im, err := png.Decode(f); err != nil || im.Bounds().Dx() != 1920 || im.Bounds().Dy() != 1280 {
		t.Errorf("picture %v, %v", im.Bounds(), err)
	}
	path = filepath.Join(dir, "a.svg")
	if err := picture().Save(path); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	wellFormed(t, text)
	for _, want := range []string{">cg<", ">one point<", ">unknowns n<", ">seconds<", ">1e4<", ">1e6<", ">0.001<", "&lt;text&gt;"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %q in the picture", want)
		}
	}
	var b bytes.Buffer
	if err := picture().SVG(&b); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, b.Bytes())
	if s := b.String(); !strings.HasPrefix(s, "<svg ") || strings.Contains(s, " width=") || !strings.Contains(s, "currentColor") || strings.Contains(s, "#FFFFFF") {
		t.Errorf("element of a page:\n%.400s", s)
	}
}

// wellFormed says whether text is XML.
func wellFormed(t *testing.T, text []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Error(err)
			return
		}
	}
}

// TestChartRanges: ranges of no width, tiny, huge and across zero are drawn.
func TestChartRanges(t *testing.T) {
	for _, y := range [][]float64{{0, 0}, {5, 5}, {-1, 1}, {1e-300, 2e-300}, {1e300, 1.5e300}, {1, 1 + 1e-12}, {-3, -3}, {1e-12, 1e12}} {
		for _, log := range []bool{false, true} {
			c := &bench.Chart{Title: "t", FromZero: true, LogY: log, XTicks: []float64{1, 2}, Series: []bench.Series{{X: []float64{1, 2}, Y: y}}}
			var b bytes.Buffer
			err := c.SVG(&b)
			if positive := y[0] > 0; log && !positive {
				if err == nil {
					t.Errorf("%v on a logarithmic axis", y)
				}
				continue
			}
			if err != nil || strings.Contains(b.String(), "NaN") || !strings.Contains(b.String(), ">2<") {
				t.Errorf("%v, log %v: %v", y, log, err)
			}
		}
	}
}

func TestChartBadInput(t *testing.T) {
	dir := t.TempDir()
	one := []float64{1}
	for _, c := range []struct {
		chart bench.Chart
		want  string
	}{
		{bench.Chart{Title: "t"}, `chart "t" has no series`},
		{bench.Chart{Width: -1, Series: []bench.Series{{X: one, Y: one}}}, "of -1×0 points"},
		{bench.Chart{Series: []bench.Series{{Name: "s"}}}, `series "s": lengths 0, 0, 0 and 0`},
		{bench.Chart{Series: []bench.Series{{X: one, Y: []float64{1, 2}}}}, "lengths 1, 2"},
		{bench.Chart{Series: []bench.Series{{X: one, Y: one, Low: one}}}, "lengths 1, 1, 1 and 0"},
		{bench.Chart{Series: []bench.Series{{X: one, Y: []float64{math.NaN()}}}}, "value NaN"},
		{bench.Chart{Series: []bench.Series{{X: one, Y: one, Low: one, High: []float64{math.Inf(1)}}}}, "value +Inf"},
		{bench.Chart{LogX: true, Series: []bench.Series{{X: []float64{0}, Y: one}}}, "0 on a logarithmic axis"},
		{bench.Chart{LogY: true, Series: []bench.Series{{X: one, Y: one, Low: []float64{-1}, High: one}}}, "-1 on a logarithmic axis"},
		{bench.Chart{Series: []bench.Series{{X: one, Y: one, Style: 9}}}, "style 9"},
		{bench.Chart{Series: []bench.Series{{X: one, Y: one, Color: -2}}}, "color -2"},
	} {
		path := filepath.Join(dir, "x.png")
		if err := c.chart.Save(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.chart, err, c.want)
		}
	}
	for _, path := range []string{"x.pdf", "x", "svg"} {
		if err := picture().Save(filepath.Join(dir, path)); err == nil || !strings.Contains(err.Error(), "ends in .svg or .png") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := bench.SaveCharts(filepath.Join(dir, "x.svg"), 0, picture()); err == nil {
		t.Error("no columns")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left %v behind", left)
	}
}
