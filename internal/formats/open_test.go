package formats

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenDecompresses(t *testing.T) {
	plain := []byte("1 1:2 3:4\n")
	for name, data := range map[string][]byte{
		"plain":     plain,
		"gzip":      gzipped(plain),
		"two gzips": append(gzipped(plain[:4]), gzipped(plain[4:])...),
		"bzip2":     bzipped,
		"xz":        xzed(t, plain),
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Open(put(t, "any.name", data))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got, err := io.ReadAll(f)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestOpenShortFiles(t *testing.T) {
	// Shorter than some magic numbers, or nearly one.
	for _, text := range []string{"1", "BZ", "BZh", "BZhx", "\x1f", "\xfd7zXZ"} {
		f, err := Open(put(t, "f", []byte(text)))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil || string(got) != text {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "empty"), nil, 0o666)
	os.WriteFile(filepath.Join(dir, "cut.gz"), []byte("\x1f\x8b\x08"), 0o666)
	os.WriteFile(filepath.Join(dir, "bad.gz"), []byte("\x1f\x8bthis is not gzip"), 0o666)
	for _, c := range []struct{ name, want string }{
		{"empty", "DIR/empty: empty file"},
		{"cut.gz", "DIR/cut.gz: gzip data is truncated: unexpected EOF"},
		{"bad.gz", "DIR/bad.gz: gzip data is corrupt: gzip: invalid header"},
	} {
		f, err := Open(filepath.Join(dir, c.name))
		if f != nil {
			t.Errorf("%s: a reader comes with the error", c.name)
		}
		wantError(t, err, dir, c.want)
	}
	_, err := Open(dir)
	wantError(t, err, "", dir+": is a directory")
	_, err = Open(filepath.Join(dir, "missing"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), filepath.Join(dir, "missing")+": ") {
		t.Errorf("missing file: %v", err)
	}
}

// example makes LIBSVM text that compresses to more than one buffer.
func example(lines int) []byte {
	rng := rand.New(rand.NewPCG(1, 1))
	var b bytes.Buffer
	for range lines {
		writeLIBSVM(&b, randomLIBSVM(rng, 1))
	}
	return b.Bytes()
}

func TestDamagedCompression(t *testing.T) {
	lines := 20000
	if raceEnabled {
		lines = 3000
	}
	text := example(lines)
	gz, x := gzipped(text), xzed(t, text)
	flip := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 0x55
		return data
	}
	for _, c := range []struct {
		name string
		data []byte
		want string // after "NAME:LINE: "
	}{
		{"cut.gz", gz[:len(gz)/2], "gzip data is truncated: unexpected EOF"},
		{"sum.gz", flip(gz, len(gz)-6), "gzip data is corrupt: gzip: invalid checksum"},
		{"cut.bz2", bzipped[:len(bzipped)-8], "bzip2 data is truncated: unexpected EOF"},
		{"sum.bz2", flip(bzipped, len(bzipped)-3), "bzip2 data is corrupt: bzip2 data invalid: file checksum mismatch"},
		{"cut.xz", x[:len(x)/2], "xz data is truncated: unexpected EOF"},
		{"tail.xz", x[:len(x)-6], "xz data is truncated: unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := put(t, c.name, c.data)
			d, err := ReadLIBSVMFile(path, nil)
			if err == nil || d != nil {
				t.Fatalf("got %v, %v", d, err)
			}
			rest, ok := strings.CutPrefix(err.Error(), path+":")
			line, reason, _ := strings.Cut(rest, ": ")
			if !ok || line == "" || strings.Trim(line, "0123456789") != "" || reason != c.want {
				t.Errorf("error %s", err)
			}

			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			_, err = io.Copy(io.Discard, f)
			wantError(t, err, filepath.Dir(path), "DIR/"+c.name+": "+c.want)
		})
	}
}

func TestReadErrorReachesLine(t *testing.T) {
	r := io.MultiReader(strings.NewReader("1 1:1\n1 2:"), iotestErr{errors.New("disk on fire")})
	_, err := ReadLIBSVM(r, "x", nil)
	wantError(t, err, "", "x:2: disk on fire")
	_, err = ReadLIBSVM(iotestErr{nil}, "x", nil)
	wantError(t, err, "", "x:1: multiple Read calls return no data or error")
}

type iotestErr struct{ err error }

func (e iotestErr) Read([]byte) (int, error) { return 0, e.err }
