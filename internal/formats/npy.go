package formats

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The package decodes .npy itself: github.com/sbinet/npyio, the twin in the
// tests, takes a truncated file for a complete one, panics on some damaged
// headers and trusts the shape for its allocation.

const npyMagic = "\x93NUMPY"

// maxNpyHeader bounds the header text; NumPy's own limit is 10,000 characters.
const maxNpyHeader = 1 << 20

// npyBatch is how many values are converted at a time.
const npyBatch = 8192

// ReadNpy reads a NumPy array file (format version 1, 2 or 3), which may be
// compressed (see Open), as float64.
//
// The data are in C order, the last index fastest, also where the file is in
// Fortran order. The shape is the file's: it has no entries for a scalar (one
// value), and a zero entry means that there are no values. Element types are
// bool (0 or 1), signed and unsigned integers of 1 to 8 bytes, and floats of 4
// or 8 bytes, of either byte order; integers beyond 2⁵³ are rounded to
// the nearest float64. NaN and Inf are passed on. Other types, a file that ends
// early and a file that goes on after the array are errors.
func ReadNpy(path string) (data []float64, shape []int, err error) {
	in, err := openInput(path)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	return readNpy(in, path, in.size)
}

// readNpy reads an array from r. If size is positive, r has so many bytes by
// the word of the file system, and an array that fits is allocated at once.
func readNpy(r io.Reader, name string, size int64) ([]float64, []int, error) {
	h, err := readNpyHeader(r)
	if err != nil {
		return nil, nil, inFile(name, noEOF(err))
	}
	n, err := product(h.shape)
	if err != nil {
		return nil, nil, inFile(name, err)
	}

	guess := npyBatch
	if int64(n) <= size/int64(h.size) {
		guess = n
	}
	data := make([]float64, 0, min(n, guess))
	raw := make([]byte, min(n, npyBatch)*h.size)
	for len(data) < n {
		m := min(n-len(data), npyBatch)
		got, err := io.ReadFull(r, raw[:m*h.size])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, nil, fmt.Errorf("%s: %d of %d values, then the file ends", name, len(data)+got/h.size, n)
		}
		if err != nil {
			return nil, nil, inFile(name, err)
		}
		if cap(data)-len(data) < m {
			grown := make([]float64, len(data), min(n, 2*(len(data)+m)))
			copy(grown, data)
			data = grown
		}
		k := len(data)
		data = data[:k+m]
		h.decode(data[k:], raw)
	}
	switch _, err := io.ReadFull(r, make([]byte, 1)); {
	case err == nil:
		return nil, nil, fmt.Errorf("%s: more bytes after the array of shape %s", name, shapeString(h.shape))
	case err != io.EOF:
		return nil, nil, inFile(name, err)
	}
	if h.fortran {
		data = fromFortran(data, h.shape)
	}
	return data, h.shape, nil
}

// noEOF turns the end of the file into an error that says so.
func noEOF(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("ends within the .npy header")
	}
	return err
}

// npyHeader describes the elements and the layout.
type npyHeader struct {
	kind    byte // b, i, u or f
	size    int  // bytes
	order   binary.ByteOrder
	fortran bool
	shape   []int
}

const npyItem = `\s*'(?:descr|fortran_order|shape)'\s*:\s*(?:'[^']*'|True|False|\([0-9L, ]*\))\s*`

var (
	npyDict    = regexp.MustCompile(`^\{(?:` + npyItem + `,){2}` + npyItem + `,?\s*\}\s*$`)
	npyDescr   = regexp.MustCompile(`'descr'\s*:\s*'([^']*)'`)
	npyFortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	npyShape   = regexp.MustCompile(`'shape'\s*:\s*\(([0-9L, ]*)\)`)
	npyType    = regexp.MustCompile(`^([<>|])([a-zA-Z])([0-9]*)$`)
	npyRecord  = regexp.MustCompile(`'descr'\s*:\s*\[`)
)

func readNpyHeader(r io.Reader) (*npyHeader, error) {
	var fixed [12]byte
	if _, err := io.ReadFull(r, fixed[:6]); err != nil && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	if string(fixed[:6]) != npyMagic {
		return nil, errors.New("not a .npy file")
	}
	if _, err := io.ReadFull(r, fixed[6:10]); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint16(fixed[8:]))
	switch major := fixed[6]; major {
	case 1:
	case 2, 3:
		if _, err := io.ReadFull(r, fixed[10:12]); err != nil {
			return nil, err
		}
		length = int64(binary.LittleEndian.Uint32(fixed[8:]))
	default:
		return nil, fmt.Errorf(".npy version %d.%d is not supported", major, fixed[7])
	}
	if length > maxNpyHeader {
		return nil, fmt.Errorf(".npy header of %d bytes is too long", length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, err
	}
	return parseNpyHeader(text)
}

func parseNpyHeader(text []byte) (*npyHeader, error) {
	if npyRecord.Match(text) {
		return nil, errors.New("structured dtypes are not supported")
	}
	descr, fortran, shape := npyDescr.FindSubmatch(text), npyFortran.FindSubmatch(text), npyShape.FindSubmatch(text)
	if !npyDict.Match(text) || descr == nil || fortran == nil || shape == nil {
		return nil, errors.New("damaged .npy header")
	}
	h := &npyHeader{fortran: string(fortran[1]) == "True"}
	if err := h.setType(descr[1]); err != nil {
		return nil, err
	}
	for tok := range strings.SplitSeq(string(shape[1]), ",") {
		if tok = strings.TrimSpace(tok); tok == "" {
			continue // after the last comma
		}
		n, err := strconv.Atoi(strings.TrimSuffix(tok, "L")) // 3L by Python 2
		if err != nil {
			return nil, fmt.Errorf("damaged shape %s", quote(shape[1]))
		}
		h.shape = append(h.shape, n)
	}
	return h, nil
}

func (h *npyHeader) setType(descr []byte) error {
	if m := npyType.FindSubmatch(descr); m != nil {
		h.kind = m[2][0]
		h.size, _ = strconv.Atoi(string(m[3]))
		h.order = binary.LittleEndian
		if m[1][0] == '>' {
			h.order = binary.BigEndian
		}
		ordered := m[1][0] != '|' || h.size == 1
		switch h.kind {
		case 'b':
			if h.size == 1 {
				return nil
			}
		case 'i', 'u':
			if ordered && (h.size == 1 || h.size == 2 || h.size == 4 || h.size == 8) {
				return nil
			}
		case 'f':
			if ordered && (h.size == 4 || h.size == 8) {
				return nil
			}
		case 'O':
			return errors.New("object arrays are not supported")
		}
	}
	return fmt.Errorf("dtype %s is not supported (want bool, integer, f4 or f8)", quote(descr))
}

// decode converts len(dst) elements of src.
func (h *npyHeader) decode(dst []float64, src []byte) {
	o := h.order
	switch {
	case h.kind == 'f' && h.size == 8 && o == binary.LittleEndian: // most files
		for k := range dst {
			dst[k] = math.Float64frombits(binary.LittleEndian.Uint64(src[8*k:]))
		}
	case h.kind == 'f' && h.size == 8:
		for k := range dst {
			dst[k] = math.Float64frombits(o.Uint64(src[8*k:]))
		}
	case h.kind == 'f':
		for k := range dst {
			dst[k] = float64(math.Float32frombits(o.Uint32(src[4*k:])))
		}
	case h.kind == 'b':
		for k := range dst {
			dst[k] = float64(min(src[k], 1))
		}
	case h.kind == 'u':
		for k := range dst {
			dst[k] = float64(h.bits(src[h.size*k:]))
		}
	case h.kind == 'i':
		unused := 64 - 8*h.size
		for k := range dst {
			dst[k] = float64(int64(h.bits(src[h.size*k:])<<unused) >> unused)
		}
	}
}

// bits returns the integer at the start of src, zero-extended.
func (h *npyHeader) bits(src []byte) uint64 {
	switch h.size {
	case 1:
		return uint64(src[0])
	case 2:
		return uint64(h.order.Uint16(src))
	case 4:
		return uint64(h.order.Uint32(src))
	}
	return h.order.Uint64(src)
}

// product returns the number of values of a shape, 1 for the empty one.
func product(shape []int) (int, error) {
	for _, d := range shape {
		if d == 0 { // however large the others are
			return 0, nil
		}
	}
	n := 1
	for _, d := range shape {
		if d < 0 || n > math.MaxInt/8/d {
			return 0, fmt.Errorf("impossible shape %s", shapeString(shape))
		}
		n *= d
	}
	return n, nil
}

// shapeString spells a shape as Python does.
func shapeString(shape []int) string {
	var b strings.Builder
	b.WriteByte('(')
	for k, d := range shape {
		if k > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(d))
	}
	if len(shape) == 1 {
		b.WriteByte(',')
	}
	b.WriteByte(')')
	return b.String()
}

// fromFortran returns data, whose first index is fastest, with the last index
// fastest.
func fromFortran(data []float64, shape []int) []float64 {
	if len(shape) < 2 || len(data) == 0 {
		return data
	}
	stride := make([]int, len(shape)) // of the source
	step := 1
	for d, n := range shape {
		stride[d] = step
		step *= n
	}
	out := make([]float64, len(data))
	at := make([]int, len(shape))
	src := 0
	for k := range out {
		out[k] = data[src]
		for d := len(shape) - 1; d >= 0; d-- {
			at[d]++
			src += stride[d]
			if at[d] < shape[d] {
				break
			}
			src -= at[d] * stride[d]
			at[d] = 0
		}
	}
	return out
}

// WriteNpy writes data, in C order, as a NumPy array file of little-endian
// float64, all or nothing (see WriteFile). Without a shape the array has one
// dimension; a shape whose product is not len(data), or with a negative entry,
// is an error.
func WriteNpy(path string, data []float64, shape ...int) error {
	if len(shape) == 0 {
		shape = []int{len(data)}
	}
	if n, err := product(shape); err != nil || n != len(data) {
		return fmt.Errorf("%s: %d values do not fill the shape %s", path, len(data), shapeString(shape))
	}
	return WriteFile(path, func(w io.Writer) error { return encodeNpy(w, data, shape) })
}

func encodeNpy(w io.Writer, data []float64, shape []int) error {
	text := "{'descr': '<f8', 'fortran_order': False, 'shape': " + shapeString(shape) + ", }"
	// Magic, version, length, text and newline fill a multiple of 64 bytes, so
	// that a mapped file has aligned data.
	const fixed = len(npyMagic) + 4
	pad := 63 - (fixed+len(text))%64
	text += strings.Repeat(" ", pad) + "\n"
	if len(text) > math.MaxUint16 {
		return fmt.Errorf("too many dimensions (%d)", len(shape))
	}
	bw := bufio.NewWriterSize(w, 8*npyBatch)
	bw.WriteString(npyMagic + "\x01\x00")
	bw.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(text))))
	bw.WriteString(text)
	raw := make([]byte, 0, 8*npyBatch)
	for len(data) > 0 {
		m := min(len(data), npyBatch)
		raw = raw[:8*m]
		for k, v := range data[:m] {
			binary.LittleEndian.PutUint64(raw[8*k:], math.Float64bits(v))
		}
		if _, err := bw.Write(raw); err != nil {
			return err
		}
		data = data[m:]
	}
	return bw.Flush()
}
