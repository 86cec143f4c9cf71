package formats

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func equalMatrix(a, b *MatrixMarket) bool {
	return a.Rows == b.Rows && a.Cols == b.Cols && a.Symmetry == b.Symmetry && a.Pattern == b.Pattern && a.Dense == b.Dense &&
		slices.Equal(a.I, b.I) && slices.Equal(a.J, b.J) && equalBits(a.V, b.V)
}

func TestReadMatrixMarket(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       MatrixMarket
	}{
		{"general", "%%MatrixMarket matrix coordinate real general\n% c\n\n3 2 3\n1 1 0.5\n%\n\n3 2 -1e-3 % tail\n1 1 0\n",
			MatrixMarket{Rows: 3, Cols: 2, Symmetry: "general", I: []int32{0, 2, 0}, J: []int32{0, 1, 0}, V: []float64{0.5, -1e-3, 0}}},
		{"case, CRLF, tabs", "%%matrixmarket\tMATRIX Coordinate DOUBLE General\r\n1 1 1\r\n\t1  1\t+2 \r\n",
			MatrixMarket{Rows: 1, Cols: 1, Symmetry: "general", I: []int32{0}, J: []int32{0}, V: []float64{2}}},
		{"symmetric integer", "%%MatrixMarket matrix coordinate integer symmetric\n2 2 2\n1 1 7\n2 1 -8",
			MatrixMarket{Rows: 2, Cols: 2, Symmetry: "symmetric", I: []int32{0, 1}, J: []int32{0, 0}, V: []float64{7, -8}}},
		{"skew", "%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 2\n2 1 3\n2 2 0\n",
			MatrixMarket{Rows: 2, Cols: 2, Symmetry: "skew-symmetric", I: []int32{1, 1}, J: []int32{0, 1}, V: []float64{3, 0}}},
		{"pattern", "%%MatrixMarket matrix coordinate pattern symmetric\n2 2 1\n2 1\n",
			MatrixMarket{Rows: 2, Cols: 2, Symmetry: "symmetric", Pattern: true, I: []int32{1}, J: []int32{0}, V: []float64{1}}},
		{"empty", "%%MatrixMarket matrix coordinate real general\n2147483647 0 0\n",
			MatrixMarket{Rows: math.MaxInt32, Symmetry: "general", I: []int32{}, J: []int32{}, V: []float64{}}},
		{"array", "%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6\n",
			MatrixMarket{Rows: 2, Cols: 3, Symmetry: "general", Dense: true, V: []float64{1, 2, 3, 4, 5, 6}}},
		{"array symmetric", "%%MatrixMarket matrix array real symmetric\n3 3\n1\n2\n3\n4\n5\n6\n",
			MatrixMarket{Rows: 3, Cols: 3, Symmetry: "symmetric", Dense: true, V: []float64{1, 2, 3, 2, 4, 5, 3, 5, 6}}},
		{"array skew", "%%MatrixMarket matrix array integer skew-symmetric\n3 3\n1\n2\n3\n",
			MatrixMarket{Rows: 3, Cols: 3, Symmetry: "skew-symmetric", Dense: true, V: []float64{0, 1, 2, -1, 0, 3, -2, -3, 0}}},
		{"array skew of one", "%%MatrixMarket matrix array real skew-symmetric\n1 1\n",
			MatrixMarket{Rows: 1, Cols: 1, Symmetry: "skew-symmetric", Dense: true, V: []float64{0}}},
		{"array empty", "%%MatrixMarket matrix array real symmetric\n0 0\n",
			MatrixMarket{Symmetry: "symmetric", Dense: true, V: []float64{}}},
	} {
		m, err := ReadMatrixMarket(strings.NewReader(c.text), "x")
		if err != nil || !reflect.DeepEqual(*m, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, m, err, c.want)
		}
		m, err = ReadMatrixMarket(iotest.OneByteReader(strings.NewReader(c.text)), "x")
		if err != nil || !reflect.DeepEqual(*m, c.want) {
			t.Errorf("%s byte by byte: got %+v, %v", c.name, m, err)
		}
	}
}

func TestReadMatrixMarketErrors(t *testing.T) {
	const (
		coo  = "%%MatrixMarket matrix coordinate real general\n"
		sym  = "%%MatrixMarket matrix coordinate real symmetric\n"
		skew = "%%MatrixMarket matrix coordinate real skew-symmetric\n"
		arr  = "%%MatrixMarket matrix array real general\n"
	)
	for _, c := range []struct{ text, want string }{
		{"", "x:1: no %%MatrixMarket header"},
		{"\n" + coo, "x:1: no %%MatrixMarket header"},
		{"1 1 1\n1 1 1\n", "x:1: no %%MatrixMarket header"},
		{"%MatrixMarket matrix coordinate real general\n", "x:1: no %%MatrixMarket header"},
		{"\x1f\x8b\x08", "x:1: not a text file (byte 0x1f)"},
		{"%%MatrixMarket matrix coordinate real\n", "x:1: header must have five words: %%MatrixMarket matrix FORMAT FIELD SYMMETRY"},
		{"%%MatrixMarket matrix coordinate real general please now\n", "x:1: header must have five words: %%MatrixMarket matrix FORMAT FIELD SYMMETRY"},
		{"%%MatrixMarket vector coordinate real general\n", `x:1: object "vector" is not supported (want matrix)`},
		{"%%MatrixMarket matrix sparse real general\n", `x:1: format "sparse" is not supported (want coordinate or array)`},
		{"%%MatrixMarket matrix coordinate complex general\n", `x:1: field "complex" is not supported (want real, double, integer or pattern)`},
		{"%%MatrixMarket matrix coordinate real Hermitian\n", `x:1: symmetry "hermitian" is not supported (want general, symmetric or skew-symmetric)`},
		{"%%MatrixMarket matrix array pattern general\n", "x:1: a pattern needs the coordinate format"},
		{"%%MatrixMarket matrix coordinate pattern skew-symmetric\n", "x:1: a pattern cannot be skew-symmetric"},
		{"%%MatrixMarket matrix coordinate real general", "x:1: no line of sizes"},
		{coo + "% only\n% comments\n", "x:3: no line of sizes"},
		{coo + "2 2\n", "x:2: line of sizes has 2 numbers, want 3"},
		{coo + "2 2 2 2\n", "x:2: line of sizes has 4 numbers, want 3"},
		{arr + "2 2 4\n", "x:2: line of sizes has 3 numbers, want 2"},
		{coo + "2 x 2\n", `x:2: columns "x" is not a whole number`},
		{coo + "2.0 2 2\n", `x:2: rows "2.0" is not a whole number`},
		{coo + "-2 2 2\n", `x:2: rows "-2" is not in 0…2147483647`},
		{coo + "2 2147483648 2\n", `x:2: columns "2147483648" is not in 0…2147483647`},
		{coo + "2 2 -1\n", `x:2: entries "-1" is not in 0…1000000000000000000`},
		{coo + "2 2 1000000000000000001\n", `x:2: entries "1000000000000000001" is not in 0…1000000000000000000`},
		{sym + "2 3 1\n", "x:2: symmetric matrix of 2×3 is not square"},
		{skew + "3 2 1\n", "x:2: skew-symmetric matrix of 3×2 is not square"},
		{coo + "2 2 2\n1 1 1\n", "x:3: the file ends after 1 of the 2 entries of line 2"},
		{coo + "2 2 2\n1 1 1", "x:3: the file ends after 1 of the 2 entries of line 2"},
		{coo + "%\n2 2 1000000000000000000\n1 1 1\n\n", "x:5: the file ends after 1 of the 1000000000000000000 entries of line 3"},
		{arr + "2147483647 2147483647\n1\n", "x:3: the file ends after 1 of the 4611686014132420609 entries of line 2"},
		{"%%MatrixMarket matrix array real symmetric\n2147483647 2147483647\n1\n", "x:3: the file ends after 1 of the 2305843008139952128 entries of line 2"},
		{coo + "2 2 1\n1 1 1\n1 2 1\n", "x:4: more entries than the 1 of line 2"},
		{arr + "1 1\n1\n\n1\n", "x:5: more entries than the 1 of line 2"},
		{coo + "2 2 1\n1\n", "x:3: entry without a column"},
		{coo + "2 2 1\n1 1\n", "x:3: entry without a value"},
		{coo + "2 2 1\n1 1 % 5\n", "x:3: entry without a value"},
		{coo + "2 2 1\n1 1 1 1\n", `x:3: unexpected "1", an entry has 3 numbers`},
		{arr + "2 2\n1 1\n", `x:3: unexpected "1", an entry has 1 number`},
		{"%%MatrixMarket matrix coordinate pattern general\n2 2 1\n1 1 1\n", `x:3: unexpected "1", an entry has 2 numbers`},
		{coo + "2 2 1\n0 1 1\n", `x:3: row "0" is not in 1…2`},
		{coo + "2 2 1\n3 1 1\n", `x:3: row "3" is not in 1…2`},
		{coo + "2 2 1\n1 -1 1\n", `x:3: column "-1" is not in 1…2`},
		{coo + "2 2 1\n1 99999999999999999999 1\n", `x:3: column "99999999999999999999" is not in 1…2`},
		{coo + "2 2 1\n1 1.5 1\n", `x:3: column "1.5" is not a whole number`},
		{coo + "2 2 1\n1 1 abc\n", `x:3: value "abc" is not a number`},
		{coo + "2 2 1\n1 1 nan\n", `x:3: value "nan" is not finite`},
		{coo + "2 2 1\n1 1 -Inf\n", `x:3: value "-Inf" is not finite`},
		{coo + "2 2 1\n1 1 1e400\n", `x:3: value "1e400" is out of range`},
		{arr + "1 1\nnan\n", `x:3: value "nan" is not finite`},
		{"%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 1.5\n", `x:3: value "1.5" is not a whole number`},
		{sym + "2 2 1\n1 2 1\n", "x:3: entry (1, 2) is above the diagonal, a symmetric file has the lower triangle only"},
		{skew + "2 2 1\n1 2 1\n", "x:3: entry (1, 2) is above the diagonal, a skew-symmetric file has the lower triangle only"},
		{skew + "2 2 1\n2 2 1.5\n", "x:3: entry (2, 2) of a skew-symmetric matrix is 1.5, not 0"},
		{coo + "2 2 1\n1 1 \x00\n", "x:3: not a text file (byte 0x00)"},
	} {
		m, err := ReadMatrixMarket(strings.NewReader(c.text), "x")
		if m != nil {
			t.Errorf("%q: data come with the error", c.text)
		}
		wantError(t, err, "", c.want)
	}
}

func TestMatrixMarketHugeHeaderAllocatesLittle(t *testing.T) {
	for _, head := range []string{"coordinate real general\n9 9 1000000000000000000", "array real general\n2147483647 2147483647"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := ReadMatrixMarket(strings.NewReader("%%MatrixMarket matrix "+head+"\n"), "x"); err == nil {
			t.Fatal("no error")
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20 {
			t.Errorf("%q: %d bytes", head, n)
		}
	}
}

func TestExpand(t *testing.T) {
	for _, c := range []struct {
		name string
		m    MatrixMarket
		i, j []int32
		v    []float64
	}{
		{"general", MatrixMarket{Rows: 2, Cols: 2, Symmetry: "general", I: []int32{0, 1}, J: []int32{1, 1}, V: []float64{5, 6}},
			[]int32{0, 1}, []int32{1, 1}, []float64{5, 6}},
		{"symmetric", MatrixMarket{Rows: 3, Cols: 3, Symmetry: "symmetric", I: []int32{0, 1, 2}, J: []int32{0, 0, 1}, V: []float64{5, 6, 7}},
			[]int32{0, 1, 2, 0, 1}, []int32{0, 0, 1, 1, 2}, []float64{5, 6, 7, 6, 7}},
		{"skew", MatrixMarket{Rows: 2, Cols: 2, Symmetry: "skew-symmetric", I: []int32{0, 1}, J: []int32{0, 0}, V: []float64{0, 6}},
			[]int32{0, 1, 0}, []int32{0, 0, 1}, []float64{0, 6, -6}},
		{"dense", MatrixMarket{Rows: 2, Cols: 2, Symmetry: "symmetric", Dense: true, V: []float64{1, 2, 2, 0}},
			[]int32{0, 1, 0}, []int32{0, 0, 1}, []float64{1, 2, 2}},
		{"zero", MatrixMarket{}, nil, nil, nil},
	} {
		i, j, v := c.m.Expand()
		if !slices.Equal(i, c.i) || !slices.Equal(j, c.j) || !slices.Equal(v, c.v) {
			t.Errorf("%s: got %v %v %v", c.name, i, j, v)
		}
	}
}

func TestWriteMatrixMarket(t *testing.T) {
	var b bytes.Buffer
	i, j, v := []int32{2, 0, 0}, []int32{1, 0, 0}, []float64{0.1, -1e300, 3}
	if err := WriteMatrixMarket(&b, 3, 2, i, j, v); err != nil {
		t.Fatal(err)
	}
	want := "%%MatrixMarket matrix coordinate real general\n3 2 3\n3 2 0.10000000000000001\n1 1 -1.0000000000000001e+300\n1 1 3\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	for _, c := range []struct {
		rows, cols int
		i, j       []int32
		v          []float64
		want       string
	}{
		{2, 2, []int32{0}, []int32{0, 1}, []float64{1}, "1 row indices, 2 column indices and 1 values"},
		{-1, 2, nil, nil, nil, "impossible size -1×2"},
		{2, 1 << 31, nil, nil, nil, "impossible size 2×2147483648"},
		{2, 3, []int32{0, 2}, []int32{0, 0}, []float64{1, 1}, "entry 1: (2, 0) is outside a 2×3 matrix (counted from 0)"},
		{2, 3, []int32{0}, []int32{-1}, []float64{1}, "entry 0: (0, -1) is outside a 2×3 matrix (counted from 0)"},
		{2, 3, []int32{0}, []int32{1}, []float64{math.NaN()}, "entry 0: value NaN is not finite"},
	} {
		wantError(t, WriteMatrixMarket(&b, c.rows, c.cols, c.i, c.j, c.v), "", c.want)
	}
	if err := WriteMatrixMarket(failingWriter{}, 3, 2, i, j, v); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("failing writer: %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, fs.ErrClosed }

func TestMatrixMarketRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	want := &MatrixMarket{Rows: 1000, Cols: 3000, Symmetry: general}
	for range 200000 {
		want.I = append(want.I, rng.Int32N(1000))
		want.J = append(want.J, rng.Int32N(3000))
		want.V = append(want.V, rng.NormFloat64())
	}
	var b bytes.Buffer
	if err := WriteMatrixMarket(&b, want.Rows, want.Cols, want.I, want.J, want.V); err != nil {
		t.Fatal(err)
	}
	got, err := ReadMatrixMarket(&b, "x")
	if err != nil || !equalMatrix(got, want) {
		t.Errorf("another matrix comes back (%v)", err)
	}
}

func TestRealMatrices(t *testing.T) {
	type size struct{ rows, cols, entries int }
	sizes := map[string]size{
		"bcsstk01.mtx.gz": {48, 48, 224}, "cage10.mtx.gz": {11397, 11397, 150645}, "well1033.mtx.gz": {1033, 320, 4732},
		"4elt_graph.mtx.gz": {15606, 15606, 45878}, "stokes_B_1089.mtx.gz": {1089, 2178, 18818},
		"AUG2DC.A.mtx.gz": {10000, 20200, 40000}, "HS51.P.mtx.gz": {5, 5, 7},
	}
	seen := 0
	for _, path := range append(dataFiles(t, "matrices/*.mtx.gz"), dataFiles(t, "qp/*.mtx.gz")...) {
		m, err := ReadMatrixMarketFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if m.Dense || len(m.I) != len(m.V) || len(m.J) != len(m.V) || len(m.V) == 0 {
			t.Errorf("%s: %d %d %d entries", path, len(m.I), len(m.J), len(m.V))
		}
		if want, ok := sizes[filepath.Base(path)]; ok {
			seen++
			if got := (size{m.Rows, m.Cols, len(m.V)}); got != want {
				t.Errorf("%s: %v, want %v", path, got, want)
			}
		}
		checkExpand(t, path, m)
	}
	if seen != len(sizes) {
		t.Errorf("%d of %d known matrices are there", seen, len(sizes))
	}
}

// checkExpand compares the action on a vector of the stored triangle and of
// the expanded entries, (A − s·A')·x = 0 where A is symmetric or skew.
func checkExpand(t *testing.T, path string, m *MatrixMarket) {
	t.Helper()
	if m.Symmetry == general {
		return
	}
	i, j, v := m.Expand()
	sign := 1.0
	if m.Symmetry == skewSymmetric {
		sign = -1
	}
	rest, scale := make([]float64, m.Rows), 0.0
	for k := range v {
		rest[i[k]] += v[k] * math.Sin(float64(j[k]))
		rest[j[k]] -= sign * v[k] * math.Sin(float64(i[k]))
		scale = max(scale, math.Abs(v[k]))
	}
	for r, x := range rest {
		if math.Abs(x) > 1e-12*scale {
			t.Errorf("%s: row %d: A·x and A'·x differ by %v", path, r, x)
			return
		}
	}
}

func FuzzMatrixMarket(f *testing.F) {
	const head = "%%MatrixMarket matrix "
	for _, s := range []string{
		"coordinate real general\n% c\n3 2 3\n1 1 0.5\n3 2 -1e-3\n1 1 0\n",
		"coordinate integer symmetric\n2 2 2\n1 1 7\n2 1 -8",
		"coordinate pattern symmetric\n2 2 1\n2 1\n",
		"coordinate real skew-symmetric\n2 2 1\n2 1 3\n",
		"array real general\n2 3\n1\n2\n3\n4\n5\n6\n",
		"array real skew-symmetric\n3 3\n1\n2\n3\n",
		"array complex hermitian\n3 3\n1\n2\n3\n",
		"coordinate real general\n99999999999 1 1\n",
	} {
		f.Add([]byte(head + s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ReadMatrixMarket(bytes.NewReader(data), "x")
		if err != nil {
			if m != nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "x:") {
				t.Fatalf("%v, %q", m, err)
			}
			return
		}
		i, j, v := m.Expand()
		var b bytes.Buffer
		if err := WriteMatrixMarket(&b, m.Rows, m.Cols, i, j, v); err != nil {
			t.Fatal(err)
		}
		again, err := ReadMatrixMarket(&b, "x")
		if err != nil {
			t.Fatal(err)
		}
		want := &MatrixMarket{Rows: m.Rows, Cols: m.Cols, Symmetry: general, I: i, J: j, V: v}
		if !equalMatrix(again, want) {
			t.Fatalf("%+v comes back as %+v", want, again)
		}
	})
}

func BenchmarkReadMatrixMarket(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var text bytes.Buffer
	const n = 50000
	fmt.Fprintf(&text, "%%%%MatrixMarket matrix coordinate real general\n%d %d %d\n", n, n, n)
	for range n {
		fmt.Fprintf(&text, "%d %d %.6g\n", 1+rng.IntN(n), 1+rng.IntN(n), rng.NormFloat64())
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := ReadMatrixMarket(bytes.NewReader(text.Bytes()), "x"); err != nil {
			b.Fatal(err)
		}
	}
}
