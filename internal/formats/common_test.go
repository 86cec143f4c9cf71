package formats

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// dataFiles returns the real files that match pattern, and skips the test where
// they are not at hand.
func dataFiles(t testing.TB, pattern string) []string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "data")
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no %s under %s: the real data are not at hand", pattern, root)
	}
	return files
}

// put writes a file into a temporary directory and returns its path.
func put(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantError checks the whole message of an error, in which DIR stands for dir.
func wantError(t *testing.T, err error, dir, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	got := err.Error()
	if dir != "" {
		got = strings.ReplaceAll(got, dir+string(filepath.Separator), "DIR/")
	}
	if got != want {
		t.Errorf("error\n got %s\nwant %s", got, want)
	}
	if strings.Contains(got, "\n") {
		t.Errorf("error of more than one line: %q", got)
	}
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func xzed(t testing.TB, data []byte) []byte {
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bzipped is "1 1:2 3:4\n" compressed by bzip2; the standard library has no
// compressor.
var bzipped = []byte("\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x22\xc8\xc3\x24\x00\x00\x01\xd8\x00\x00\x10\x40\x00\x3c\x10\x20\x00\x31\x0c\x01\x0d\x36\x89\x18\xca\x91\x7c\x5d\xc9\x14\xe1\x42\x40\x8b\x23\x0c\x90")

// equalLIBSVM tells -0 from 0.
func equalLIBSVM(a, b *LIBSVM) bool {
	return a.Cols == b.Cols && equalBits(a.Labels, b.Labels) && slices.Equal(a.RowPtr, b.RowPtr) &&
		slices.Equal(a.Col, b.Col) && equalBits(a.Val, b.Val)
}
