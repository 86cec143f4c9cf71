package formats

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
)

// Image is a grey image. Pix[r*Cols+c] is the level of row r from the top and
// column c from the left: 0 is black and 255 white, fractions are kept. Levels
// from a .npy file may lie outside that range.
type Image struct {
	Rows, Cols int
	Pix        []float64
}

const pngMagic = "\x89PNG\r\n\x1a\n"

// ReadImage reads a grey image from a .npy file or a PNG; the content decides,
// not the name, and the file may be compressed (see Open). An array must have
// two dimensions, rows and columns, of any type that ReadNpy accepts, at least
// one pixel and only finite values; its levels are taken as they are. For PNG
// see DecodePNG.
func ReadImage(path string) (*Image, error) {
	in, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	br := bufio.NewReader(in)
	magic, err := br.Peek(8)
	if err != nil && err != io.EOF {
		return nil, inFile(path, err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte(npyMagic)):
		return npyImage(br, path, in.size)
	case string(magic) == pngMagic:
		return DecodePNG(br, path)
	}
	return nil, fmt.Errorf("%s: not a PNG or .npy image", path)
}

func npyImage(r io.Reader, name string, size int64) (*Image, error) {
	pix, shape, err := readNpy(r, name, size)
	if err != nil {
		return nil, err
	}
	if len(shape) != 2 {
		return nil, fmt.Errorf("%s: array of shape %s, an image has two dimensions", name, shapeString(shape))
	}
	if len(pix) == 0 {
		return nil, fmt.Errorf("%s: image of shape %s has no pixels", name, shapeString(shape))
	}
	for k, v := range pix {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%s: %v at row %d, column %d (counted from 0)", name, v, k/shape[1], k%shape[1])
		}
	}
	return &Image{Rows: shape[0], Cols: shape[1], Pix: pix}, nil
}

// DecodePNG reads a PNG of any kind as grey levels from 0 to 255. Colour
// becomes luma 0.299 R + 0.587 G + 0.114 B (Rec. 601), not rounded, of the
// stored, non-premultiplied samples; alpha is ignored; samples of 16 bits are
// divided by 257. The name stands for the file in errors.
func DecodePNG(r io.Reader, name string) (*Image, error) {
	// The whole compressed file, to weigh the announced size against it below.
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, inFile(name, err)
	}
	cfg, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, inFile(name, err)
	}
	// Deflate shrinks by a factor of 1032 at most.
	if raw := pngRawSize(cfg, data); raw > 1032*float64(len(data)) {
		return nil, fmt.Errorf("%s: %d bytes cannot hold %d×%d pixels", name, len(data), cfg.Width, cfg.Height)
	}
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, inFile(name, err)
	}
	im := toGrey(m)
	if im == nil {
		return nil, fmt.Errorf("%s: unexpected kind of PNG (%T)", name, m)
	}
	return im, nil
}

// pngRawSize returns the bytes of all samples before compression, by the header
// that png.DecodeConfig has accepted: bit depth and colour type are at fixed
// places behind width and height.
func pngRawSize(cfg image.Config, data []byte) float64 {
	depth, colourType := float64(data[24]), data[25]
	samples := [...]float64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colourType]
	return float64(cfg.Height) * math.Ceil(float64(cfg.Width)*depth*samples/8)
}

// luma is the grey level of a colour. The conversions forbid fused
// multiply-add, so that all machines agree to the bit.
func luma(r, g, b float64) float64 {
	return float64(0.299*r) + float64(0.587*g) + float64(0.114*b)
}

// toGrey converts what package png returns; nil for any other kind of image.
func toGrey(m image.Image) *Image {
	size := m.Bounds().Size()
	im := &Image{Rows: size.Y, Cols: size.X, Pix: make([]float64, size.X*size.Y)}
	// Each case sets row to a function that converts one row of the image.
	var row func(dst []float64, y int)
	u16 := func(p []uint8) float64 { return float64(uint(p[0])<<8 | uint(p[1])) }
	switch m := m.(type) {
	case *image.Gray:
		row = func(dst []float64, y int) {
			for x, v := range m.Pix[y*m.Stride:][:len(dst)] {
				dst[x] = float64(v)
			}
		}
	case *image.Gray16:
		row = func(dst []float64, y int) {
			for x := range dst {
				dst[x] = u16(m.Pix[y*m.Stride+2*x:]) / 257
			}
		}
	case *image.Paletted:
		var grey [256]float64
		for k, c := range m.Palette {
			// A palette with alpha holds NRGBA, which this leaves alone.
			c := color.NRGBAModel.Convert(c).(color.NRGBA)
			grey[k] = luma(float64(c.R), float64(c.G), float64(c.B))
		}
		row = func(dst []float64, y int) {
			for x, v := range m.Pix[y*m.Stride:][:len(dst)] {
				dst[x] = grey[v]
			}
		}
	// Package png uses RGBA and RGBA64 for opaque images only, so premultiplied
	// or not is the same.
	case *image.RGBA:
		row = func(dst []float64, y int) { luma8(dst, m.Pix[y*m.Stride:]) }
	case *image.NRGBA:
		row = func(dst []float64, y int) { luma8(dst, m.Pix[y*m.Stride:]) }
	case *image.RGBA64:
		row = func(dst []float64, y int) { luma16(dst, m.Pix[y*m.Stride:]) }
	case *image.NRGBA64:
		row = func(dst []float64, y int) { luma16(dst, m.Pix[y*m.Stride:]) }
	default:
		return nil
	}
	for y := range im.Rows {
		row(im.Pix[y*im.Cols:][:im.Cols], y)
	}
	return im
}

func luma8(dst []float64, rgba []uint8) {
	for x := range dst {
		p := rgba[4*x : 4*x+4]
		dst[x] = luma(float64(p[0]), float64(p[1]), float64(p[2]))
	}
}

func luma16(dst []float64, rgba []uint8) {
	for x := range dst {
		p := rgba[8*x : 8*x+8]
		r, g, b := uint(p[0])<<8|uint(p[1]), uint(p[2])<<8|uint(p[3]), uint(p[4])<<8|uint(p[5])
		dst[x] = luma(float64(r), float64(g), float64(b)) / 257
	}
}

// EncodePNG writes im as an 8-bit grey PNG, each level rounded to the nearest
// whole one (halves up) and clipped to 0…255. A NaN, no pixels, and a Pix whose
// length is not Rows·Cols are errors.
func EncodePNG(w io.Writer, im *Image) error {
	if n := len(im.Pix); n == 0 || im.Rows <= 0 || n%im.Rows != 0 || n/im.Rows != im.Cols {
		return fmt.Errorf("image of %d×%d with %d pixels", im.Rows, im.Cols, len(im.Pix))
	}
	grey := image.NewGray(image.Rect(0, 0, im.Cols, im.Rows))
	for k, v := range im.Pix {
		if math.IsNaN(v) {
			return fmt.Errorf("NaN at row %d, column %d (counted from 0)", k/im.Cols, k%im.Cols)
		}
		grey.Pix[k] = uint8(math.Round(min(max(v, 0), 255)))
	}
	return png.Encode(w, grey)
}
