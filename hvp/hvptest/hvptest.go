// Package hvptest checks that an operator keeps the contract of package hvp.
//
// Solvers trust an [hvp.Operator] in ways that a wrong implementation betrays
// only as slow convergence or as a hypergradient with three right digits. The
// checks here find such faults directly, with nothing but products:
//
//	func TestMyHessian(t *testing.T) {
//		hvptest.TestOperator(t, myHessian, nil)
//	}
//
// Run it under the race detector too. A preconditioner is an operator and is
// checked in the same way; its transpose is what an adjoint solve needs, and the
// adjoint identity is the test that it has the right one.
//
// [Check] is the same for a program to print: it returns a [Finding] for each
// [Property], with the worst error seen and where. Nothing here imports package
// testing. [Run] and [Trial] are the frame for checks of other things.
//
// # What is measured
//
// An identity such as ⟨u, A·v⟩ = ⟨Aᵀ·u, v⟩ holds in exact arithmetic only. Its
// error is divided by ‖u‖·‖A‖·‖v‖, the size of the rounding errors of a
// backward stable product, with ‖A‖ the largest ‖A·v‖/‖v‖ seen (HPCG checks the
// symmetry of its operators and preconditioners in this way). Vectors are drawn
// from generators with a seed: Gaussian ones, and ±1 ones (Rademacher), whose
// entries all have the same weight. A wrong entry of relative size δ in an
// operator of order n shows as an error near δ/n, far above the default
// tolerance. Where the contract says "the same", bits are compared.
package hvptest

import (
	"context"
	"fmt"
	"strings"

	"github.com/hgsolve/hgsolve/hvp"
)

// A Property is one promise of the contract of operators.
type Property string

// The properties, in the order in which they are checked.
const (
	Dimensions   Property = "dimensions"    // not negative, stable, square if symmetric
	Applies      Property = "applies"       // a product works at all and is finite
	ZeroToZero   Property = "zero"          // A·0 = 0
	Linear       Property = "linear"        // A(αu+βv) = αAu + βAv
	Symmetry     Property = "symmetric"     // ⟨u,Av⟩ = ⟨v,Au⟩, if promised
	Definiteness Property = "definite"      // xᵀAx > 0 (≥ 0), if promised
	Adjoint      Property = "adjoint"       // ⟨Au,v⟩ = ⟨u,Aᵀv⟩, if there is a transpose
	InputKept    Property = "input kept"    // x is not written to
	Overwrites   Property = "overwrites"    // dst is set, whatever it held
	NoRetention  Property = "no retention"  // neither slice is used after the call
	Repeatable   Property = "repeatable"    // the same bits again
	AnyWorkers   Property = "any workers"   // the same bits for 1, 2, 3 and 7 workers
	Concurrent   Property = "concurrent"    // the same bits from several goroutines at once
	RowRanges    Property = "row ranges"    // ApplyRows agrees with Apply and keeps to its rows
	Blocks       Property = "blocks"        // ApplyBlock agrees with Apply, column by column, and ApplyBlockRows with it
	Singles      Property = "single"        // ApplyBlockRowsSingle and ApplyBlockSingle agree with Apply to single precision, ranges with the whole, and columns with those alone
	Steps        Property = "steps"         // StepBlockRowsSingle agrees with ApplyBlockRowsSingle, and ranges with the whole
	Bands        Property = "bandwidth"     // rows depend on nothing beyond the bandwidth
	Diagonals    Property = "diagonal"      // Diag agrees with eᵢᵀAeᵢ
	WrongLengths Property = "wrong lengths" // are errors: no panic, no silence
)

// Properties lists all properties in the order in which they are checked.
func Properties() []Property {
	names := make([]Property, len(checks))
	for i, c := range checks {
		names[i] = c.property
	}
	return names
}

// Options are the choices of a check. The zero value works.
type Options struct {
	// Tol is the relative error that an identity may have. Zero means 1e-12,
	// which suits products computed in float64. An operator with errors of its
	// own, such as [hvp.FiniteDifference], needs more.
	Tol float64
	// Pairs is how many pairs of random vectors each identity is tried on. Zero
	// means 6.
	Pairs int
	// Samples is how many entries of the diagonal are compared. Zero means 16.
	Samples int
	// Goroutines is how many run at once. Zero means 4.
	Goroutines int
	// Seed of the random vectors. Zero means 1.
	Seed uint64
	// Skip names properties that the operator is known not to have.
	Skip []Property
}

func (o *Options) withDefaults() Options {
	var s Options
	if o != nil {
		s = *o
	}
	if s.Tol == 0 {
		s.Tol = 1e-12
	}
	if s.Pairs == 0 {
		s.Pairs = 6
	}
	if s.Samples == 0 {
		s.Samples = 16
	}
	if s.Goroutines == 0 {
		s.Goroutines = 4
	}
	if s.Seed == 0 {
		s.Seed = 1
	}
	return s
}

// Verdict is the outcome of the check of one property.
type Verdict int

const (
	// Holds: no violation was seen.
	Holds Verdict = iota
	// Violated: Detail says how.
	Violated
	// Absent: the operator does not claim to have it.
	Absent
	// NotChecked: the options skip it, or an earlier violation makes it
	// meaningless.
	NotChecked
)

// String returns the verdict in words.
func (v Verdict) String() string {
	switch v {
	case Holds:
		return "ok"
	case Violated:
		return "VIOLATED"
	case Absent:
		return "absent"
	case NotChecked:
		return "not checked"
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// A Finding is what was found out about one property.
type Finding struct {
	Property Property
	Verdict  Verdict
	// Worst is the largest relative error seen, and Tol what was allowed; both
	// are zero for properties that are compared bit by bit or not checked.
	Worst, Tol float64
	// Order is the power of the step with which the remainder of a Taylor
	// expansion vanishes, as observed; zero if nothing of the kind is measured.
	Order float64
	// Detail says where the worst case was, or how the property is violated.
	Detail string
}

// String returns the finding on one line.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-13s %v", f.Property, f.Verdict)
	if f.Tol > 0 {
		fmt.Fprintf(&b, ", worst error %.2g (allowed %.2g)", f.Worst, f.Tol)
	}
	if f.Order != 0 {
		fmt.Fprintf(&b, ", order %.2f", f.Order)
	}
	if f.Detail != "" {
		fmt.Fprintf(&b, ": %s", f.Detail)
	}
	return b.String()
}

// Check tries all properties on a and returns one finding for each, in order. It
// never panics, whatever a does. It costs some hundred products.
func Check(ctx context.Context, a hvp.Operator, opt *Options) []Finding {
	c := &checker{ctx: ctx, a: a, opt: opt.withDefaults()}
	trials := make([]Trial, len(checks))
	for i, k := range checks {
		trials[i] = Trial{k.property, func(f *Finding) error { return k.run(c, f) }, k.vital}
	}
	return Run(trials, c.opt.Skip)
}

// Violations returns the findings that are violations.
func Violations(findings []Finding) []Finding {
	var bad []Finding
	for _, f := range findings {
		if f.Verdict == Violated {
			bad = append(bad, f)
		}
	}
	return bad
}

// TB is the part of [testing.TB] that TestOperator needs. With it this package
// does without package testing, and programs can use [Check].
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// TestOperator reports every violation of the contract of [hvp.Operator] by a,
// and of what a promises, as an error of t. A nil opt means the defaults.
func TestOperator(t TB, a hvp.Operator, opt *Options) {
	t.Helper()
	for _, f := range Violations(Check(context.Background(), a, opt)) {
		t.Errorf("%T: %v", a, f)
	}
}
