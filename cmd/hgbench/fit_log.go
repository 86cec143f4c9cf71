package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/formats"
)

// fitLog is a file of JSON records, one a line. Each record is one write at the
// end of the file, so that whatever ends the process leaves whole lines, but for
// the last; that is removed when the run goes on.
type fitLog struct {
	path string // empty: no log
	file *os.File
}

// add appends the record of p. The first one tells whether the file is continued
// or begun.
func (l *fitLog) add(p hypergrad.OuterProgress) error {
	if l.path == "" {
		return nil
	}
	if l.file == nil {
		keep := -1
		if p.Resumed {
			keep = p.Iteration
		}
		if err := l.open(keep); err != nil {
			return err
		}
		if p.Resumed {
			return nil // it was written before its checkpoint was
		}
	}
	line, err := json.Marshal(newFitRecord(&p))
	if err != nil {
		return err
	}
	_, err = l.file.Write(append(line, '\n'))
	return err
}

// open opens the file for appending after the records of iterations up to last.
func (l *fitLog) open(last int) error {
	text, err := os.ReadFile(l.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept := text[:0:0]
	for line := range bytes.Lines(text) {
		var r struct{ Iteration *int }
		if last < 0 || !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &r) != nil || r.Iteration == nil || *r.Iteration > last {
			break
		}
		kept = append(kept, line...)
	}
	if len(kept) < len(text) || err != nil {
		err := formats.WriteFile(l.path, func(w io.Writer) error {
			_, err := w.Write(kept)
			return err
		})
		if err != nil {
			return err
		}
	}
	l.file, err = os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND, 0)
	return err
}

func (l *fitLog) close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
