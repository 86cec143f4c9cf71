package formats

import (
	"bytes"
	"fmt"
	"io"
	"math"
)

// MatrixMarket is a matrix as a Matrix Market file stores it.
//
// Sparse (coordinate) files have Dense false and entries (I[k], J[k], V[k]), in
// the file's order, indices counted from 0. Of a symmetric or skew-symmetric
// matrix only the lower triangle is there, as in the file; see Expand.
// Duplicates and explicit zeros are kept; duplicates are meant to be summed.
//
// Dense (array) files have Dense true, I and J nil and the full matrix in V,
// column by column: element (i, j) is V[j*Rows+i]. Symmetry then tells only
// what the file promised.
type MatrixMarket struct {
	Rows, Cols int    // either may be 0
	Symmetry   string // "general", "symmetric" or "skew-symmetric"
	Pattern    bool   // the file has no values and all of V is 1
	Dense      bool
	I, J       []int32
	V          []float64
}

const (
	general       = "general"
	symmetric     = "symmetric"
	skewSymmetric = "skew-symmetric"
)

// ReadMatrixMarket reads a Matrix Market file:
//
//	%%MatrixMarket matrix coordinate|array real|double|integer|pattern general|symmetric|skew-symmetric
//	% comments
//	rows columns entries (array: rows columns)
//	i j value, one entry a line (pattern: i j; array: value, column by column)
//
// The header may be in any case. Blank lines, and comments from % to the end of
// the line, may appear anywhere after it. Complex and hermitian matrices are
// not supported. Rows, columns and indices go up to 2³¹−1; values are finite
// and read to the nearest float64, those of an integer file without point or
// exponent.
//
// A number of entries that is not the announced one, an index out of range, a
// symmetric matrix that is not square or has an entry above the diagonal and a
// skew-symmetric one with a nonzero diagonal are errors. The name stands for
// the file in errors.
func ReadMatrixMarket(r io.Reader, name string) (*MatrixMarket, error) {
	p := &mtxParser{scanner: newScanner(r, name, noComments), m: &MatrixMarket{}}
	for _, step := range []func() error{p.header, p.size, p.entries} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return p.m, nil
}

// ReadMatrixMarketFile is ReadMatrixMarket for a file, which may be compressed
// (see Open).
func ReadMatrixMarketFile(path string) (*MatrixMarket, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadMatrixMarket(f, path)
}

type mtxParser struct {
	*scanner
	m        *MatrixMarket
	integer  bool
	count    int64 // entries that the file must have
	sizeLine int   // where it says so
}

// header reads the first line.
func (p *mtxParser) header() error {
	var word []string
	tok, err := p.next() // not first: the header must be on line 1
	for ; tok != nil && len(word) < 6; tok, err = p.next() {
		if len(word) == 0 && !bytes.EqualFold(tok, []byte("%%MatrixMarket")) {
			return p.errorf("no %%%%MatrixMarket header")
		}
		word = append(word, string(bytes.ToLower(tok[:min(len(tok), 64)])))
	}
	if err != nil {
		return err
	}
	if len(word) == 0 {
		return p.errorf("no %%%%MatrixMarket header")
	}
	if len(word) != 5 {
		return p.errorf("header must have five words: %%%%MatrixMarket matrix FORMAT FIELD SYMMETRY")
	}
	unsupported := func(what, got, want string) error {
		return p.errorf("%s %s is not supported (want %s)", what, quote([]byte(got)), want)
	}
	m := p.m
	if word[1] != "matrix" {
		return unsupported("object", word[1], "matrix")
	}
	switch word[2] {
	case "coordinate":
	case "array":
		m.Dense = true
	default:
		return unsupported("format", word[2], "coordinate or array")
	}
	switch word[3] {
	case "real", "double":
	case "integer":
		p.integer = true
	case "pattern":
		m.Pattern = true
	default:
		return unsupported("field", word[3], "real, double, integer or pattern")
	}
	switch word[4] {
	case general, symmetric, skewSymmetric:
		m.Symmetry = word[4]
	default:
		return unsupported("symmetry", word[4], "general, symmetric or skew-symmetric")
	}
	if m.Pattern && m.Dense {
		return p.errorf("a pattern needs the coordinate format")
	}
	if m.Pattern && m.Symmetry == skewSymmetric {
		return p.errorf("a pattern cannot be skew-symmetric")
	}
	p.class = percentComments
	return nil
}

// size reads the line of sizes.
func (p *mtxParser) size() error {
	m := p.m
	what := []string{"rows", "columns", "entries"}
	if m.Dense {
		what = what[:2]
	}
	var size [3]int64
	tok, err := p.first()
	if err != nil {
		return err
	}
	if tok == nil {
		p.line = p.lastLine()
		return p.errorf("no line of sizes")
	}
	n := 0
	for ; tok != nil; tok, err = p.next() {
		if n < len(what) {
			if size[n], err = p.whole(what[n], tok); err != nil {
				return err
			}
			most := int64(math.MaxInt32)
			if n == 2 {
				most = 1e18 // no file is longer, and sums with it cannot overflow
			}
			if size[n] < 0 || size[n] > most {
				return p.errorf("%s %s is not in 0…%d", what[n], quote(tok), most)
			}
		}
		n++
	}
	if err != nil {
		return err
	}
	if n != len(what) {
		return p.errorf("line of sizes has %d numbers, want %d", n, len(what))
	}
	m.Rows, m.Cols = int(size[0]), int(size[1])
	if m.Symmetry != general && m.Rows != m.Cols {
		return p.errorf("%s matrix of %d×%d is not square", m.Symmetry, m.Rows, m.Cols)
	}
	p.sizeLine = p.line
	switch rows := size[0]; {
	case !m.Dense:
		p.count = size[2]
	case m.Symmetry == symmetric:
		p.count = rows * (rows + 1) / 2
	case m.Symmetry == skewSymmetric:
		p.count = rows * (rows - 1) / 2
	default:
		p.count = rows * size[1]
	}
	return nil
}

// entries reads the lines after the sizes.
func (p *mtxParser) entries() error {
	m := p.m
	words := 3
	if m.Pattern {
		words = 2
	} else if m.Dense {
		words = 1
	}
	// A hint only: what the file announces may be far more than it holds.
	hint := int(min(p.count, 1<<16))
	m.V = make([]float64, 0, hint)
	if !m.Dense {
		m.I, m.J = make([]int32, 0, hint), make([]int32, 0, hint)
	}
	for {
		tok, err := p.first()
		if err != nil {
			return err
		}
		if tok == nil {
			break
		}
		if int64(len(m.V)) == p.count {
			return p.errorf("more entries than the %d of line %d", p.count, p.sizeLine)
		}
		if err := p.entry(tok); err != nil {
			return err
		}
		if tok, err := p.next(); err != nil {
			return err
		} else if tok != nil {
			return p.errorf("unexpected %s, an entry has %s", quote(tok), numbers(words))
		}
	}
	if int64(len(m.V)) < p.count {
		p.line = p.lastLine()
		return p.errorf("the file ends after %d of the %d entries of line %d", len(m.V), p.count, p.sizeLine)
	}
	if m.Dense && m.Symmetry != general {
		m.V = unpack(m.V, m.Rows, m.Symmetry)
	}
	return nil
}

func numbers(n int) string {
	if n == 1 {
		return "1 number"
	}
	return fmt.Sprintf("%d numbers", n)
}

// entry reads one entry, whose first token is tok, up to its last token.
func (p *mtxParser) entry(tok []byte) error {
	m := p.m
	if m.Dense {
		v, err := p.value(tok)
		m.V = append(m.V, v)
		return err
	}
	i, err := p.index("row", tok, m.Rows)
	if err != nil {
		return err
	}
	if tok, err = p.more("column"); err != nil {
		return err
	}
	j, err := p.index("column", tok, m.Cols)
	if err != nil {
		return err
	}
	if i < j && m.Symmetry != general {
		return p.errorf("entry (%d, %d) is above the diagonal, a %s file has the lower triangle only", i, j, m.Symmetry)
	}
	v := 1.0
	if !m.Pattern {
		if tok, err = p.more("value"); err != nil {
			return err
		}
		if v, err = p.value(tok); err != nil {
			return err
		}
	}
	if i == j && v != 0 && m.Symmetry == skewSymmetric {
		return p.errorf("entry (%d, %d) of a skew-symmetric matrix is %v, not 0", i, j, v)
	}
	m.I = append(m.I, int32(i-1))
	m.J = append(m.J, int32(j-1))
	m.V = append(m.V, v)
	return nil
}

// more returns the next token of the line, which must be there.
func (p *mtxParser) more(what string) ([]byte, error) {
	tok, err := p.next()
	if err == nil && tok == nil {
		err = p.errorf("entry without a %s", what)
	}
	return tok, err
}

func (p *mtxParser) value(tok []byte) (float64, error) {
	if p.integer {
		if _, err := p.whole("value", tok); err != nil {
			return 0, err
		}
	}
	return p.number("value", tok)
}

// index returns an index counted from 1, as in the file.
func (p *mtxParser) index(what string, tok []byte, most int) (int64, error) {
	i, err := p.whole(what, tok)
	if err == nil && (i < 1 || i > int64(most)) {
		err = p.errorf("%s %s is not in 1…%d", what, quote(tok), most)
	}
	return i, err
}

func (s *scanner) whole(what string, tok []byte) (int64, error) {
	v, ok := parseInt(tok)
	if !ok {
		return 0, s.errorf("%s %s is not a whole number", what, quote(tok))
	}
	return v, nil
}

// unpack returns the full n×n matrix of a packed lower triangle, both column by
// column; the triangle of a skew-symmetric matrix has no diagonal.
func unpack(packed []float64, n int, symmetry string) []float64 {
	full := make([]float64, n*n)
	below, sign := 0, 1.0
	if symmetry == skewSymmetric {
		below, sign = 1, -1
	}
	k := 0
	for j := range n {
		for i := j + below; i < n; i++ {
			full[i*n+j] = sign * packed[k]
			full[j*n+i] = packed[k]
			k++
		}
	}
	return full
}

// Expand returns the entries of the full matrix, indices counted from 0.
//
// Of a general sparse matrix these are I, J and V themselves, which the caller
// then shares with m. A symmetric or skew-symmetric one gives new slices: the
// stored entries in their order, then for each one off the diagonal its mirror
// image, with the opposite sign if skew-symmetric. A dense matrix gives its
// nonzeros column by column, in new slices.
func (m *MatrixMarket) Expand() (i, j []int32, v []float64) {
	if m.Dense {
		for k, x := range m.V {
			if x != 0 {
				i = append(i, int32(k%m.Rows))
				j = append(j, int32(k/m.Rows))
				v = append(v, x)
			}
		}
		return i, j, v
	}
	if m.Symmetry != symmetric && m.Symmetry != skewSymmetric {
		return m.I, m.J, m.V
	}
	full := 2 * len(m.V)
	for k := range m.V {
		if m.I[k] == m.J[k] {
			full--
		}
	}
	i = append(make([]int32, 0, full), m.I...)
	j = append(make([]int32, 0, full), m.J...)
	v = append(make([]float64, 0, full), m.V...)
	sign := 1.0
	if m.Symmetry == skewSymmetric {
		sign = -1
	}
	for k := range m.V {
		if m.I[k] != m.J[k] {
			i = append(i, m.J[k])
			j = append(j, m.I[k])
			v = append(v, sign*m.V[k])
		}
	}
	return i, j, v
}
