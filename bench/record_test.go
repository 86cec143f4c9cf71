package bench_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/bench"
)

// header is that of a record with the cells of [measured] on 1 to 3 workers.
func header(t testing.TB) bench.RecordHeader {
	t.Helper()
	s, err := bench.NewStudy("strong", []bench.Cell{{Problem: "2d", N: 100, Solver: "cg", Precond: "none"}}, []int{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	return bench.RecordHeader{Plan: bench.Plan{Studies: []bench.Study{*s}, Rounds: 2, RTol: 1e-8, StreamN: 100}, Machine: bench.ThisMachine(), Version: "v1"}
}

// TestRecordResume: what was written is there again, wherever the file was torn.
func TestRecordResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	h := header(t)
	want := []bench.Measurement{measured(100, 1, 1, 2), measured(100, 2, 0.5, 1), {Cell: measured(100, 3).Cell, Status: "Failed", Error: "broken"}}
	r, done, err := bench.OpenRecord(path, &h)
	if err != nil || done != nil {
		t.Fatal(done, err)
	}
	for _, m := range want {
		if err := r.Append(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n != 4 {
		t.Fatalf("%d lines", n)
	}
	whole := 0
	for cut := range len(text) + 1 {
		if cut > 0 && text[cut-1] == '\n' {
			whole = bytes.Count(text[:cut], []byte("\n"))
		} else if cut < len(text) && text[cut] != '\n' && cut%97 > 1 {
			continue // every place would take a while: each line is synced
		}
		if err := os.WriteFile(path, text[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		g := header(t)
		r, done, err := bench.OpenRecord(path, &g)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if n := max(0, whole-1); len(done) != n || n > 0 && !reflect.DeepEqual(done, want[:n]) {
			t.Fatalf("cut at %d: %d measurements, want %d", cut, len(done), n)
		}
		for _, m := range want[len(done):] {
			if err := r.Append(m); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if again, _ := os.ReadFile(path); !bytes.Equal(again, text) {
			t.Fatalf("cut at %d: went on to\n%s\nwant\n%s", cut, again, text)
		}
	}
	ms, err := bench.ReadMeasurements(path)
	if err != nil || !reflect.DeepEqual(ms, want) {
		t.Errorf("ReadMeasurements: %v, %v", ms, err)
	}
}

// TestRecordRefuses: records of others, and what is no record, stay as they are.
func TestRecordRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.jsonl")
	line := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b) + "\n"
	}
	h := header(t)
	h.Format = bench.RecordFormat
	good := line(h)
	changed := func(change func(*bench.RecordHeader)) string {
		g := header(t)
		g.Format = bench.RecordFormat
		change(&g)
		return line(g)
	}
	m := measured(100, 1, 1, 2)
	for _, c := range []struct{ text, want string }{
		{"hello", "r.jsonl:1: not a record"},
		{"[1,2,3]\n", "r.jsonl:1: not a record"},
		{changed(func(g *bench.RecordHeader) { g.Plan.Rounds = 3 }), "r.jsonl:1: the record is of another study: rounds 3"},
		{changed(func(g *bench.RecordHeader) { g.Plan.Options = "-w 3" }), "another study: rounds 2, rtol 1e-08, stream-n 100, options \"-w 3\""},
		{changed(func(g *bench.RecordHeader) { g.Plan.Studies[0].Groups[0][0].N = 7 }), "another study: its cells"},
		{changed(func(g *bench.RecordHeader) { g.Machine.Cores = 9999 }), "another machine"},
		{changed(func(g *bench.RecordHeader) { g.Version = "v2" }), "another version: hgbench v2"},
		{changed(func(g *bench.RecordHeader) { g.Format = "hgbench scale 99" }), `r.jsonl:1: format "hgbench scale 99"`},
		{changed(func(g *bench.RecordHeader) { g.Plan.Rounds = 0 }), "r.jsonl:1: 0 rounds"},
		{changed(func(g *bench.RecordHeader) { g.Plan.Studies = append(g.Plan.Studies, g.Plan.Studies[0]) }), "r.jsonl:1: cell"},
		{strings.Replace(good, `"plan"`, `"plann"`, 1), "r.jsonl:1: json: unknown field"},
		{good + "{}\n" + line(m), "r.jsonl:2: cell  is not in the plan"},
		{good + line(m) + line(m), "r.jsonl:3: cell study=strong/problem=2d/n=100/solver=cg/precond=none/workers=1 for the second time"},
		{good + "garbage\n" + line(m), "r.jsonl:2: invalid character"},
		{good + line(measured(100, 1, 1)), "r.jsonl:2: cell study=strong/problem=2d/n=100/solver=cg/precond=none/workers=1: 1 seconds of 2 rounds"},
		{good + line(measured(100, 1, 1, -1)), "seconds of -1"},
		{good + strings.TrimSpace(line(m)) + " {}\n", "r.jsonl:2: more than one value"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		g := header(t)
		_, _, err := bench.OpenRecord(path, &g)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q …: %v, want %q", c.text, err, c.want)
		}
		if text, _ := os.ReadFile(path); string(text) != c.text {
			t.Errorf("%.60q … became %.60q", c.text, text)
		}
	}
	g := header(t)
	if _, _, err := bench.OpenRecord(dir, &g); err == nil {
		t.Error("a directory: no error")
	}
	_, _, _, err := bench.ParseRecord([]byte("no"), "x")
	if !errors.Is(err, bench.ErrNotARecord) {
		t.Error(err)
	}
}

func TestReadMeasurements(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.json")
	ms := []bench.Measurement{measured(100, 1, 1, 2), measured(100, 2, 0.5, 1)}
	rep := bench.NewReport(header(t), ms, true)
	write := func(v any) {
		text, ok := v.(string)
		if !ok {
			b, err := json.MarshalIndent(v, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(rep)
	if got, err := bench.ReadMeasurements(path); err != nil || !reflect.DeepEqual(got, ms) {
		t.Errorf("%+v, %v", got, err)
	}
	twice, short := *rep, *rep
	twice.Rows = append(twice.Rows, twice.Rows[0])
	short.Plan.Rounds = 3
	for _, c := range []struct {
		content any
		want    string
	}{
		{"", "r.json: empty file"},
		{" \n", "r.json: empty file"},
		{"{}", "r.json: neither a record nor"},
		{`{"record":"hgbench`, "r.json:1: torn line"},
		{`{"record":"hgbench scale 1","pl`, "r.json:1: torn line"},
		{`{"record":"hgbench scale 1"}` + "\n", "r.json:1: 0 rounds"},
		{twice, "r.json: row 2: cell"},
		{short, "r.json: row 0: cell"},
		{bench.NewReport(header(t), nil, false), "r.json: no measurements"},
	} {
		write(c.content)
		if _, err := bench.ReadMeasurements(path); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", c.content, err, c.want)
		}
	}
}

// FuzzParseRecord: no text makes the parser panic, what it accepts is valid up to
// where it says, and parsing that again gives the same.
func FuzzParseRecord(f *testing.F) {
	h := header(f)
	h.Format = bench.RecordFormat
	first, _ := json.Marshal(h)
	second, _ := json.Marshal(measured(100, 1, 1, 2))
	good := string(first) + "\n" + string(second) + "\n"
	for _, s := range []string{"", "{", good, good[:len(good)-5], good + "x", good + string(second), good + good, string(first), "\n", strings.Replace(good, "1", "NaN", 3)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		h, ms, whole, err := bench.ParseRecord(text, "f")
		if err != nil {
			if h != nil || ms != nil || whole != 0 || !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("error %v with %v, %v, %d", err, h, ms, whole)
			}
			return
		}
		if whole < 0 || whole > len(text) || whole > 0 && text[whole-1] != '\n' || (h == nil) != (whole == 0) || bytes.IndexByte(text[whole:], '\n') >= 0 {
			t.Fatalf("whole %d of %d", whole, len(text))
		}
		g, again, same, err := bench.ParseRecord(text[:whole], "f")
		if err != nil || same != whole || !reflect.DeepEqual(g, h) || !reflect.DeepEqual(again, ms) {
			t.Errorf("parsed again: %v", err)
		}
		bench.NewReport(bench.RecordHeader{}, ms, true).Findings()
	})
}
