package formats

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sbinet/npyio/npy"
)

// npyFile makes the bytes of a .npy file of version 1.
func npyFile(descr string, fortran bool, shape string, data []byte) []byte {
	order := "False"
	if fortran {
		order = "True"
	}
	return npyRaw("{'descr': '"+descr+"', 'fortran_order': "+order+", 'shape': "+shape+", }", data)
}

func npyRaw(header string, data []byte) []byte {
	b := []byte(npyMagic + "\x01\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)+1))
	return append(append(b, header+"\n"...), data...)
}

func encode(order binary.ByteOrder, v any) []byte {
	var b bytes.Buffer
	if err := binary.Write(&b, order, v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func equalBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

func TestReadNpyTypes(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	for _, c := range []struct {
		descr string
		data  []byte
		want  []float64
	}{
		{"<f8", encode(le, []float64{1.5, math.Copysign(0, -1), math.Inf(1)}), []float64{1.5, math.Copysign(0, -1), math.Inf(1)}},
		{">f8", encode(be, []float64{1.5, -2, 1e300}), []float64{1.5, -2, 1e300}},
		{"<f4", encode(le, []float32{1.5, -2, 0.1}), []float64{1.5, -2, float64(float32(0.1))}},
		{">f4", encode(be, []float32{1.5, -2, 0.1}), []float64{1.5, -2, float64(float32(0.1))}},
		{"|b1", []byte{0, 1, 7}, []float64{0, 1, 1}},
		{"|i1", []byte{0, 127, 0x80}, []float64{0, 127, -128}},
		{"|u1", []byte{0, 127, 255}, []float64{0, 127, 255}},
		{"<i2", encode(le, []int16{1, -2, math.MinInt16}), []float64{1, -2, math.MinInt16}},
		{">i2", encode(be, []int16{1, -2, math.MinInt16}), []float64{1, -2, math.MinInt16}},
		{"<u2", encode(le, []uint16{1, 2, 65535}), []float64{1, 2, 65535}},
		{">u2", encode(be, []uint16{1, 2, 65535}), []float64{1, 2, 65535}},
		{"<i4", encode(le, []int32{1, -2, math.MinInt32}), []float64{1, -2, math.MinInt32}},
		{">i4", encode(be, []int32{1, -2, math.MaxInt32}), []float64{1, -2, math.MaxInt32}},
		{"<u4", encode(le, []uint32{1, 2, math.MaxUint32}), []float64{1, 2, math.MaxUint32}},
		{"<i8", encode(le, []int64{1, -2, math.MinInt64}), []float64{1, -2, math.MinInt64}},
		{">i8", encode(be, []int64{1, -2, 1<<53 + 1}), []float64{1, -2, 1 << 53}},
		{"<u8", encode(le, []uint64{1, 2, math.MaxUint64}), []float64{1, 2, math.MaxUint64}},
	} {
		data, shape, err := ReadNpy(put(t, "x.npy", npyFile(c.descr, false, "(3,)", c.data)))
		if err != nil || !equalBits(data, c.want) || !slices.Equal(shape, []int{3}) {
			t.Errorf("%s: got %v %v, %v, want %v", c.descr, data, shape, err, c.want)
		}
	}
}

func TestReadNpyShapes(t *testing.T) {
	six := encode(binary.LittleEndian, []float64{0, 1, 2, 3, 4, 5})
	for _, c := range []struct {
		shape   string
		fortran bool
		want    []float64
		dims    []int
	}{
		{"(6,)", false, []float64{0, 1, 2, 3, 4, 5}, []int{6}},
		{"(6,)", true, []float64{0, 1, 2, 3, 4, 5}, []int{6}},
		{"(2, 3)", false, []float64{0, 1, 2, 3, 4, 5}, []int{2, 3}},
		{"(2, 3)", true, []float64{0, 2, 4, 1, 3, 5}, []int{2, 3}},
		{"(2L, 3L)", false, []float64{0, 1, 2, 3, 4, 5}, []int{2, 3}},
		{"(1, 2, 3)", true, []float64{0, 2, 4, 1, 3, 5}, []int{1, 2, 3}},
		{"(3, 1, 2)", true, []float64{0, 3, 1, 4, 2, 5}, []int{3, 1, 2}},
	} {
		data, dims, err := ReadNpy(put(t, "x.npy", npyFile("<f8", c.fortran, c.shape, six)))
		if err != nil || !equalBits(data, c.want) || !slices.Equal(dims, c.dims) {
			t.Errorf("%s: got %v %v, %v, want %v", c.shape, data, dims, err, c.want)
		}
	}
	// A 2×2×2 array by its definition.
	eight := []float64{0, 1, 2, 3, 4, 5, 6, 7}
	got := fromFortran(eight, []int{2, 2, 2})
	for i := range 2 {
		for j := range 2 {
			for k := range 2 {
				if got[4*i+2*j+k] != eight[i+2*j+4*k] {
					t.Errorf("element %d %d %d is %v", i, j, k, got[4*i+2*j+k])
				}
			}
		}
	}
	data, dims, err := ReadNpy(put(t, "x.npy", npyFile("<f8", false, "()", six[8:16])))
	if err != nil || !slices.Equal(data, []float64{1}) || len(dims) != 0 {
		t.Errorf("scalar: %v %v, %v", data, dims, err)
	}
	data, dims, err = ReadNpy(put(t, "x.npy", npyFile("<f8", true, "(0, 9223372036854775807)", nil)))
	if err != nil || len(data) != 0 || len(dims) != 2 {
		t.Errorf("no values: %v %v, %v", data, dims, err)
	}
}

func TestReadNpyHeaders(t *testing.T) {
	eight := make([]byte, 8)
	for _, header := range []string{
		"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }          ",
		"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
		"{'shape': (1,), 'fortran_order': False, 'descr': '<f8'}",
		"{ 'descr' : '<f8' , 'fortran_order' : False , 'shape' : ( 1 , ) , }",
	} {
		for major := 1; major <= 3; major++ {
			file := npyRaw(header, eight)
			if major > 1 {
				wide := append([]byte(npyMagic), byte(major), 0)
				wide = binary.LittleEndian.AppendUint32(wide, uint32(len(header)+1))
				file = append(wide, file[10:]...)
			}
			data, shape, err := ReadNpy(put(t, "x.npy", file))
			if err != nil || len(data) != 1 || !slices.Equal(shape, []int{1}) {
				t.Errorf("version %d, %s: %v %v, %v", major, header, data, shape, err)
			}
		}
	}
}

func TestReadNpyErrors(t *testing.T) {
	good := npyFile("<f8", false, "(2, 3)", make([]byte, 48))
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"magic", []byte("not an array at all"), "not a .npy file"},
		{"short", []byte("\x93NU"), "not a .npy file"},
		{"header cut", good[:8], "ends within the .npy header"},
		{"header cut later", good[:30], "ends within the .npy header"},
		{"truncated", good[:len(good)-20], "3 of 6 values, then the file ends"},
		{"no data", good[:len(good)-48], "0 of 6 values, then the file ends"},
		{"longer", append(bytes.Clone(good), 0), "more bytes after the array of shape (2, 3)"},
		{"version", []byte(npyMagic + "\x04\x00\x10\x00"), ".npy version 4.0 is not supported"},
		{"long header", []byte(npyMagic + "\x02\x00\xff\xff\xff\xff{"), ".npy header of 4294967295 bytes is too long"},
		{"garbage", npyRaw("{}", nil), "damaged .npy header"},
		{"no header", npyRaw("", nil), "damaged .npy header"},
		{"no shape", npyRaw("{'descr': '<f8', 'fortran_order': False, }", nil), "damaged .npy header"},
		{"twice", npyRaw("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, }", nil), "damaged .npy header"},
		{"open", npyRaw("{'descr': '<f8', 'fortran_order': False, 'shape': (3,),", nil), "damaged .npy header"},
		{"negative", npyFile("<f8", false, "(-1,)", nil), "damaged .npy header"},
		{"spaced shape", npyFile("<f8", false, "(3 4)", nil), `damaged shape "3 4"`},
		{"long shape", npyFile("<f8", false, "(99999999999999999999,)", nil), `damaged shape "99999999999999999999,"`},
		{"order", npyRaw("{'descr': '<f8', 'fortran_order': Maybe, 'shape': (3,), }", nil), "damaged .npy header"},
		{"huge", npyFile("<f8", false, "(1000000000000,)", nil), "0 of 1000000000000 values, then the file ends"},
		{"overflow", npyFile("<f8", false, "(4611686018427387904, 4)", nil), "impossible shape (4611686018427387904, 4)"},
		{"object", npyFile("|O", false, "(1,)", nil), "object arrays are not supported"},
		{"record", npyRaw("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", nil), "structured dtypes are not supported"},
		{"complex", npyFile("<c16", false, "(1,)", nil), `dtype "<c16" is not supported (want bool, integer, f4 or f8)`},
		{"half", npyFile("<f2", false, "(1,)", nil), `dtype "<f2" is not supported (want bool, integer, f4 or f8)`},
		{"text", npyFile("<U3", false, "(1,)", nil), `dtype "<U3" is not supported (want bool, integer, f4 or f8)`},
		{"no order", npyFile("|f8", false, "(1,)", nil), `dtype "|f8" is not supported (want bool, integer, f4 or f8)`},
		{"odd", npyFile("<i3", false, "(1,)", nil), `dtype "<i3" is not supported (want bool, integer, f4 or f8)`},
		{"gzip", gzipped(good)[:40], "gzip data is truncated: unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := put(t, "x.npy", c.file)
			data, shape, err := ReadNpy(path)
			if data != nil || shape != nil {
				t.Error("data come with the error")
			}
			wantError(t, err, filepath.Dir(path), "DIR/x.npy: "+c.want)
		})
	}
	if _, _, err := ReadNpy(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestHugeShapeAllocatesLittle(t *testing.T) {
	path := put(t, "x.npy", npyFile("<f8", true, "(100000, 100000)", make([]byte, 1000)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := ReadNpy(path); err == nil {
		t.Fatal("no error")
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes for a file of 1 KB", n)
	}
}

func TestNpyRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 2, npyBatch - 1, npyBatch, npyBatch + 1, 3*npyBatch + 5} {
		data := make([]float64, n)
		for k := range data {
			data[k] = math.Sin(float64(k))
		}
		if n > 1 {
			data[1] = math.NaN()
		}
		path := filepath.Join(t.TempDir(), "x.npy")
		if err := WriteNpy(path, data); err != nil {
			t.Fatal(err)
		}
		got, shape, err := ReadNpy(path)
		if err != nil || !equalBits(got, data) || !slices.Equal(shape, []int{n}) {
			t.Errorf("%d values: shape %v, %v", n, shape, err)
		}
		// Compressed, the size is unknown and the result grows.
		file, _ := os.ReadFile(path)
		got, _, err = ReadNpy(put(t, "x.npy.gz", gzipped(file)))
		if err != nil || !equalBits(got, data) {
			t.Errorf("%d values compressed: %v", n, err)
		}
	}
}

// TestNpyTwin compares with github.com/sbinet/npyio in both directions.
func TestNpyTwin(t *testing.T) {
	data := []float64{1, -2.5, math.Inf(-1), 1e-300, 5, 6}
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := WriteNpy(path, data, 2, 3); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(file)%64 != 48 {
		t.Errorf("data start at byte %d, not aligned", len(file)-48)
	}
	r, err := npy.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var got []float64
	if err := r.Read(&got); err != nil || !equalBits(got, data) || !slices.Equal(r.Header.Descr.Shape, []int{2, 3}) {
		t.Errorf("npyio reads %v %v, %v", got, r.Header, err)
	}
	for _, v := range []any{[]float64{1, 2.5}, []float32{1, 2.5}, []int8{1, -2}, []int16{1, -2}, []int32{1, -2}, []int64{1, -2},
		[]uint8{1, 2}, []uint16{1, 2}, []uint32{1, 2}, []uint64{1, 2}, []bool{true, false}} {
		var b bytes.Buffer
		if err := npy.Write(&b, v); err != nil {
			t.Fatal(err)
		}
		got, shape, err := ReadNpy(put(t, "x.npy", b.Bytes()))
		if err != nil || !slices.Equal(shape, []int{2}) {
			t.Errorf("%T: %v, %v", v, shape, err)
			continue
		}
		for k := range got {
			want := reflect.ValueOf(v).Index(k)
			f := 0.0
			switch {
			case want.Kind() == reflect.Bool && want.Bool():
				f = 1
			case want.CanFloat() || want.CanInt() || want.CanUint():
				f = want.Convert(reflect.TypeFor[float64]()).Float()
			}
			if got[k] != f {
				t.Errorf("%T: value %d is %v, want %v", v, k, got[k], want)
			}
		}
	}
}

func TestWriteNpyErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.npy")
	for _, c := range []struct {
		shape []int
		want  string
	}{
		{[]int{2, 2}, "3 values do not fill the shape (2, 2)"},
		{[]int{4}, "3 values do not fill the shape (4,)"},
		{[]int{-1, -3}, "3 values do not fill the shape (-1, -3)"},
		{[]int{0, 3}, "3 values do not fill the shape (0, 3)"},
		{[]int{1 << 40, 1 << 40}, "3 values do not fill the shape (1099511627776, 1099511627776)"},
	} {
		wantError(t, WriteNpy(path, make([]float64, 3), c.shape...), dir, "DIR/x.npy: "+c.want)
	}
	shape := slices.Repeat([]int{1}, 30000)
	wantError(t, WriteNpy(path, make([]float64, 1), shape...), dir, "DIR/x.npy: too many dimensions (30000)")
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("files are left: %v", list)
	}
}

func FuzzNpy(f *testing.F) {
	f.Add(npyFile("<f8", false, "(2, 3)", make([]byte, 48)))
	f.Add(npyFile(">i2", true, "(2, 1, 2)", []byte("abcdefgh")))
	f.Add(npyFile("|b1", false, "()", []byte{1}))
	f.Add(npyFile("|O", false, "(1,)", nil))
	f.Add(npyFile("<f4", true, "(0, 5)", nil))
	f.Add([]byte(npyMagic + "\x02\x00\x10\x00\x00\x00{"))
	f.Fuzz(func(t *testing.T, file []byte) {
		data, shape, err := readNpy(bytes.NewReader(file), "x", int64(len(file)))
		if err != nil {
			if data != nil || shape != nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "x: ") {
				t.Fatalf("%v %v %q", data, shape, err)
			}
			return
		}
		unknown, _, err := readNpy(bytes.NewReader(file), "x", 0)
		if err != nil || !equalBits(data, unknown) {
			t.Fatalf("another result when the size is unknown (%v)", err)
		}
		var b bytes.Buffer
		if err := encodeNpy(&b, data, shape); err != nil {
			if strings.HasPrefix(err.Error(), "too many dimensions") {
				return // read from a header that was shorter or wider than ours
			}
			t.Fatal(err)
		}
		again, dims, err := readNpy(&b, "x", 0)
		if err != nil || !equalBits(data, again) || !slices.Equal(shape, dims) {
			t.Fatalf("shape %v comes back as %v, %v", shape, dims, err)
		}
	})
}

func BenchmarkNpy(b *testing.B) {
	data := make([]float64, 4<<20)
	for k := range data {
		data[k] = float64(k)
	}
	path := filepath.Join(b.TempDir(), "x.npy")
	b.Run("WriteNpy", func(b *testing.B) {
		b.SetBytes(int64(8 * len(data)))
		for b.Loop() {
			if err := WriteNpy(path, data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ReadNpy", func(b *testing.B) {
		b.SetBytes(int64(8 * len(data)))
		for b.Loop() {
			if _, _, err := ReadNpy(path); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func ExampleWriteNpy() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "x.npy")
	if err := WriteNpy(path, []float64{1, 2, 3, 4, 5, 6}, 2, 3); err != nil {
		fmt.Println(err)
	}
	data, shape, err := ReadNpy(path)
	fmt.Println(data, shape, err)
	// Output: [1 2 3 4 5 6] [2 3] <nil>
}
