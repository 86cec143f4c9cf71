package formats

import (
	"bytes"
	"fmt"
	"io"
	"math"
)

// LIBSVM holds labelled examples as the rows of a sparse matrix in compressed
// row storage: example r has Labels[r] and the features
// Col[k], Val[k] for RowPtr[r] ≤ k < RowPtr[r+1].
type LIBSVM struct {
	Labels []float64 // one per example, at least one
	RowPtr []int     // len(Labels)+1 offsets into Col and Val, the first is 0
	Col    []int32   // columns counted from 0, strictly increasing within a row
	Val    []float64 // finite; explicit zeros of the file are kept
	Cols   int       // largest column + 1 = largest index in the file; 0: no features at all
}

// LIBSVMOptions adjusts ReadLIBSVM. Nil and the zero value accept every finite
// label.
type LIBSVMOptions struct {
	// CheckLabel, if not nil, is asked once per example, in order. Its error is
	// wrapped with file and line.
	CheckLabel func(label float64) error
}

// ReadLIBSVM reads examples in the LIBSVM text format, one a line:
//
//	label index:value index:value … # comment
//
// Tokens are separated by spaces and tabs. Indices are whole numbers from 1 to
// 2³¹−1 that strictly increase along the line (an index i becomes column i−1);
// labels and values are finite decimal numbers, read to the nearest float64.
// Blank lines and lines of comment only are skipped, CRLF line ends are
// tolerated, lines may have any length. A file without an example, and qid:
// tokens (ranking data), are errors. The name stands for the file in errors.
func ReadLIBSVM(r io.Reader, name string, opt *LIBSVMOptions) (*LIBSVM, error) {
	if opt == nil {
		opt = &LIBSVMOptions{}
	}
	s := newScanner(r, name, hashComments)
	d := &LIBSVM{RowPtr: []int{0}}
	for {
		tok, err := s.first()
		if err != nil {
			return nil, err
		}
		if tok == nil {
			break
		}
		label, err := s.label(tok)
		if err != nil {
			return nil, err
		}
		if opt.CheckLabel != nil {
			if err := opt.CheckLabel(label); err != nil {
				return nil, s.errorf("%w", err)
			}
		}
		d.Labels = append(d.Labels, label)

		prev := int64(0) // index of the feature before
		for {
			tok, err := s.next()
			if err != nil {
				return nil, err
			}
			if tok == nil {
				break
			}
			index, i := int64(0), 0
			for i < len(tok) && tok[i]-'0' <= 9 && i < 10 { // ten digits hold 2³¹−1
				index = 10*index + int64(tok[i]-'0')
				i++
			}
			if i == 0 || i == len(tok) || tok[i] != ':' || index <= prev || index > math.MaxInt32 {
				return nil, s.badFeature(tok, prev)
			}
			v, err := s.number("value", tok[i+1:])
			if err != nil {
				return nil, err
			}
			d.Col = append(d.Col, int32(index-1))
			d.Val = append(d.Val, v)
			prev = index
		}
		d.RowPtr = append(d.RowPtr, len(d.Col))
		d.Cols = max(d.Cols, int(prev))
	}
	if len(d.Labels) == 0 {
		return nil, fmt.Errorf("%s: no examples", name)
	}
	return d, nil
}

// ReadLIBSVMFile is ReadLIBSVM for a file, which may be compressed (see Open).
func ReadLIBSVMFile(path string, opt *LIBSVMOptions) (*LIBSVM, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadLIBSVM(f, path, opt)
}

func (s *scanner) label(tok []byte) (float64, error) {
	if bytes.IndexByte(tok, ':') >= 0 {
		return 0, s.errorf("line starts with %s, want a label first", quote(tok))
	}
	return s.number("label", tok)
}

// badFeature says what is wrong with the index of a token that the fast path
// has refused; prev is the index before it, 0 for none.
func (s *scanner) badFeature(tok []byte, prev int64) error {
	head, _, colon := bytes.Cut(tok, []byte(":"))
	if !colon {
		return s.errorf("token %s has no colon, want index:value", quote(tok))
	}
	if string(head) == "qid" {
		return s.errorf("token %s: query ids (ranking data) are not supported", quote(tok))
	}
	index, ok := parseInt(head)
	switch {
	case !ok:
		return s.errorf("index %s is not a whole number", quote(head))
	case index <= 0:
		return s.errorf("index %s is below 1, the first index", quote(head))
	case index > math.MaxInt32:
		return s.errorf("index %s is beyond %d", quote(head), math.MaxInt32)
	case index <= prev:
		return s.errorf("index %d after %d, indices must strictly increase", index, prev)
	}
	return s.errorf("index %s has a sign or leading zeros", quote(head))
}
