package bench

import (
	"bytes"
	_ "embed" // the page
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A Report is a run with all that follows from it.
type Report struct {
	RecordHeader
	Rows      []Row      `json:"rows"`
	Forecasts []Forecast `json:"forecasts,omitempty"`
}

// ReportFormat names the format of reports.
const ReportFormat = "hgbench scale report 1"

// NewReport returns the report of a run; predict says to make forecasts.
func NewReport(h RecordHeader, ms []Measurement, predict bool) *Report {
	r := &Report{RecordHeader: h, Rows: Rows(ms)}
	r.Format = ReportFormat
	if predict {
		r.Forecasts = Predict(r.Rows, h.Machine)
	}
	return r
}

// ReadMeasurements reads the measurements from a record or from the JSON of a
// [Report].
func ReadMeasurements(path string) (ms []Measurement, err error) {
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeDevice != 0 {
		return nil, fmt.Errorf("%s: is a device", path) // which may have no end
	}
	text, err := os.ReadFile(path)
	if err != nil {
		if e, is := errors.AsType[*fs.PathError](err); is {
			err = e.Err // the file is named once
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("%s: empty file", path)
	}
	h, ms, _, err := ParseRecord(text, path)
	if err != nil {
		var rep struct {
			Format string        `json:"record"`
			Plan   Plan          `json:"plan"`
			Rows   []Measurement `json:"rows"`
		}
		if json.Unmarshal(text, &rep) != nil || rep.Format != ReportFormat {
			if bytes.HasPrefix(text, recordStart) {
				return nil, err
			}
			return nil, fmt.Errorf("%s: neither a record nor a JSON report of hgbench scale", path)
		}
		seen := map[Cell]bool{}
		for i := range rep.Rows {
			m := &rep.Rows[i]
			if err := m.check(rep.Plan.Rounds); err != nil {
				return nil, fmt.Errorf("%s: row %d: %w", path, i, err)
			}
			if seen[m.Cell] {
				return nil, fmt.Errorf("%s: row %d: cell %v for the second time", path, i, m.Cell)
			}
			seen[m.Cell] = true
		}
		ms = rep.Rows
	} else if h == nil {
		return nil, fmt.Errorf("%s:1: torn line", path)
	}
	if len(ms) == 0 {
		return nil, fmt.Errorf("%s: no measurements", path)
	}
	return ms, nil
}

// Findings says in a sentence or two per study what came out.
func (r *Report) Findings() (lines []string) {
	for _, k := range kinds {
		v := view{kind: k}
		for i := range r.Rows {
			row := &r.Rows[i]
			if row.Cell.Study == k.Name && row.Converged() {
				v.rows = append(v.rows, row)
				if name := row.Cell.Variant(); !slices.Contains(v.variants, name) {
					v.variants = append(v.variants, name)
				}
			}
		}
		for _, name := range v.variants {
			rows := v.of(name)
			if len(rows) < 2 {
				continue
			}
			a, b := rows[0], rows[len(rows)-1]
			line := ""
			switch k.Name {
			case "strong":
				line = fmt.Sprintf("%.2f times faster on %d workers than on %d", b.Speedup.Median, b.Cell.Workers, a.Cell.Workers)
			case "weak":
				line = fmt.Sprintf("%.0f %% efficiency per iteration on %d workers", 100*b.Speedup.Median, b.Cell.Workers)
			case "size":
				if fit, ok := v.exponent(name); ok {
					line = fmt.Sprintf("time grows like n^%.2f from %s to %s unknowns", fit.Exponent, Count(float64(a.Unknowns)), Count(float64(b.Unknowns)))
				}
			case "nnz":
				line = fmt.Sprintf("%.2f ns per unknown and iteration at %d nonzeros per row, %.2f at %d", a.NsPerUnknown, a.Cell.NNZ, b.NsPerUnknown, b.Cell.NNZ)
			case "cond":
				line = fmt.Sprintf("%d iterations at a condition number of %g, %d at %g", a.Iterations, a.Cell.Cond, b.Iterations, b.Cell.Cond)
			case "rhs":
				line = fmt.Sprintf("%d right-hand sides at once take %.2f times as long as %d", b.Cell.RHS, b.Time.Median/a.Time.Median, a.Cell.RHS)
			case "nw":
				line = fmt.Sprintf("%d parameters take %.2f times as long as %d", b.Cell.NW, b.Time.Median/a.Time.Median, a.Cell.NW)
			}
			if line == "" {
				continue
			}
			if b.Fraction.N > 0 {
				line += fmt.Sprintf("; %.0f %% of the measured bandwidth", 100*b.Fraction.Median)
			}
			lines = append(lines, k.Name+": "+name+": "+line)
		}
	}
	return lines
}

// Count writes a large number short: 1e6, 2.5e8, 1200.
func Count(x float64) string {
	if x < 10_000 || math.IsInf(x, 0) || math.IsNaN(x) {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return exponent.Replace(strconv.FormatFloat(x, 'g', 3, 64))
}

var exponent = strings.NewReplacer("e+0", "e", "e+", "e")

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"count":    func(n int) string { return Count(float64(n)) },
	"countf":   Count,
	"seconds":  Seconds,
	"percent":  func(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) },
	"fixed":    func(digits int, x float64) string { return strconv.FormatFloat(x, 'f', digits, 64) },
	"quartile": Quartiles,
	"join":     strings.Join,
}).Parse(page))

// Seconds writes a time with three digits and a unit.
func Seconds(t float64) string {
	factor, unit := secondsUnit(t)
	return threeDigits(t*factor) + " " + unit
}

// Quartiles writes the quartiles of times as Seconds does, in one unit.
func Quartiles(s Summary) string {
	factor, unit := secondsUnit(s.High)
	return threeDigits(s.Low*factor) + " … " + threeDigits(s.High*factor) + " " + unit
}

func secondsUnit(t float64) (factor float64, unit string) {
	switch {
	case t <= 0 || t >= 1:
		return 1, "s"
	case t < 1e-6:
		return 1e9, "ns"
	case t < 1e-3:
		return 1e6, "µs"
	}
	return 1e3, "ms"
}

// threeDigits writes 1.23, 12.3, 123 and 1234.
func threeDigits(x float64) string {
	digits := 2
	for t := x; t >= 9.995 && digits > 0; t /= 10 {
		digits--
	}
	return strconv.FormatFloat(x, 'f', digits, 64)
}

// HTML writes the report as a page that needs no other file: tables, charts,
// forecasts and the machine.
func (r *Report) HTML(w io.Writer) error {
	type figure struct {
		SVG     template.HTML
		Caption string
	}
	type study struct {
		Kind
		Rows    []Row
		Figures []figure
	}
	data := struct {
		*Report
		Studies []study
		Streams []streamRow
	}{Report: r, Streams: streamRows(r.Rows)}
	figures := Figures(r.Rows)
	for _, s := range r.Plan.Studies {
		kind, err := KindByName(s.Kind)
		if err != nil {
			return err
		}
		st := study{Kind: kind}
		for _, row := range r.Rows {
			if row.Cell.Study == s.Kind {
				st.Rows = append(st.Rows, row)
			}
		}
		for _, f := range figures[s.Kind] {
			var b bytes.Buffer
			if err := f.Chart.SVG(&b); err != nil {
				return err
			}
			st.Figures = append(st.Figures, figure{template.HTML(b.String()), f.Caption}) // our own markup, with text escaped
		}
		if st.Rows != nil {
			data.Studies = append(data.Studies, st)
		}
	}
	return pageTemplate.Execute(w, data)
}

// streamRow is the bandwidth on so many workers, over all rounds of a run.
type streamRow struct {
	Workers    int
	Dot, Triad Summary
}

func streamRows(rows []Row) (out []streamRow) {
	dot, triad := map[int][]float64{}, map[int][]float64{}
	most := 0
	for i := range rows {
		w := rows[i].Cell.Workers
		dot[w], triad[w] = append(dot[w], rows[i].Dot...), append(triad[w], rows[i].Triad...)
		most = max(most, w)
	}
	for w := 1; w <= most; w++ {
		if dot[w] != nil {
			out = append(out, streamRow{w, Summarize(dot[w]), Summarize(triad[w])})
		}
	}
	return out
}

// WriteBenchmarks writes each round of each cell as a line of the benchmark
// format of Go, which benchstat reads.
func (r *Report) WriteBenchmarks(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: github.com/hgsolve/hgsolve/bench\n", r.Machine.OS, r.Machine.Arch)
	if r.Machine.CPU != "" {
		fmt.Fprintf(&b, "cpu: %s\n", r.Machine.CPU)
	}
	for i := range r.Rows {
		m := &r.Rows[i]
		if !m.Converged() {
			continue
		}
		name := strings.Join(strings.Fields(m.Cell.String()), "_")
		for k, t := range m.Seconds {
			fmt.Fprintf(&b, "BenchmarkScale/%s-%d 1 %.6g ns/op", name, r.Machine.GOMAXPROCS, 1e9*t)
			if m.Bytes > 0 {
				fmt.Fprintf(&b, " %.6g MB/s", float64(m.Bytes)/1e6/m.Solve[k])
			}
			fmt.Fprintf(&b, " %d iterations/op %.6g live-B/unknown\n", m.Iterations, m.LivePerUnknown)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
