package formats

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// writeLIBSVM writes what ReadLIBSVM reads back to the bit.
func writeLIBSVM(w io.Writer, d *LIBSVM) {
	bw := bufio.NewWriter(w)
	for r, label := range d.Labels {
		bw.WriteString(strconv.FormatFloat(label, 'g', -1, 64))
		for k := d.RowPtr[r]; k < d.RowPtr[r+1]; k++ {
			fmt.Fprintf(bw, " %d:%v", d.Col[k]+1, d.Val[k])
		}
		bw.WriteByte('\n')
	}
	bw.Flush()
}

func randomLIBSVM(rng *rand.Rand, rows int) *LIBSVM {
	d := &LIBSVM{RowPtr: []int{0}}
	for range rows {
		d.Labels = append(d.Labels, float64(rng.IntN(3)-1))
		col := -1
		for range rng.IntN(30) {
			col += 1 + rng.IntN(50)
			d.Col = append(d.Col, int32(col))
			d.Val = append(d.Val, rng.NormFloat64())
		}
		d.RowPtr = append(d.RowPtr, len(d.Col))
		d.Cols = max(d.Cols, col+1)
	}
	return d
}

func TestReadLIBSVM(t *testing.T) {
	const text = "# head\n\n+1 1:0.5\t3:-1e-3 7:+3 # tail 9:9\r\n-1\n 2.5 2:0 3:1#x\n1 2147483647:1"
	d, err := ReadLIBSVM(strings.NewReader(text), "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &LIBSVM{
		Labels: []float64{1, -1, 2.5, 1},
		RowPtr: []int{0, 3, 3, 5, 6},
		Col:    []int32{0, 2, 6, 1, 2, math.MaxInt32 - 1},
		Val:    []float64{0.5, -1e-3, 3, 0, 1, 1},
		Cols:   math.MaxInt32,
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got %+v, want %+v", d, want)
	}
}

func TestReadLIBSVMNoFeatures(t *testing.T) {
	d, err := ReadLIBSVM(strings.NewReader("1\n-1\n"), "x", nil)
	if err != nil || d.Cols != 0 || len(d.RowPtr) != 3 || len(d.Col) != 0 {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestReadLIBSVMRoundTrip(t *testing.T) {
	want := randomLIBSVM(rand.New(rand.NewPCG(1, 1)), 2000)
	var b bytes.Buffer
	writeLIBSVM(&b, want)
	got, err := ReadLIBSVM(&b, "x", nil)
	if err != nil || !equalLIBSVM(got, want) {
		t.Errorf("another matrix comes back (%v)", err)
	}
}

func TestReadLIBSVMErrors(t *testing.T) {
	sign := func(v float64) error {
		if v != 1 && v != -1 {
			return fmt.Errorf("label %v is neither 1 nor -1", v)
		}
		return nil
	}
	for _, c := range []struct{ text, want string }{
		{"", "x: no examples"},
		{"\n\n# only comments\n", "x: no examples"},
		{"abc 1:1", `x:1: label "abc" is not a number`},
		{"1,2 1:1", `x:1: label "1,2" is not a number`},
		{"nan 1:1", `x:1: label "nan" is not finite`},
		{"1:1 2:1", `x:1: line starts with "1:1", want a label first`},
		{"1 1:1\n\n2 1:1", "x:3: label 2 is neither 1 nor -1"},
		{"1 1:1\n1 1:abc", `x:2: value "abc" is not a number`},
		{"1 1:", `x:1: value "" is not a number`},
		{"1 1: 5", `x:1: value "" is not a number`},
		{"1 1:1_0", `x:1: value "1_0" is not a number`},
		{"1 1:0x10", `x:1: value "0x10" is not a number`},
		{"1 1:0x1p-2", `x:1: value "0x1p-2" is not a number`},
		{"1 1:NaN", `x:1: value "NaN" is not finite`},
		{"1 1:-Inf", `x:1: value "-Inf" is not finite`},
		{"1 1:+infinity", `x:1: value "+infinity" is not finite`},
		{"1 1:1e999", `x:1: value "1e999" is out of range`},
		{"1 1:1:1", `x:1: value "1:1" is not a number`},
		{"1 17", `x:1: token "17" has no colon, want index:value`},
		{"1 1:1 :1", `x:1: index "" is not a whole number`},
		{"1 a:1", `x:1: index "a" is not a whole number`},
		{"1 1.0:1", `x:1: index "1.0" is not a whole number`},
		{"1 0:1", `x:1: index "0" is below 1, the first index`},
		{"1 -3:1", `x:1: index "-3" is below 1, the first index`},
		{"1 2147483648:1", `x:1: index "2147483648" is beyond 2147483647`},
		{"1 99999999999999999999999:1", `x:1: index "99999999999999999999999" is beyond 2147483647`},
		{"1 7:1 3:1", "x:1: index 3 after 7, indices must strictly increase"},
		{"1 7:1 7:1", "x:1: index 7 after 7, indices must strictly increase"},
		{"1 +3:1", `x:1: index "+3" has a sign or leading zeros`},
		{"1 00000000003:1", `x:1: index "00000000003" has a sign or leading zeros`},
		{"1 qid:3 1:1", `x:1: token "qid:3": query ids (ranking data) are not supported`},
		{"\xef\xbb\xbf1 1:1", "x:1: starts with a UTF-8 byte order mark, want plain text"},
		{"1 1:1\n\x00\x00", "x:2: not a text file (byte 0x00)"},
		{"1 1:1\x00", "x:1: not a text file (byte 0x00)"},
		{"\x7fELF\x02\x01", "x:1: not a text file (byte 0x7f)"},
		{"\xff\xd8\xff\xe0\x00\x10JFIF", "x:1: not a text file (byte 0x00)"},
		{"\xff\xfe1\x00 \x00", "x:1: not a text file (byte 0x00)"},
		{"é 1:1", `x:1: label "é" is not a number`},
		{"1 1:\xff", `x:1: value "\xff" is not a number`},
		{"1 " + strings.Repeat("é", 50), `x:1: token "` + strings.Repeat("é", 20) + `…" has no colon, want index:value`},
		{"1 x" + strings.Repeat("é", 50), `x:1: token "x` + strings.Repeat("é", 19) + `…" has no colon, want index:value`},
	} {
		d, err := ReadLIBSVM(strings.NewReader(c.text), "x", &LIBSVMOptions{CheckLabel: sign})
		if d != nil {
			t.Errorf("%q: data come with the error", c.text)
		}
		wantError(t, err, "", c.want)
	}
}

func TestReadLIBSVMCheckLabelWraps(t *testing.T) {
	boom := errors.New("boom")
	_, err := ReadLIBSVM(strings.NewReader("1"), "x", &LIBSVMOptions{CheckLabel: func(float64) error { return boom }})
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
}

func TestReadLIBSVMFileErrors(t *testing.T) {
	path := put(t, "train.svm", []byte("1 1:1\n1 1:abc\n"))
	_, err := ReadLIBSVMFile(path, nil)
	wantError(t, err, filepath.Dir(path), `DIR/train.svm:2: value "abc" is not a number`)
	if d, err := ReadLIBSVMFile(path+"x", nil); d != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, %v", d, err)
	}
}

func TestRealLIBSVM(t *testing.T) {
	want := map[string][3]int{ // rows, columns, entries
		"a9a.svm.gz":       {32561, 123, 451592},
		"mushrooms.svm.gz": {8124, 112, 170604},
		"farm_ads.svm.gz":  {4143, 54877, 817141},
	}
	for _, path := range dataFiles(t, "libsvm/*.svm.gz") {
		d, err := ReadLIBSVMFile(path, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := [3]int{len(d.Labels), d.Cols, len(d.Col)}; got != want[filepath.Base(path)] {
			t.Errorf("%s: %v, want %v", path, got, want[filepath.Base(path)])
		}
	}
}

func TestRealLIBSVMLarge(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("92 MB of text behind bzip2")
	}
	for _, path := range dataFiles(t, "text/debdesc_trigram.svm.bz2") {
		d, err := ReadLIBSVMFile(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Labels) != 61089 || d.Cols != 2570748 {
			t.Errorf("%d×%d", len(d.Labels), d.Cols)
		}
	}
}

// naiveLIBSVM reads valid text the slow and plain way.
func naiveLIBSVM(text string) *LIBSVM {
	d := &LIBSVM{RowPtr: []int{0}}
	for line := range strings.SplitSeq(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' })
		if len(words) == 0 {
			continue
		}
		label, _ := strconv.ParseFloat(words[0], 64)
		d.Labels = append(d.Labels, label)
		for _, w := range words[1:] {
			index, value, _ := strings.Cut(w, ":")
			i, _ := strconv.Atoi(index)
			v, _ := strconv.ParseFloat(value, 64)
			d.Col, d.Val, d.Cols = append(d.Col, int32(i-1)), append(d.Val, v), max(d.Cols, i)
		}
		d.RowPtr = append(d.RowPtr, len(d.Col))
	}
	return d
}

func FuzzLIBSVM(f *testing.F) {
	for _, s := range []string{"1 1:1 2:0.5\n", "+1 3:-1e-3 # c\r\n\n#\n-1\n", "2 1:0.00000001 9:12345678901234567890",
		"1 1:9007199254740993e22", "1 qid:1 1:1", "1 2:1 1:1", "\xef\xbb\xbf1", "1 1:1e400", "1 2147483647:1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ReadLIBSVM(bytes.NewReader(data), "x", nil)
		if err != nil {
			if d != nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "x:") {
				t.Fatalf("%v, %q", d, err)
			}
			return
		}
		if !equalLIBSVM(d, naiveLIBSVM(string(data))) {
			t.Fatal("differs from the naive reader")
		}
		var b bytes.Buffer
		writeLIBSVM(&b, d)
		again, err := ReadLIBSVM(&b, "x", nil)
		if err != nil || !equalLIBSVM(d, again) {
			t.Fatalf("another matrix comes back (%v)", err)
		}
	})
}

func BenchmarkReadLIBSVM(b *testing.B) {
	long := func() []byte { // 17 digits take the slow path of every value
		var w bytes.Buffer
		writeLIBSVM(&w, randomLIBSVM(rand.New(rand.NewPCG(1, 1)), 5000))
		return w.Bytes()
	}()
	short := func() []byte {
		rng := rand.New(rand.NewPCG(1, 1))
		d := randomLIBSVM(rng, 20000)
		for k := range d.Val {
			d.Val[k] = float64(rng.IntN(20000)-10000) / 1e4
		}
		var w bytes.Buffer
		writeLIBSVM(&w, d)
		return w.Bytes()
	}()
	ones := func() []byte {
		d := randomLIBSVM(rand.New(rand.NewPCG(1, 1)), 20000)
		for k := range d.Val {
			d.Val[k] = 1
		}
		var w bytes.Buffer
		writeLIBSVM(&w, d)
		return w.Bytes()
	}()
	for _, c := range []struct {
		name string
		text []byte
	}{{"ones", ones}, {"short", short}, {"17digits", long}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			for b.Loop() {
				if _, err := ReadLIBSVM(bytes.NewReader(c.text), "x", nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
