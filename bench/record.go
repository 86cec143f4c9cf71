package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
)

// A RecordHeader is the first line of a record: what is measured, where and by
// which version.
type RecordHeader struct {
	// Format is [RecordFormat].
	Format  string  `json:"record"`
	Plan    Plan    `json:"plan"`
	Machine Machine `json:"machine"`
	Version string  `json:"version"`
}

// RecordFormat names the format of records.
const RecordFormat = "hgbench scale 1"

// recordStart is what every record begins with.
var recordStart = []byte(`{"record":"hgbench scale `)

// ErrNotARecord says that a file is something else.
var ErrNotARecord = errors.New("not a record of hgbench scale")

// ParseRecord takes a record apart: a header and one measurement per line, in
// JSON. Name is that of the file in errors, which give the line too.
//
// A last line that was torn when the program that wrote it ended is left out:
// whole is the length of the text before it. A text that is torn in its first
// line, or empty, has no header: nil.
func ParseRecord(text []byte, name string) (h *RecordHeader, ms []Measurement, whole int, err error) {
	if n := min(len(text), len(recordStart)); !bytes.Equal(text[:n], recordStart[:n]) {
		return nil, nil, 0, fmt.Errorf("%s:1: %w", name, ErrNotARecord)
	}
	cells := map[Cell]bool{}
	for number := 1; whole < len(text); number++ {
		fail := func(format string, args ...any) (*RecordHeader, []Measurement, int, error) {
			return nil, nil, 0, fmt.Errorf("%s:%d: %s", name, number, fmt.Errorf(format, args...))
		}
		line := text[whole:]
		end := bytes.IndexByte(line, '\n')
		if end < 0 {
			break // torn
		}
		line = line[:end]
		if number == 1 {
			h = &RecordHeader{}
			if err := decodeStrict(line, h); err != nil {
				return fail("%w", err)
			}
			if h.Format != RecordFormat {
				return fail("format %q, want %q", h.Format, RecordFormat)
			}
			if h.Plan.Rounds < 1 {
				return fail("%d rounds", h.Plan.Rounds)
			}
			for _, c := range h.Plan.Cells() {
				if cells[c] {
					return fail("cell %v twice", c)
				}
				cells[c] = true
			}
			whole += end + 1
			continue
		}
		var m Measurement
		if err := decodeStrict(line, &m); err != nil {
			return fail("%w", err)
		}
		wanted, known := cells[m.Cell]
		switch {
		case !known:
			return fail("cell %v is not in the plan of the first line", m.Cell)
		case !wanted:
			return fail("cell %v for the second time", m.Cell)
		}
		if err := m.check(h.Plan.Rounds); err != nil {
			return fail("%w", err)
		}
		cells[m.Cell] = false
		ms = append(ms, m)
		whole += end + 1
	}
	return h, ms, whole, nil
}

// decodeStrict decodes one JSON value that has no unknown fields, and nothing
// after it.
func decodeStrict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// A RecordFile is a record that is being written: each line at once, and synced to
// disk.
type RecordFile struct {
	f    *os.File
	path string
	size int64 // of the whole lines
}

// OpenRecord begins a record, or goes on with the one at path, and returns what
// it already has. A torn last line is cut off. The record must be of the same
// plan, machine and version as h.
func OpenRecord(path string, h *RecordHeader) (r *RecordFile, done []Measurement, err error) {
	h.Format = RecordFormat
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the first error is the one to tell
		}
	}()
	if info, err := f.Stat(); err != nil {
		return nil, nil, err
	} else if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: not a regular file", path)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, nil, err
	}
	old, done, whole, err := ParseRecord(text, path)
	if err != nil {
		return nil, nil, err
	}
	r = &RecordFile{f, path, int64(whole)}
	if old == nil {
		return r, nil, r.write(h)
	}
	// As a file holds it: JSON does not tell nil from empty.
	var now RecordHeader
	line, err := json.Marshal(h)
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(line, &now); err != nil {
		return nil, nil, err
	}
	if what := old.differs(&now); what != "" {
		return nil, nil, fmt.Errorf("%s:1: the record is of another %s", path, what)
	}
	if err := f.Truncate(r.size); err != nil {
		return nil, nil, err
	}
	return r, done, nil
}

// differs says in what, if anything, two records cannot be one.
func (h *RecordHeader) differs(g *RecordHeader) string {
	m := g.Machine
	switch {
	case !reflect.DeepEqual(h.Plan, g.Plan):
		a, b := h.Plan, g.Plan
		b.Studies = a.Studies
		if reflect.DeepEqual(a, b) {
			return "study: its cells are not those asked for"
		}
		return fmt.Sprintf("study: rounds %d, rtol %g, stream-n %d, options %q, asked for %d, %g, %d, %q",
			a.Rounds, a.RTol, a.StreamN, a.Options, g.Plan.Rounds, g.Plan.RTol, g.Plan.StreamN, g.Plan.Options)
	case h.Machine.CPU != m.CPU || h.Machine.Cores != m.Cores || h.Machine.GOMAXPROCS != m.GOMAXPROCS:
		return fmt.Sprintf("machine: %s, %d cores, GOMAXPROCS %d", h.Machine.CPU, h.Machine.Cores, h.Machine.GOMAXPROCS)
	case h.Machine.Go != m.Go || h.Machine.GOAMD64 != m.GOAMD64 || h.Version != g.Version:
		return fmt.Sprintf("version: hgbench %s, %s", h.Version, h.Machine.Go)
	}
	return ""
}

// Append writes a measurement.
func (r *RecordFile) Append(m Measurement) error { return r.write(m) }

func (r *RecordFile) write(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	line = append(line, '\n')
	if _, err = r.f.WriteAt(line, r.size); err == nil {
		// What may follow is the rest of a torn line that was longer.
		err = r.f.Truncate(r.size + int64(len(line)))
	}
	if err == nil {
		err = r.f.Sync()
	}
	if err != nil {
		_ = r.f.Truncate(r.size) // leave whole lines if that is possible
		return err
	}
	r.size += int64(len(line))
	return nil
}

// Close closes the file.
func (r *RecordFile) Close() error { return r.f.Close() }
