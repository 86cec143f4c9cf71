package formats

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
)

// maxToken bounds one token, not a line: lines may have any length.
const maxToken = bufferSize

// Classes of bytes in a text file. Bytes above 0x7f count as token bytes; they
// are harmless in comments and no number contains them.
const (
	inToken = iota
	blank
	newline
	comment
	control // what no text file holds
)

// Text classes where # or % starts a comment, or nothing does.
var (
	hashComments    = textClasses('#')
	percentComments = textClasses('%')
	noComments      = textClasses('\n')
)

func textClasses(commentByte byte) *[256]uint8 {
	var class [256]uint8
	for c := range ' ' {
		class[c] = control
	}
	class[0x7f] = control
	class[' '], class['\t'] = blank, blank
	class['\r'] = blank // of CRLF
	class[commentByte] = comment
	class['\n'] = newline
	return &class
}

// scanner cuts text into lines of tokens. It holds one buffer and allocates
// nothing per token.
//
// Use: first moves to the next line that has a token and returns it; then next
// returns the others of that line until nil, which must be reached before the
// following first.
type scanner struct {
	r        io.Reader
	name     string
	line     int // of the last token, from 1
	class    *[256]uint8
	buf      []byte
	pos, end int   // unread: buf[pos:end]
	last     byte  // the last byte that was read from r
	err      error // of r, io.EOF at the regular end
}

func newScanner(r io.Reader, name string, class *[256]uint8) *scanner {
	return &scanner{r: r, name: name, line: 1, class: class, buf: make([]byte, maxToken+1)}
}

// errorf returns an error at the current line.
func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{s.name, s.line}, args...)...)
}

// lastLine returns, at the end of the input, the number of its last line; the
// empty rest after the last newline is no line.
func (s *scanner) lastLine() int {
	if s.last == '\n' && s.line > 1 {
		return s.line - 1
	}
	return s.line
}

// fill reads more bytes behind the unread ones, which move to the front.
func (s *scanner) fill() error {
	if s.err == io.EOF {
		return io.EOF
	}
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.end -= s.pos
		s.pos = 0
	}
	if s.end == len(s.buf) {
		return s.errorf("token %s is longer than %d bytes", quote(s.buf), maxToken)
	}
	for try := 0; s.err == nil; try++ {
		n, err := s.r.Read(s.buf[s.end:])
		s.err = err
		if n > 0 {
			s.end += n
			s.last = s.buf[s.end-1]
			return nil
		}
		if try == 100 {
			s.err = io.ErrNoProgress
		}
	}
	if s.err == io.EOF {
		return io.EOF
	}
	return s.errorf("%w", cause(s.err))
}

// first returns the first token of the next line that has one, nil at the end
// of the input. The token is valid until the next call.
func (s *scanner) first() ([]byte, error) {
	for {
		tok, err := s.next()
		if err != nil {
			return nil, err
		}
		if tok != nil {
			if s.line == 1 && bytes.HasPrefix(tok, []byte("\xef\xbb\xbf")) {
				return nil, s.errorf("starts with a UTF-8 byte order mark, want plain text")
			}
			return tok, nil
		}
		if s.pos == s.end { // next stops short of a newline, so this is the end
			return nil, nil
		}
		s.pos++
		s.line++
	}
}

// next returns the next token of the line, nil at the end of the line or of
// the input. The token is valid until the next call.
func (s *scanner) next() ([]byte, error) {
	for {
		buf := s.buf[:s.end]
		i := s.pos
		for i < len(buf) && s.class[buf[i]] == blank {
			i++
		}
		s.pos = i
		if i < len(buf) {
			break
		}
		if err := s.fill(); err != nil {
			if err == io.EOF {
				return nil, nil
			}
			return nil, err
		}
	}
	n := 0 // bytes of the token so far
	for {
		tok := s.buf[s.pos:s.end]
		for n < len(tok) && s.class[tok[n]] == inToken {
			n++
		}
		if n < len(tok) {
			break
		}
		if err := s.fill(); err != nil {
			if err == io.EOF {
				break
			}
			return nil, err
		}
	}
	tok := s.buf[s.pos : s.pos+n]
	s.pos += n
	if s.pos < s.end {
		switch c := s.buf[s.pos]; s.class[c] {
		case control:
			return nil, s.errorf("not a text file (byte 0x%02x)", c)
		case comment:
			if n == 0 {
				return nil, s.skipLine()
			}
		}
	}
	if n == 0 {
		return nil, nil
	}
	return tok, nil
}

// skipLine drops the rest of the line, up to its newline.
func (s *scanner) skipLine() error {
	for {
		if i := bytes.IndexByte(s.buf[s.pos:s.end], '\n'); i >= 0 {
			s.pos += i
			return nil
		}
		s.pos = s.end
		if err := s.fill(); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}

// number returns the finite number that tok spells; what names it in errors.
func (s *scanner) number(what string, tok []byte) (float64, error) {
	v, ok := parseFloat(tok)
	switch {
	case ok && !math.IsInf(v, 0):
		return v, nil
	case ok:
		return 0, s.errorf("%s %s is out of range", what, quote(tok))
	}
	switch string(bytes.ToLower(bytes.TrimLeft(tok[:min(len(tok), 10)], "+-"))) {
	case "nan", "inf", "infinity":
		return 0, s.errorf("%s %s is not finite", what, quote(tok))
	}
	return 0, s.errorf("%s %s is not a number", what, quote(tok))
}

// pow10 holds the powers of ten that float64 represents exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// parseFloat parses [+-] digits [. digits] [e [+-] digits], with a digit before
// or after the point, to the nearest float64; ok reports the syntax only, a
// value too large comes back as ±Inf. The result has the bits that
// strconv.ParseFloat gives. Names such as nan, hexadecimal and underscores are
// not of this syntax.
func parseFloat(b []byte) (v float64, ok bool) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	var mant uint64
	start := i
	for i < len(b) && b[i]-'0' <= 9 {
		mant = 10*mant + uint64(b[i]-'0')
		i++
	}
	digits, exp := i-start, 0
	if i < len(b) && b[i] == '.' {
		i++
		start = i
		for i < len(b) && b[i]-'0' <= 9 {
			mant = 10*mant + uint64(b[i]-'0')
			i++
		}
		digits += i - start
		exp = start - i
	}
	if digits == 0 {
		return 0, false
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		sign := 1
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			if b[i] == '-' {
				sign = -1
			}
			i++
		}
		start = i
		e := 0
		for i < len(b) && b[i]-'0' <= 9 {
			if e < 1<<20 { // beyond any float64, far from overflow
				e = 10*e + int(b[i]-'0')
			}
			i++
		}
		if i == start {
			return 0, false
		}
		exp += sign * e
	}
	if i != len(b) {
		return 0, false
	}
	// Clinger's fast path: both operands are exact, so the one rounding of the
	// operation is the correct one. Nineteen digits cannot overflow mant.
	if digits <= 19 && mant < 1<<53 && -22 <= exp && exp <= 22 {
		v = float64(mant)
		if neg {
			v = -v
		}
		if exp < 0 {
			return v / pow10[-exp], true
		}
		return v * pow10[exp], true
	}
	// The only error left is the range, and then v is ±Inf as documented.
	v, _ = strconv.ParseFloat(string(b), 64)
	return v, true
}

// parseInt parses [+-] digits; ok reports the syntax only, a value beyond int64
// comes back as the nearest int64.
func parseInt(b []byte) (v int64, ok bool) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	if i == len(b) {
		return 0, false
	}
	over := false
	for ; i < len(b); i++ {
		d := int64(b[i]) - '0'
		if d < 0 || d > 9 {
			return 0, false
		}
		if v > (math.MaxInt64-d)/10 {
			over = true
			continue
		}
		v = 10*v + d
	}
	switch {
	case over && neg:
		return math.MinInt64, true
	case over:
		return math.MaxInt64, true
	case neg:
		return -v, true
	}
	return v, true
}
