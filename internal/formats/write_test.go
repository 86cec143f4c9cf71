package formats

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func writeText(text string, err error) func(io.Writer) error {
	return func(w io.Writer) error {
		io.WriteString(w, text)
		return err
	}
}

// onlyFile checks that dir holds one file with these contents.
func onlyFile(t *testing.T, dir, name, text string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Name() != name {
		t.Errorf("directory holds %v, want %s only", list, name)
	}
	if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
		t.Errorf("%s holds %q, %v, want %q", name, got, err, text)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, text := range []string{"one", "", "three"} {
		if err := WriteFile(path, writeText(text, nil)); err != nil {
			t.Fatal(err)
		}
		onlyFile(t, dir, "f", text)
	}
}

func TestWriteFileRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := WriteFile("f", writeText("x", nil)); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, ".", "f", "x")
}

func TestWriteFileFailure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	boom := errors.New("boom")
	err := WriteFile(path, writeText("half", boom))
	wantError(t, err, dir, "DIR/f: boom")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("file after failure: %v", err)
	}
	if err := WriteFile(path, writeText("old", nil)); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, writeText("half", boom)); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	onlyFile(t, dir, "f", "old")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		WriteFile(path, func(w io.Writer) error { panic("oops") })
	}()
	onlyFile(t, dir, "f", "old")

	// An error about another file keeps that file's name.
	_, other := os.Open(filepath.Join(dir, "missing"))
	err = WriteFile(path, writeText("", other))
	wantError(t, err, "", path+": "+other.Error())
}

func TestWriteFileErrors(t *testing.T) {
	dir := t.TempDir()
	wantError(t, WriteFile(dir, writeText("x", nil)), "", dir+": is a directory")
	path := filepath.Join(dir, "no", "f")
	err := WriteFile(path, writeText("x", nil))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
}

func TestWriteFileMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits on Windows")
	}
	dir := t.TempDir()
	mode := func(name string) fs.FileMode {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return st.Mode()
	}
	f, err := os.Create(filepath.Join(dir, "created"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	path := filepath.Join(dir, "written")
	if err := WriteFile(path, writeText("x", nil)); err != nil {
		t.Fatal(err)
	}
	if mode("written") != mode("created") {
		t.Errorf("mode %v, os.Create gives %v", mode("written"), mode("created"))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, writeText("y", nil)); err != nil {
		t.Fatal(err)
	}
	if mode("written") != 0o600 {
		t.Errorf("mode %v after replacing a file of mode 0600", mode("written"))
	}
}

func TestWriteFileLinkAndDevice(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
	}
	dir, links := t.TempDir(), t.TempDir()
	path, link := filepath.Join(dir, "f"), filepath.Join(links, "l")
	os.WriteFile(path, []byte("old"), 0o666)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(link, writeText("new", nil)); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, dir, "f", "new")
	if st, err := os.Lstat(link); err != nil || st.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", st, err)
	}

	if err := WriteFile(os.DevNull, writeText("x", nil)); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(os.DevNull); err != nil || st.Mode()&fs.ModeDevice == 0 {
		t.Fatalf("%s is no device any more: %v, %v", os.DevNull, st, err)
	}
}
