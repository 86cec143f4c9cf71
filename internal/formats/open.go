package formats

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/ulikunitz/xz"
)

// bufferSize is the size of the buffers between a file and its parser.
const bufferSize = 64 << 10

// Open opens a file for reading and decompresses it on the way if it starts
// with the magic bytes of gzip, bzip2 or xz; the name does not matter. Reads
// are buffered. Concatenated streams of one kind read as one.
//
// A missing file, a directory and an empty file (of zero bytes) are errors.
// Compressed data that turns out truncated or corrupt is an error of Open or
// of a later Read, and names the file; bytes that came before it may have been
// delivered by then. The caller closes the result.
//
// An xz file makes its decoder allocate the dictionary that it announces
// (64 MiB for xz -9).
func Open(path string) (io.ReadCloser, error) {
	in, err := openInput(path)
	if err != nil {
		return nil, err
	}
	return in, nil
}

// input is an open file, decompressed.
type input struct {
	f     *os.File
	r     io.Reader
	name  string
	codec string // "" where the file is not compressed
	size  int64  // bytes that r delivers, as far as the file system knows; 0 unknown
}

func openInput(path string) (_ *input, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, inFile(path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	st, err := f.Stat()
	if err != nil {
		return nil, inFile(path, err)
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s: is a directory", path)
	}

	br := bufio.NewReaderSize(f, bufferSize)
	magic, err := br.Peek(6)
	if len(magic) == 0 {
		if err == io.EOF {
			return nil, fmt.Errorf("%s: empty file", path)
		}
		return nil, inFile(path, err)
	}
	in := &input{f: f, r: br, name: path}
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		in.codec = "gzip"
		in.r, err = gzip.NewReader(br)
	case bytes.HasPrefix(magic, []byte("BZh")) && len(magic) > 3 && '1' <= magic[3] && magic[3] <= '9':
		in.codec = "bzip2"
		in.r, err = bzip2.NewReader(br), nil
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		in.codec = "xz"
		in.r, err = xz.NewReader(br)
	default:
		if st.Mode().IsRegular() {
			in.size = st.Size()
		}
		err = nil
	}
	if err != nil {
		return nil, in.wrap(err)
	}
	return in, nil
}

func (in *input) Read(p []byte) (int, error) {
	n, err := in.r.Read(p)
	if err != nil && err != io.EOF {
		err = in.wrap(err)
	}
	return n, err
}

func (in *input) Close() error { return in.f.Close() }

// wrap says what is wrong with the stream: an error of the operating system as
// it is, anything else is the decoder's opinion of the data.
func (in *input) wrap(err error) error {
	if c := cause(err); in.codec == "" || c != err {
		return &streamError{in.name, c}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		// Not io.EOF itself: nobody must take this for a regular end.
		return &streamError{in.name, fmt.Errorf("%s data is truncated: %w", in.codec, io.ErrUnexpectedEOF)}
	}
	return &streamError{in.name, fmt.Errorf("%s data is corrupt: %w", in.codec, err)}
}
