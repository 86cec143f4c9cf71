package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/bench"
)

// brokenWriter fails after some bytes, as a full disk does.
type brokenWriter struct{ room int }

var errFull = errors.New("no space left")

func (b *brokenWriter) Write(p []byte) (int, error) {
	if n := b.room; len(p) > n {
		b.room = 0
		return n, errFull
	}
	b.room -= len(p)
	return len(p), nil
}

// TestOutputThatFails: what could not be written is a failure, wherever it stops.
func TestOutputThatFails(t *testing.T) {
	for _, args := range [][]string{
		{"grad", "-problem", "quadratic", "-n", "20", "-quiet"},
		{"grad", "-problem", "quadratic", "-n", "20", "-quiet", "-json", "-"},
		{"solve", "-stencil", "2d:4", "-quiet"},
		{"check", "-problem", "quadratic", "-n", "20", "-quiet"},
		{"fit", "-problem", "quadratic", "-n", "20", "-quiet"},
		{"precond", "-stencil", "2d:4", "-quiet"},
		{"estimators", "-problem", "quadratic", "-n", "20", "-quiet", "-budget", "1"},
		{"scale", "-study", "size", "-n", "20", "-stream-n", "20", "-rounds", "1", "-quiet"},
		{"stream", "-n", "20", "-rounds", "1", "-quiet"},
		{"list"}, {"help"}, {"version"}, {"help", "grad"}, {"grad", "-h"},
	} {
		for _, room := range []int{0, 5} {
			var stderr bytes.Buffer
			if code := run(context.Background(), &brokenWriter{room}, &stderr, args); code != 1 {
				t.Errorf("%q with room for %d bytes: exit status %d", args, room, code)
			}
			if text := stderr.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "standard output: "+errFull.Error()) {
				t.Errorf("%q: %q", args, text)
			}
		}
	}
}

// TestInputIsNotReplaced: no output may be the file that is read, by whatever name.
func TestInputIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	matrix := "%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 4\n"
	a := file("a.mtx", matrix)
	train := file("train.svm", "+1 1:1\n-1 2:1\n")
	edges := file("edges.txt", "0 1\n1 0\n")
	other := filepath.Join(dir, ".", "x", "..", "a.mtx")
	if err := os.Mkdir(filepath.Join(dir, "x"), 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.npy")
	if err := os.Link(train, link); err != nil {
		t.Skip(err)
	}
	saved := filepath.Join(dir, "saved")
	if err := os.Mkdir(saved, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(edges, filepath.Join(saved, "y.npy")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"solve", "-matrix", a, "-out", a},
		{"solve", "-matrix", a, "-history", other},
		{"solve", "-matrix", a, "-json", other},
		{"solve", "-stencil", "2d:1", "-rhs", a, "-out", a},
		{"solve", "-stencil", "2d:1", "-x0", a, "-out", a},
		{"precond", "-matrix", a, "-json", a},
		{"grad", "-problem", "logistic", "-train", train, "-val", train, "-out", link},
		{"fit", "-problem", "logistic", "-train", train, "-val", train, "-checkpoint", train},
		{"check", "-problem", "logistic", "-train", train, "-val", train, "-json", train},
		{"estimators", "-problem", "logistic", "-train", train, "-val", train, "-json", train},
		{"scale", "-study", "strong", "-problem", "logistic", "-train", train, "-val", train, "-record", train},
		{"grad", "-problem", "pagerank", "-edges", edges, "-save", saved},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), &stdout, &stderr, args); code != 2 || !strings.Contains(stderr.String(), "would replace what -") || stdout.Len() > 0 {
			t.Errorf("%q: exit status %d, %q", args, code, stderr.String())
		}
	}
	if text, err := os.ReadFile(a); err != nil || string(text) != matrix {
		t.Errorf("%q, %v", text, err)
	}
}

// TestTooLarge: what no memory holds is refused, and names the flag or the file.
func TestTooLarge(t *testing.T) {
	if free := bench.AvailableMemory(); free == 0 || free > 1e11 {
		t.Skip("the memory is not known, or large")
	}
	huge := filepath.Join(t.TempDir(), "huge.mtx")
	if err := os.WriteFile(huge, []byte("%%MatrixMarket matrix coordinate real general\n2147483647 2147483647 1\n1 1 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"solve", "-matrix", huge}, {"solve", "-stencil", "2d:46340"}, {"grad", "-problem", "quadratic", "-n", "2147483647"},
		{"grad", "-size", "65536"}, {"grad", "-problem", "smoothing", "-grid", "3d:1290"}, {"stream", "-n", "17179869184"},
		{"scale", "-stream-n", "17179869184"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), &stdout, &stderr, append(args, "-quiet")); code != 1 || !strings.Contains(stderr.String(), args[len(args)-1]+": takes at least") &&
			!strings.Contains(stderr.String(), "takes at least") {
			t.Errorf("%q: exit status %d, %q", args, code, stderr.String())
		}
	}
}

// TestOddArguments: mistakes are named by the flag that was given.
func TestOddArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"scale", "-sizes", "0"}, `-sizes 0: "0" is not a number`},
		{[]string{"scale", "-sizes", ""}, "-sizes is empty"},
		{[]string{"scale", "-n", "1e4:1e3:10"}, "from ≤ to"},
		{[]string{"fit", "-problem", "quadratic", "-n", "20", "-log", os.DevNull}, "-log " + os.DevNull + " is not a regular file"},
		{[]string{"fit", "-problem", "quadratic", "-n", "20", "-checkpoint", os.DevNull}, "is not a regular file"},
		{[]string{"compare", os.DevNull, os.DevNull}, "is a device"},
		{[]string{"solve", "-stencil", "2d:40", "-maxtime", "1e-12", "-quiet"}, "TimeLimit"},
		{[]string{"grad", "-picture", "x.jpg"}, "-picture x.jpg: the name must end in .png"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), &stdout, &stderr, c.args); code == 0 || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%q: exit status %d, %q", c.args, code, stderr.String())
		}
	}
}
