package formats

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// WriteFile writes a file through write, all or nothing: the bytes go to a
// temporary file in the same directory, which is synced to disk and renamed to
// path only after everything has succeeded. On any error, and when write
// panics, the temporary file is removed and a file that was at path before is
// untouched.
//
// The writer is buffered and valid only inside write. An error of write comes
// back wrapped, after the file's name. A new file gets the permissions that
// os.Create would give (0666 less the umask), a replaced one keeps its own. A
// symbolic link stays and its target is replaced. A device or a pipe, such as
// /dev/stdout, cannot be renamed onto, so it is written directly.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	target := path
	mode := fs.FileMode(0)
	st, err := os.Stat(path)
	switch {
	case err != nil: // not there: the usual case; other reasons surface below
	case st.IsDir():
		return fmt.Errorf("%s: is a directory", path)
	case !st.Mode().IsRegular():
		return writeDirect(path, write)
	default:
		mode = st.Mode().Perm()
		if target, err = filepath.EvalSymlinks(path); err != nil {
			return inFile(path, err)
		}
	}

	f, err := createTemp(target)
	if err != nil {
		return inFile(path, err)
	}
	tmp, done := f.Name(), false
	defer func() {
		if !done {
			f.Close() // before the removal, which Windows refuses otherwise
			os.Remove(tmp)
		}
	}()
	if err := fill(f, path, write); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return inFile(path, err)
	}
	if err := f.Close(); err != nil {
		return inFile(path, err)
	}
	if mode != 0 {
		if err := os.Chmod(tmp, mode); err != nil {
			return inFile(path, err)
		}
	}
	if err := os.Rename(tmp, target); err != nil {
		return inFile(path, err)
	}
	done = true
	return nil
}

// fill writes the contents of f, which errors call path.
func fill(f *os.File, path string, write func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, bufferSize)
	err := write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		return nil
	}
	if pe, ok := err.(*fs.PathError); ok && pe.Path == f.Name() {
		err = pe.Err // our own write failed; the temporary name tells nobody anything
	}
	return fmt.Errorf("%s: %w", path, err)
}

func writeDirect(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return inFile(path, err)
	}
	if err := fill(f, path, write); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return inFile(path, err)
	}
	return nil
}

// createTemp makes a new file beside path. Unlike os.CreateTemp, which insists
// on 0600, it leaves the permissions to the umask.
func createTemp(path string) (*os.File, error) {
	dir, base := filepath.Split(path)
	for try := 0; ; try++ {
		name := dir + "." + base + "." + strconv.FormatUint(uint64(rand.Uint32()), 36) + ".tmp"
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) || try == 100 {
			return f, err
		}
	}
}
