package formats

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// transparent inserts a tRNS chunk before the image data, which package png
// does not write for every kind.
func transparent(file, trns []byte) []byte {
	at := bytes.Index(file, []byte("IDAT")) - 4
	chunk := append([]byte("tRNS"), trns...)
	out := binary.BigEndian.AppendUint32(bytes.Clone(file[:at]), uint32(len(trns)))
	out = binary.BigEndian.AppendUint32(append(out, chunk...), crc32.ChecksumIEEE(chunk))
	return append(out, file[at:]...)
}

func TestDecodePNG(t *testing.T) {
	box := image.Rect(0, 0, 2, 1)
	luma := func(r, g, b float64) float64 { return float64(0.299*r) + float64(0.587*g) + float64(0.114*b) }

	gray := image.NewGray(box)
	gray.Pix = []uint8{7, 255}
	gray16 := image.NewGray16(box)
	gray16.SetGray16(0, 0, color.Gray16{Y: 257 * 12})
	gray16.SetGray16(1, 0, color.Gray16{Y: 1})
	rgb := image.NewRGBA(box)
	rgb.Set(0, 0, color.RGBA{10, 20, 30, 255})
	rgb.Set(1, 0, color.RGBA{255, 255, 255, 255})
	nrgba := image.NewNRGBA(box)
	nrgba.Set(0, 0, color.NRGBA{10, 20, 30, 3})
	nrgba.Set(1, 0, color.NRGBA{200, 0, 0, 0})
	rgb64 := image.NewRGBA64(box)
	rgb64.Set(0, 0, color.RGBA64{1000, 20000, 30000, 65535})
	rgb64.Set(1, 0, color.RGBA64{257 * 9, 0, 0, 65535})
	nrgba64 := image.NewNRGBA64(box)
	nrgba64.Set(0, 0, color.NRGBA64{1000, 20000, 30000, 700})
	nrgba64.Set(1, 0, color.NRGBA64{0, 0, 65535, 0})
	pal := image.NewPaletted(box, color.Palette{color.RGBA{10, 20, 30, 255}, color.NRGBA{40, 50, 60, 1}})
	pal.Pix = []uint8{1, 0}
	opaque := image.NewPaletted(box, color.Palette{color.RGBA{10, 20, 30, 255}, color.RGBA{40, 50, 60, 255}})
	opaque.Pix = []uint8{0, 1}

	for _, c := range []struct {
		name string
		file []byte
		want []float64
	}{
		{"gray", pngOf(t, gray), []float64{7, 255}},
		{"gray tRNS", transparent(pngOf(t, gray), []byte{0, 7}), []float64{luma(7, 7, 7), luma(255, 255, 255)}},
		{"gray16", pngOf(t, gray16), []float64{12, 1.0 / 257}},
		{"rgb", pngOf(t, rgb), []float64{luma(10, 20, 30), luma(255, 255, 255)}},
		{"rgb tRNS", transparent(pngOf(t, rgb), []byte{0, 10, 0, 20, 0, 30}), []float64{luma(10, 20, 30), luma(255, 255, 255)}},
		{"nrgba", pngOf(t, nrgba), []float64{luma(10, 20, 30), luma(200, 0, 0)}},
		{"rgb64", pngOf(t, rgb64), []float64{luma(1000, 20000, 30000) / 257, luma(257*9, 0, 0) / 257}},
		{"nrgba64", pngOf(t, nrgba64), []float64{luma(1000, 20000, 30000) / 257, luma(0, 0, 65535) / 257}},
		{"palette", pngOf(t, pal), []float64{luma(40, 50, 60), luma(10, 20, 30)}},
		{"opaque palette", pngOf(t, opaque), []float64{luma(10, 20, 30), luma(40, 50, 60)}},
	} {
		im, err := DecodePNG(bytes.NewReader(c.file), "x.png")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if im.Rows != 1 || im.Cols != 2 {
			t.Errorf("%s: %d×%d", c.name, im.Rows, im.Cols)
		}
		for k := range c.want {
			// Grey images with tRNS may come as grey or as equal colours.
			if math.Abs(im.Pix[k]-c.want[k]) > 1e-13 {
				t.Errorf("%s: got %v, want %v", c.name, im.Pix, c.want)
			}
		}
	}
}

// TestLumaOfGrey: white must not come out above 255 by rounding.
func TestLumaOfGrey(t *testing.T) {
	for v := range 256 {
		if g := luma(float64(v), float64(v), float64(v)); g > 255 || math.Abs(g-float64(v)) > 1e-13 {
			t.Errorf("luma of grey %d is %v", v, g)
		}
	}
}

func TestEncodePNG(t *testing.T) {
	im := &Image{Rows: 3, Cols: 4, Pix: []float64{0, 0.49999999999999994, 0.5, 1.49, 254.4, 254.5, 255, 256, -3, math.Inf(1), math.Inf(-1), 128}}
	want := []float64{0, 0, 1, 1, 254, 255, 255, 255, 0, 255, 0, 128}
	var b bytes.Buffer
	if err := EncodePNG(&b, im); err != nil {
		t.Fatal(err)
	}
	got, err := DecodePNG(&b, "x")
	if err != nil || got.Rows != 3 || got.Cols != 4 || !slices.Equal(got.Pix, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, c := range []struct {
		im   Image
		want string
	}{
		{Image{}, "image of 0×0 with 0 pixels"},
		{Image{Rows: 2, Cols: 2, Pix: make([]float64, 3)}, "image of 2×2 with 3 pixels"},
		{Image{Rows: -2, Cols: -2, Pix: make([]float64, 4)}, "image of -2×-2 with 4 pixels"},
		{Image{Rows: 1 << 32, Cols: 1 << 32}, "image of 4294967296×4294967296 with 0 pixels"},
		{Image{Rows: 2, Cols: 2, Pix: []float64{0, 0, math.NaN(), 0}}, "NaN at row 1, column 0 (counted from 0)"},
	} {
		wantError(t, EncodePNG(&b, &c.im), "", c.want)
	}
}

// ihdr changes the size in a PNG header.
func ihdr(file []byte, cols, rows uint32) []byte {
	file = bytes.Clone(file)
	binary.BigEndian.PutUint32(file[16:], cols)
	binary.BigEndian.PutUint32(file[20:], rows)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

func TestReadImageErrors(t *testing.T) {
	gray := image.NewGray(image.Rect(0, 0, 40, 30))
	for k := range gray.Pix {
		gray.Pix[k] = uint8(k * k)
	}
	file := pngOf(t, gray)
	damaged := bytes.Clone(file)
	damaged[len(damaged)/2] ^= 1
	nan := []float64{0, 1, 2, math.NaN(), 4, math.Inf(1)}
	f8 := func(v ...float64) []byte { return encode(binary.LittleEndian, v) }
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"x.jpg", []byte("\xff\xd8\xff\xe0\x00\x10JFIF"), "not a PNG or .npy image"},
		{"x.png", []byte("P5 1 1 255\n0"), "not a PNG or .npy image"},
		{"x.png", []byte("x"), "not a PNG or .npy image"},
		{"x.png", nil, "empty file"},
		{"x.png", file[:8], "unexpected EOF"},
		{"x.png", file[:len(file)/2], "png: invalid format: not enough pixel data"},
		{"x.png", damaged, "png: invalid format: zlib: invalid checksum"},
		{"x.png", ihdr(file, 1<<20, 1<<20), "SIZE bytes cannot hold 1048576×1048576 pixels"},
		{"x.png", ihdr(file, 0, 5), "png: invalid format: non-positive dimension"},
		{"x.npy", npyFile("<f8", false, "(2, 3)", f8(nan...)), "NaN at row 1, column 0 (counted from 0)"},
		{"x.npy", npyFile("<f8", true, "(3, 2)", f8(0, 1, 2, 3, 4, math.Inf(-1))), "-Inf at row 2, column 1 (counted from 0)"},
		{"x.npy", npyFile("<f8", false, "(6,)", f8(nan...)), "array of shape (6,), an image has two dimensions"},
		{"x.npy", npyFile("<f8", false, "(1, 2, 3)", f8(nan...)), "array of shape (1, 2, 3), an image has two dimensions"},
		{"x.npy", npyFile("<f8", false, "(0, 3)", nil), "image of shape (0, 3) has no pixels"},
		{"x.npy", npyFile("<f8", false, "(2, 3)", nil), "0 of 6 values, then the file ends"},
		{"x.png.gz", gzipped(file)[:100], "gzip data is truncated: unexpected EOF"},
	} {
		path := put(t, c.name, c.file)
		im, err := ReadImage(path)
		if im != nil {
			t.Error("data come with the error")
		}
		wantError(t, err, filepath.Dir(path), "DIR/"+c.name+": "+strings.Replace(c.want, "SIZE", strconv.Itoa(len(file)), 1))
	}
}

func TestReadImageNpy(t *testing.T) {
	im, err := ReadImage(put(t, "x.png", npyFile("|u1", true, "(2, 3)", []byte{0, 1, 2, 3, 4, 255})))
	if err != nil || im.Rows != 2 || im.Cols != 3 || !slices.Equal(im.Pix, []float64{0, 2, 4, 1, 3, 255}) {
		t.Errorf("got %v, %v", im, err)
	}
	im, err = ReadImage(put(t, "x", gzipped(npyFile("<f4", false, "(1, 1)", encode(binary.LittleEndian, float32(-1000.5))))))
	if err != nil || im.Pix[0] != -1000.5 {
		t.Errorf("got %v, %v", im, err)
	}
}

func TestRealImages(t *testing.T) {
	sizes := map[string][2]int{"camera.png": {512, 512}, "astronaut.png": {512, 512}, "chelsea.png": {300, 451},
		"coffee.png": {400, 600}, "coins.png": {303, 384}, "text.png": {172, 448}}
	for _, path := range dataFiles(t, "images/*.png") {
		im, err := ReadImage(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if want, ok := sizes[filepath.Base(path)]; ok && want != [2]int{im.Rows, im.Cols} {
			t.Errorf("%s: %d×%d, want %v", path, im.Rows, im.Cols, want)
		}
		if lo, hi := slices.Min(im.Pix), slices.Max(im.Pix); lo < 0 || hi > 255 || hi-lo < 50 {
			t.Errorf("%s: levels from %v to %v", path, lo, hi)
		}
	}
	for _, path := range dataFiles(t, "images/rocket.jpg") {
		_, err := ReadImage(path)
		wantError(t, err, "", path+": not a PNG or .npy image")
	}
}

func FuzzDecodePNG(f *testing.F) {
	box := image.Rect(0, 0, 5, 4)
	for _, m := range []image.Image{image.NewGray(box), image.NewGray16(box), image.NewNRGBA(box), image.NewRGBA64(box),
		image.NewNRGBA64(box), image.NewPaletted(box, color.Palette{color.Black, color.NRGBA{1, 2, 3, 4}})} {
		f.Add(pngOf(f, m))
	}
	f.Add(ihdr(pngOf(f, image.NewGray(box)), 1<<30, 1<<20))
	f.Fuzz(func(t *testing.T, file []byte) {
		im, err := DecodePNG(bytes.NewReader(file), "x")
		if err != nil {
			if im != nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "x: ") {
				t.Fatalf("%v %q", im, err)
			}
			return
		}
		if len(im.Pix) != im.Rows*im.Cols || slices.Min(im.Pix) < 0 || slices.Max(im.Pix) > 255 {
			t.Fatalf("%d×%d, %d levels from %v to %v", im.Rows, im.Cols, len(im.Pix), slices.Min(im.Pix), slices.Max(im.Pix))
		}
		var b bytes.Buffer
		if err := EncodePNG(&b, im); err != nil {
			t.Fatal(err)
		}
		again, err := DecodePNG(&b, "x")
		if err != nil || again.Rows != im.Rows || again.Cols != im.Cols {
			t.Fatalf("%v", err)
		}
		for k, v := range im.Pix {
			if math.Round(v) != again.Pix[k] {
				t.Fatalf("%v comes back as %v", v, again.Pix[k])
			}
		}
	})
}
