package formats

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"unicode/utf8"
)

// streamError is what a reader from Open returns: the cause, and the file it
// belongs to. A parser that knows the line takes the cause out of it, so that
// the name is not printed twice.
type streamError struct {
	name string
	err  error // without the name
}

func (e *streamError) Error() string { return e.name + ": " + e.err.Error() }
func (e *streamError) Unwrap() error { return e.err }

// cause strips what would repeat the file's name: the stream wrapper above and
// the operation and path of os errors. Only the outermost error is looked at;
// deeper ones may be about another file.
func cause(err error) error {
	switch e := err.(type) {
	case *streamError:
		return e.err
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}

// inFile returns err as an error of the file name.
func inFile(name string, err error) error {
	return fmt.Errorf("%s: %w", name, cause(err))
}

// quote quotes a token for an error message, cut to 40 bytes.
func quote(tok []byte) string {
	const most = 40
	if len(tok) <= most {
		return strconv.Quote(string(tok))
	}
	n := most
	for n > most-utf8.UTFMax && !utf8.RuneStart(tok[n]) {
		n--
	}
	return strconv.Quote(string(tok[:n]) + "…")
}
