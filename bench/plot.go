package bench

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/hgsolve/hgsolve/internal/formats"
)

// A Chart is a picture of some series over two axes, in the style of the house.
// The zero values of what is not wanted work; at least one series is needed.
type Chart struct {
	Title, XLabel, YLabel string
	// LogX and LogY ask for logarithmic axes: all numbers must be positive.
	LogX, LogY bool
	// XTicks are the values marked on the x axis, such as the numbers of
	// workers; nil means that they are chosen.
	XTicks []float64
	// FromZero begins the y axis at zero, if it is not logarithmic.
	FromZero bool
	Series   []Series
	// Width and Height are in points, 1/72 inch; zero means 432 and 288.
	Width, Height float64
}

// A Series is a named set of points of a [Chart].
type Series struct {
	// Name stands in the legend; empty: not there.
	Name string
	// X and Y have the same length, at least 1; all numbers are finite.
	X, Y []float64
	// Low and High are the ends of the error bars, such as the quartiles of
	// a [Summary]. Nil means none.
	Low, High []float64
	Style     SeriesStyle
	// Color is 0 for the next one of the palette, k > 0 for the k-th and Grey
	// for what is there for comparison only.
	Color int
}

// SeriesStyle says how a series is drawn.
type SeriesStyle int

// Styles of series.
const (
	LineMarkers SeriesStyle = iota // markers joined by a line
	Line
	Dashed
	Dotted
	Markers
)

// Grey is the Color of lines that are there for comparison.
const Grey = -1

// palette is that of Okabe and Ito (2008): told apart by the colour-blind too,
// and readable on light and dark ground.
var palette = []color.RGBA{
	{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff},
	{0xcc, 0x79, 0xa7, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff},
}

// Ink is the colour of text and axes; in a picture that is part of a page it
// becomes that of the text around it.
var (
	ink  = color.RGBA{0x22, 0x22, 0x22, 0xff}
	grey = color.RGBA{0x8c, 0x8c, 0x8c, 0xff}
)

var markers = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}}

// PictureFormat returns the format that a picture of this name is written in:
// svg or png.
func PictureFormat(path string) (string, error) {
	switch ext := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), ".")); ext {
	case "svg", "png":
		return ext, nil
	}
	return "", fmt.Errorf("%s: the name of a picture ends in .svg or .png", path)
}

// Save writes the chart to a file, all or nothing, in the format that its name
// ends in. See [PictureFormat].
func (c *Chart) Save(path string) error { return SaveCharts(path, 1, c) }

// SVG writes the chart as an element of an HTML page: without background, in the
// colour of the text around it, as wide as there is room.
func (c *Chart) SVG(w io.Writer) error {
	var b bytes.Buffer
	if err := encodeCharts(&b, "svg", nil, 1, c); err != nil {
		return err
	}
	s := b.Bytes()
	s = s[bytes.Index(s, []byte("<svg")):]
	s = svgSize.ReplaceAll(s, []byte("<svg "))
	s = bytes.ReplaceAll(s, []byte(hex(ink)), []byte("currentColor"))
	s = bytes.ReplaceAll(s, []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif"))
	_, err := w.Write(s)
	return err
}

var svgSize = regexp.MustCompile(`<svg width="[^"]*" height="[^"]*" `)

func hex(c color.RGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }

// SaveCharts writes several charts as one picture with so many columns, all or
// nothing.
func SaveCharts(path string, columns int, charts ...*Chart) error {
	format, err := PictureFormat(path)
	if err != nil {
		return err
	}
	return formats.WriteFile(path, func(w io.Writer) error { return encodeCharts(w, format, color.White, columns, charts...) })
}

// encodeCharts draws the charts on a grid; a nil background is transparent.
func encodeCharts(w io.Writer, format string, background color.Color, columns int, charts ...*Chart) error {
	if len(charts) == 0 || columns < 1 {
		return fmt.Errorf("bench: picture of %d charts in %d columns", len(charts), columns)
	}
	columns = min(columns, len(charts))
	var width, height vg.Length
	for _, c := range charts {
		if err := c.check(); err != nil {
			return err
		}
		cw, ch := c.size()
		width, height = max(width, cw), max(height, ch)
	}
	rows := (len(charts) + columns - 1) / columns
	total, tall := width*vg.Length(columns), height*vg.Length(rows)
	var canvas vg.CanvasWriterTo
	if format == "png" {
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(total, tall), vgimg.UseDPI(160))}
	} else {
		var err error
		if canvas, err = draw.NewFormattedCanvas(total, tall, format); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	whole := draw.New(canvas)
	if background != nil {
		whole.SetColor(background)
		whole.Fill(whole.Rectangle.Path())
	}
	for k, c := range charts {
		x, y := vg.Length(k%columns)*width, vg.Length(k/columns)*height
		c.draw(draw.Crop(whole, x, x+width-total, tall-y-height, -y))
	}
	_, err := canvas.WriteTo(w)
	return err
}

func (c *Chart) size() (w, h vg.Length) {
	w, h = vg.Length(c.Width), vg.Length(c.Height)
	if w == 0 {
		w = 432
	}
	if h == 0 {
		h = 288
	}
	return w, h
}

// check refuses what cannot be drawn.
func (c *Chart) check() error {
	fail := func(s *Series, format string, args ...any) error {
		return fmt.Errorf("bench: chart %q: series %q: %s", c.Title, s.Name, fmt.Sprintf(format, args...))
	}
	if len(c.Series) == 0 {
		return fmt.Errorf("bench: chart %q has no series", c.Title)
	}
	if c.Width < 0 || c.Height < 0 {
		return fmt.Errorf("bench: chart %q of %v×%v points", c.Title, c.Width, c.Height)
	}
	for i := range c.Series {
		s := &c.Series[i]
		if len(s.X) == 0 || len(s.X) != len(s.Y) || s.Low != nil && len(s.Low) != len(s.X) || len(s.Low) != len(s.High) {
			return fail(s, "lengths %d, %d, %d and %d of X, Y, Low and High", len(s.X), len(s.Y), len(s.Low), len(s.High))
		}
		if s.Color < Grey || s.Style < LineMarkers || s.Style > Markers {
			return fail(s, "no color %d or style %d", s.Color, s.Style)
		}
		for _, v := range [][]float64{s.X, s.Y, s.Low, s.High} {
			for _, x := range v {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					return fail(s, "value %v", x)
				}
			}
		}
		if c.LogX && slices.Min(s.X) <= 0 {
			return fail(s, "%v on a logarithmic axis", slices.Min(s.X))
		}
		if y := slices.Min(append(slices.Clone(s.Low), s.Y...)); c.LogY && y <= 0 {
			return fail(s, "%v on a logarithmic axis", y)
		}
	}
	return nil
}

// textStyle is the style of the house for text.
func textStyle(size float64, bold bool) text.Style {
	s := text.Style{Color: ink, Font: plot.DefaultFont, Handler: plot.DefaultTextHandler}
	s.Font.Variant, s.Font.Size = "Sans", vg.Length(size)
	if bold {
		s.Font.Weight = font.WeightBold
	}
	return s
}

// draw draws title, legend and plot from top to bottom.
func (c *Chart) draw(dc draw.Canvas) {
	dc = draw.Crop(dc, 10, -14, 8, -10)
	title := textStyle(11.5, true)
	title.YAlign = draw.YTop
	for _, line := range wrap(c.Title, func(s string) bool { return title.Width(s) <= dc.Max.X-dc.Min.X }) {
		dc.FillText(title, vg.Point{X: dc.Min.X, Y: dc.Max.Y}, line)
		dc.Max.Y -= 15
	}
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		label, tick := textStyle(10, false), textStyle(9, false)
		label.XAlign, label.YAlign = a.Label.TextStyle.XAlign, a.Label.TextStyle.YAlign
		tick.XAlign, tick.YAlign = a.Tick.Label.XAlign, a.Tick.Label.YAlign
		a.Label.TextStyle, a.Tick.Label = label, tick
		a.Label.Padding, a.Tick.Length = 3, 5
		a.Color, a.Tick.Color = ink, ink
	}
	p.X.Label.Text, p.Y.Label.Text = c.XLabel, c.YLabel
	legend := &legend{canvas: &dc, x: dc.Min.X, style: textStyle(9, false)}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.NRGBA{0x80, 0x80, 0x80, 0x48}, nil
	grid.Horizontal.Width = 0.5
	p.Add(grid)
	next := 0
	for i := range c.Series {
		s := &c.Series[i]
		col, mark := color.RGBA(grey), 0
		if s.Color != Grey {
			mark = s.Color - 1
			if s.Color == 0 {
				mark = next
				next++
			}
			mark %= len(palette)
			col = palette[mark]
		}
		legend.add(s.Name, s.addTo(p, col, markers[mark]))
	}
	legend.end()
	c.axes(p)
	p.Draw(dc)
}

// addTo adds the series to a plot and returns what stands for it in a legend.
func (s *Series) addTo(p *plot.Plot, col color.Color, mark draw.GlyphDrawer) (thumbs []plot.Thumbnailer) {
	xys := make(plotter.XYs, len(s.X))
	for i := range xys {
		xys[i] = plotter.XY{X: s.X[i], Y: s.Y[i]}
	}
	if s.Low != nil {
		errs := make(plotter.YErrors, len(s.X))
		for i := range errs {
			errs[i].Low, errs[i].High = s.Low[i]-s.Y[i], s.High[i]-s.Y[i]
		}
		// The numbers have been checked: there is nothing to fail.
		if bars, err := plotter.NewYErrorBars(struct {
			plotter.XYer
			plotter.YErrorer
		}{xys, errs}); err == nil {
			bars.Color, bars.Width, bars.CapWidth = col, 0.8, 5
			p.Add(bars)
		}
	}
	if s.Style != Markers {
		if line, err := plotter.NewLine(xys); err == nil {
			line.Color, line.Width = col, 1.4
			switch s.Style {
			case Dashed:
				line.Dashes = []vg.Length{5, 3}
			case Dotted:
				line.Dashes = []vg.Length{1.5, 2.5}
			}
			p.Add(line)
			thumbs = append(thumbs, line)
		}
	}
	if s.Style == Markers || s.Style == LineMarkers {
		if dots, err := plotter.NewScatter(xys); err == nil {
			dots.Color, dots.Radius, dots.Shape = col, 2.8, mark
			p.Add(dots)
			thumbs = append(thumbs, dots)
		}
	}
	return thumbs
}

// legend is a row of names below the title, or several rows.
type legend struct {
	canvas *draw.Canvas
	x      vg.Length
	style  text.Style
	any    bool
}

const legendRow, thumbWidth = 14, 20

func (l *legend) add(name string, thumbs []plot.Thumbnailer) {
	if name == "" {
		return
	}
	c := l.canvas
	wide := thumbWidth + 5 + l.style.Width(name)
	if l.any && l.x+wide > c.Max.X {
		c.Max.Y -= legendRow
		l.x = c.Min.X
	}
	box := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
		Min: vg.Point{X: l.x, Y: c.Max.Y - legendRow + 3}, Max: vg.Point{X: l.x + thumbWidth, Y: c.Max.Y - 1},
	}}
	for _, t := range thumbs {
		t.Thumbnail(&box)
	}
	style := l.style
	style.YAlign = draw.YCenter
	c.FillText(style, vg.Point{X: l.x + thumbWidth + 5, Y: (box.Min.Y + box.Max.Y) / 2}, name)
	l.x += wide + 14
	l.any = true
}

func (l *legend) end() {
	if l.any {
		l.canvas.Max.Y -= legendRow
	}
	l.canvas.Max.Y -= 5
}

// wrap breaks text between words so that each line fits.
func wrap(text string, fits func(string) bool) (lines []string) {
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last >= 0 && fits(lines[last]+" "+word) {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}
