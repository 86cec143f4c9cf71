package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hgsolve/hgsolve/hypergrad"
)

// brokenProblem has the energy e^w·Σ y_i⁴ and a Hessian product without a factor 2.
func brokenProblem() *problemData {
	p := &hypergrad.Funcs{
		NY: 3, NW: 1,
		EnergyValue: func(y, w []float64) (e float64, _ error) {
			for _, v := range y {
				e += math.Exp(w[0]) * v * v * v * v
			}
			return e, nil
		},
		Gradient: func(dst, y, w []float64) error {
			for i, v := range y {
				dst[i] = 4 * math.Exp(w[0]) * v * v * v
			}
			return nil
		},
		HVP: func(dst, v, y, w []float64) error {
			for i := range v {
				dst[i] = 6 * math.Exp(w[0]) * y[i] * y[i] * v[i]
			}
			return nil
		},
		LossValue: func(dy, _, y, _ []float64) (float64, error) { dy[0] = 1; return y[0], nil },
	}
	return &problemData{name: "broken", title: "broken", problem: p, w: []float64{0.5}, y: []float64{1, -2, 3}}
}

func TestCheckOfABrokenProblemFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	o := &checkOptions{json: path}
	var stdout, stderr bytes.Buffer
	err := o.run(t.Context(), &stdout, newProgress(&stderr, true), brokenProblem())
	status := exitStatus(t.Context(), &stderr, "check", err)
	if status != 1 || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "Linearize().Y.Apply") {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
	if out := stdout.String(); !strings.Contains(out, "hessian       VIOLATED") || !strings.Contains(out, "2 times as large") || !strings.Contains(out, "order 1.00") {
		t.Errorf("stdout:\n%s", out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rep struct {
		Holds    bool
		Findings []struct {
			Property, Verdict string
			Order             float64
		}
		Suspects []string
	}
	if err := json.Unmarshal(text, &rep); err != nil {
		t.Fatal(err)
	}
	if rep.Holds || len(rep.Suspects) != 1 {
		t.Errorf("report %+v", rep)
	}
	for _, f := range rep.Findings {
		switch f.Property {
		case "gradient":
			if f.Verdict != "ok" || f.Order < 1.9 {
				t.Errorf("%+v", f)
			}
		case "hessian":
			if f.Verdict != "VIOLATED" || f.Order > 1.1 {
				t.Errorf("%+v", f)
			}
		}
	}
}

// TestCheckOrders: the observed order of each derivative of the real problems.
func TestCheckOrders(t *testing.T) {
	_, train, held := files(t)
	for _, args := range [][]string{
		{"-size", "16", "-filters"},
		{"-size", "16", "-potential", "lorentzian", "-store-weights", "-direction-seed", "7"},
		{"-problem", "logistic", "-train", train, "-val", held},
	} {
		stdout, stderr, status := hgbench(t, append([]string{"check", "-quiet", "-json", "-"}, args...)...)
		var rep checkReport
		if err := json.Unmarshal([]byte(stdout), &rep); err != nil || status != 0 || !rep.Holds {
			t.Fatalf("%v: status %d, %v: %s%s", args, status, err, stderr, stdout)
		}
		for _, f := range rep.Findings {
			switch f.Property {
			case "gradient", "hessian", "mixed", "mixed trans", "loss in y":
				if f.Order < 1.9 {
					t.Errorf("%v: %s has the order %v", args, f.Property, f.Order)
				}
			}
		}
	}
}

func TestCheckUsage(t *testing.T) {
	_, train, held := files(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-problem", "poetry"}, "no problem"},
		{[]string{"-problem", "logistic", "-train", train, "-val", held, "-size", "32"}, "belongs to -problem denoise"},
		{[]string{"-train", train}, "belongs to -problem logistic"},
		{[]string{"-tol", "0"}, "-tol 0"},
		{[]string{"-tol", "NaN"}, "-tol NaN"},
		{[]string{"-directions", "0"}, "-directions 0"},
		{[]string{"-direction-seed", "0"}, "-direction-seed"},
		{[]string{"-spread", "-1"}, "-spread -1"},
		{[]string{"-workers", "-1"}, "-workers -1"},
		{[]string{"-w", "x"}, "-w x is neither"},
	} {
		stdout, stderr, status := hgbench(t, append([]string{"check", "-quiet"}, c.args...)...)
		if status != 2 || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: status %d, stdout %q, stderr %q; want %q", c.args, status, stdout, stderr, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if status := run(ctx, &out, &errs, []string{"check", "-size", "8", "-quiet"}); status != 130 || out.Len() > 0 {
		t.Errorf("interrupted: status %d, stdout %q, stderr %q", status, out.String(), errs.String())
	}
}
