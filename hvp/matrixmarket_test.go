package hvp_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hvp"
)

func TestReadMatrixMarket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mtx")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		text string
		want [4]float64 // row by row
		s    hvp.Structure
	}{
		{"coordinate real general\n2 2 3\n1 2 1.5\n1 2 1\n2 1 -1\n", [4]float64{0, 2.5, -1, 0}, 0},
		{"coordinate integer symmetric\n2 2 2\n1 1 3\n2 1 2\n", [4]float64{3, 2, 2, 0}, hvp.Symmetric},
		{"coordinate real symmetric\n2 2 3\n2 1 0.1\n2 1 0.2\n2 1 0.3\n", [4]float64{0, 0.1 + 0.2 + 0.3, 0.1 + 0.2 + 0.3, 0}, hvp.Symmetric},
		{"coordinate real skew-symmetric\n2 2 1\n2 1 2\n", [4]float64{0, -2, 2, 0}, 0},
		{"coordinate pattern general\n2 2 1\n2 2\n", [4]float64{0, 0, 0, 1}, 0},
		{"array real general\n2 2\n1\n2\n3\n4\n", [4]float64{1, 3, 2, 4}, 0},
		{"array real symmetric\n2 2\n1\n2\n3\n", [4]float64{1, 2, 2, 3}, hvp.Symmetric},
	} {
		write("%%MatrixMarket matrix " + c.text)
		a, err := hvp.ReadMatrixMarket(path)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		got := [4]float64{a.At(0, 0), a.At(0, 1), a.At(1, 0), a.At(1, 1)}
		if near := got[1]-c.want[1] < 1e-15 && c.want[1]-got[1] < 1e-15; got[0] != c.want[0] || !near || got[3] != c.want[3] || a.Structure() != c.s {
			t.Errorf("%q: %v, %v; want %v, %v", c.text, got, a.Structure(), c.want, c.s)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"coordinate real general\n2 2 1\n3 1 1\n", "a.mtx:3: row"},
		{"coordinate real general\n2 2 1\n1 1 nan\n", "a.mtx:3: value"},
		{"coordinate real general\n2 2 2\n1 1 1e308\n1 1 1e308\n", "a.mtx: hvp: repeated"},
	} {
		write("%%MatrixMarket matrix " + c.text)
		if a, err := hvp.ReadMatrixMarket(path); err == nil || a != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one with %q", c.text, err, c.want)
		}
	}
	if _, err := hvp.ReadMatrixMarket(path + "x"); err == nil {
		t.Error("a missing file was read")
	}
}
