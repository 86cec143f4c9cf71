package formats

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// refFloat is strconv restricted to the decimal syntax.
func refFloat(s string) (float64, bool) {
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrSyntax {
		return 0, false
	}
	return v, true
}

func checkFloat(t *testing.T, s string) {
	t.Helper()
	got, ok := parseFloat([]byte(s))
	want, wantOK := refFloat(s)
	if ok != wantOK || math.Float64bits(got) != math.Float64bits(want) {
		t.Errorf("parseFloat(%q) = %v, %v; strconv gives %v, %v", s, got, ok, want, wantOK)
	}
}

func TestParseFloat(t *testing.T) {
	for s := range strings.FieldsSeq(`0 -0 +0 1 -1 +3 0.5 -1e-3 .5 5. -.5 1e22 1e23 1e-22 1e-23
		9007199254740991 9007199254740992 9007199254740993 9007199254740993e1 123456789012345678
		1234567890123456789 9999999999999999999 12345678901234567890 18446744073709551617e3
		0.00000000000000000000000001 1e400 -1e400 1e-400 4.9e-324 2.2250738585072011e-308
		1e99999999999999999999999 1e-99999999999999999999999 0e99999999999 1E5 1e+05 1e-05 00012
		. + - e e5 .e5 1e 1e+ 1e+- +-1 --1 1.2.3 1_000 0x1p4 0x10 1e5.0 1,5 nan inf infinity NaN 1f 1d5 ١`) {
		checkFloat(t, s)
	}
	checkFloat(t, "")
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200000 {
		v := math.Float64frombits(rng.Uint64())
		switch rng.IntN(4) {
		case 0:
			v = rng.NormFloat64()
		case 1:
			v = math.Round(rng.NormFloat64()*1e6) / 1e3
		case 2:
			v = float64(rng.IntN(1000))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		checkFloat(t, strconv.FormatFloat(v, "efg"[rng.IntN(3)], -1+rng.IntN(2)*rng.IntN(25), 64))
	}
}

func TestParseInt(t *testing.T) {
	for _, c := range []struct {
		s    string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"17", 17, true}, {"-17", -17, true}, {"+17", 17, true}, {"0017", 17, true},
		{"9223372036854775799", 9223372036854775799, true}, {"9223372036854775807", math.MaxInt64, true},
		{"-9223372036854775808", math.MinInt64, true}, {"92233720368547758080", math.MaxInt64, true},
		{"9223372036854775808", math.MaxInt64, true}, {"-9223372036854775809", math.MinInt64, true},
		{"99999999999999999999999", math.MaxInt64, true},
		{"", 0, false}, {"-", 0, false}, {"1.0", 0, false}, {"1e3", 0, false}, {"0x1", 0, false},
		{"99999999999999999999999x", 0, false},
	} {
		if v, ok := parseInt([]byte(c.s)); v != c.want || ok != c.ok {
			t.Errorf("parseInt(%q) = %d, %v; want %d, %v", c.s, v, ok, c.want, c.ok)
		}
	}
}

// TestScannerBoundaries reads one byte at a time and around the edges of the
// buffer, where tokens move.
func TestScannerBoundaries(t *testing.T) {
	const text = "1 1:1.5\t2:25 # note 3:\n\n  # all comment\r\n-1\n+1 4:1 \r\n2 7:-3#x"
	want, err := ReadLIBSVM(strings.NewReader(text), "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadLIBSVM(iotest.OneByteReader(strings.NewReader(text)), "x", nil); err != nil || !equalLIBSVM(got, want) {
		t.Errorf("byte by byte: %v, %v", got, err)
	}
	if got, err := ReadLIBSVM(iotest.DataErrReader(strings.NewReader(text)), "x", nil); err != nil || !equalLIBSVM(got, want) {
		t.Errorf("data with EOF: %v, %v", got, err)
	}
	for shift := range len(text) + 2 {
		for _, pad := range []string{"\n", " ", "#"} {
			// Of # only a comment line remains, so it needs its newline.
			front := strings.Repeat(pad, maxToken-shift-1) + "\n"
			got, err := ReadLIBSVM(strings.NewReader(front+text), "x", nil)
			if err != nil || !equalLIBSVM(got, want) {
				t.Fatalf("shift %d by %q: %v, %v", shift, pad, got, err)
			}
		}
	}
}

func TestLongLine(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("1")
	const n = 300000 // a line of 4 MB
	for k := 1; k <= n; k++ {
		b.WriteString(" " + strconv.Itoa(k) + ":0.125")
	}
	b.WriteString(" # " + strings.Repeat("comment ", 1e5) + "\n-1 1:1\n")
	d, err := ReadLIBSVM(&b, "x", nil)
	if err != nil || len(d.Col) != n+1 || d.Cols != n || len(d.Labels) != 2 {
		t.Fatalf("%v", err)
	}
	// The longest token, and one byte more.
	token := "1:1." + strings.Repeat("0", maxToken-4)
	for _, end := range []string{"", "\n"} {
		d, err = ReadLIBSVM(strings.NewReader("\n1 "+token+end), "x", nil)
		if err != nil || d.Val[0] != 1 {
			t.Errorf("got %v, %v", d, err)
		}
		_, err = ReadLIBSVM(strings.NewReader("\n1 "+token+"0"+end), "x", nil)
		wantError(t, err, "", `x:2: token "1:1.000000000000000000000000000000000000…" is longer than 65536 bytes`)
	}
}

func TestScannerDoesNotAllocatePerToken(t *testing.T) {
	text := []byte(strings.Repeat("1 1:1 2:0.5 3:-7e-3\n", 1000))
	s := newScanner(nil, "x", hashComments)
	r := bytes.NewReader(nil)
	if n := testing.AllocsPerRun(10, func() {
		r.Reset(text)
		*s = scanner{r: r, name: "x", line: 1, class: hashComments, buf: s.buf}
		for {
			tok, err := s.first()
			if err != nil {
				t.Fatal(err)
			}
			if tok == nil {
				break
			}
			for tok != nil {
				if tok, err = s.next(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for 4000 tokens", n)
	}
}
