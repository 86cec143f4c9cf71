package formats

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
)

// WriteMatrixMarket writes a rows×cols matrix with the entries
// (i[k], j[k], v[k]), indices counted from 0, as a Matrix Market file of kind
// "coordinate real general", in the given order and with 17 digits, so that
// reading it gives the same bits. Slices of different lengths, an index out of
// range, and NaN or Inf are errors; something may have been written by then
// (WriteFile around it makes that harmless).
func WriteMatrixMarket(w io.Writer, rows, cols int, i, j []int32, v []float64) error {
	if len(i) != len(v) || len(j) != len(v) {
		return fmt.Errorf("%d row indices, %d column indices and %d values", len(i), len(j), len(v))
	}
	if rows < 0 || cols < 0 || rows > math.MaxInt32 || cols > math.MaxInt32 {
		return fmt.Errorf("impossible size %d×%d", rows, cols)
	}
	bw := bufio.NewWriterSize(w, bufferSize)
	fmt.Fprintf(bw, "%%%%MatrixMarket matrix coordinate real general\n%d %d %d\n", rows, cols, len(v))
	for k, x := range v {
		if i[k] < 0 || int(i[k]) >= rows || j[k] < 0 || int(j[k]) >= cols {
			return fmt.Errorf("entry %d: (%d, %d) is outside a %d×%d matrix (counted from 0)", k, i[k], j[k], rows, cols)
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("entry %d: value %v is not finite", k, x)
		}
		line := bw.AvailableBuffer()
		line = strconv.AppendInt(line, int64(i[k])+1, 10)
		line = strconv.AppendInt(append(line, ' '), int64(j[k])+1, 10)
		line = strconv.AppendFloat(append(line, ' '), x, 'g', 17, 64)
		if _, err := bw.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return bw.Flush()
}
