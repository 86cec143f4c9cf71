package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.json")
	stdout, stderr, status := hgbench(t, "stream", "-n", "50000", "-rounds", "2", "-workers", "1,3", "-json", path, "-quiet")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	for _, want := range []string{"cpu ", "memory ", "go ", "kernel ", "dot ", "triad "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	var rep struct {
		Machine struct{ Cores int }
		Rows    []struct {
			Kernel  string
			Workers int
			GBs     struct{ Median float64 } `json:"gb_per_s"`
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &rep); err != nil {
		t.Fatal(err)
	}
	if rep.Machine.Cores < 1 || len(rep.Rows) != 4 || rep.Rows[3].Kernel != "triad" || rep.Rows[3].Workers != 3 || !(rep.Rows[0].GBs.Median > 0) {
		t.Errorf("report %+v", rep)
	}
	stdout, _, _ = hgbench(t, "stream", "-n", "5000", "-rounds", "1", "-workers", "2", "-format", "csv", "-quiet")
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][3] != "gb_per_s" || rows[2][0] != "triad" {
		t.Errorf("csv %v, %v", rows, err)
	}
	for _, args := range [][]string{{"-n", "0"}, {"-rounds", "0"}, {"-workers", "1,x"}, {"-workers", "0"}, {"-format", "xml"}, {"extra"}} {
		if stdout, stderr, status := hgbench(t, append([]string{"stream"}, args...)...); status != 2 || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%v: status %d, stderr %q", args, status, stderr)
		}
	}
}
