package hvptest_test

import (
	"errors"
	"fmt"
	"go/build"
	"slices"
	"testing"

	"github.com/hgsolve/hgsolve/hvp/hvptest"
)

func TestRun(t *testing.T) {
	trial := func(name hvptest.Property, run func(*hvptest.Finding) error) hvptest.Trial {
		return hvptest.Trial{Property: name, Run: run}
	}
	small := func(f *hvptest.Finding) error {
		f.Tol = 0.1
		f.Saw(0, 0, "nothing")
		f.Saw(1, 20, "first")
		f.Saw(1, 30, "second")
		return nil
	}
	vital := trial("vital", func(*hvptest.Finding) error { return errors.New("no") })
	vital.Vital = true
	got := hvptest.Run([]hvptest.Trial{
		trial("holds", small),
		trial("too large", func(f *hvptest.Finding) error { err := small(f); f.Saw(1, 2, "third"); return err }),
		trial("absent", func(*hvptest.Finding) error { return hvptest.ErrAbsent }),
		trial("unknown", func(*hvptest.Finding) error { return fmt.Errorf("%w: noise", hvptest.ErrUnknown) }),
		trial("panics", func(*hvptest.Finding) error { panic("boom") }),
		trial("skipped", small),
		vital,
		trial("after", small),
	}, []hvptest.Property{"skipped"})
	want := []hvptest.Finding{
		{Property: "holds", Verdict: hvptest.Holds, Worst: 0.05, Tol: 0.1, Detail: "first"},
		{Property: "too large", Verdict: hvptest.Violated, Worst: 0.5, Tol: 0.1, Detail: "third"},
		{Property: "absent", Verdict: hvptest.Absent},
		{Property: "unknown", Verdict: hvptest.NotChecked, Detail: "cannot be told: noise"},
		{Property: "panics", Verdict: hvptest.Violated, Detail: "panic: boom"},
		{Property: "skipped", Verdict: hvptest.NotChecked, Detail: "skipped on request"},
		{Property: "vital", Verdict: hvptest.Violated, Detail: "no"},
		{Property: "after", Verdict: hvptest.NotChecked, Detail: `because "vital" is violated`},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// TestNoTesting: programs import this package.
func TestNoTesting(t *testing.T) {
	p, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(p.Imports, "testing") {
		t.Error("package testing is imported")
	}
}
