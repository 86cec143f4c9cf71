package problems

import (
	"bytes"
	_ "embed"

	"github.com/hgsolve/hgsolve/internal/formats"
)

//go:embed data/seeding.png
var seeding []byte

// Photograph returns the embedded photograph in grey levels 0…255, 1024×1024 in
// row-major order: "Seeding" by Clements Engelhardt (CC0-1.0), see
// data/README.md.
func Photograph() (pix []float64, rows, cols int) {
	im, err := formats.DecodePNG(bytes.NewReader(seeding), "seeding.png")
	if err != nil {
		panic(err) // the file is part of the program
	}
	return im.Pix, im.Rows, im.Cols
}
