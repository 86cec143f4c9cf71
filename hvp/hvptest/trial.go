package hvptest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// A Trial looks for violations of one property: the frame of [Check], for checks
// of other things than operators.
type Trial struct {
	Property Property
	// Run tries the property and notes errors by [Finding.Saw] against Tol,
	// which it sets. An error that it returns, or a panic, is a violation,
	// except for ErrAbsent and ErrUnknown.
	Run func(*Finding) error
	// Vital: after a violation the trials that follow mean nothing.
	Vital bool
}

var (
	// ErrAbsent is what a Trial returns when what it looks at does not claim
	// to have the property.
	ErrAbsent = errors.New("absent")
	// ErrUnknown is what a Trial wraps when it can tell neither way.
	ErrUnknown = errors.New("cannot be told")
)

// Run runs the trials in order, except those to skip, and returns one finding
// for each. It never panics.
func Run(trials []Trial, skip []Property) []Finding {
	skipped := make(map[Property]bool)
	for _, p := range skip {
		skipped[p] = true
	}
	findings := make([]Finding, 0, len(trials))
	broken := Property("")
	for _, k := range trials {
		f := Finding{Property: k.Property, Verdict: NotChecked}
		switch {
		case broken != "":
			f.Detail = fmt.Sprintf("because %q is violated", broken)
		case skipped[k.Property]:
			f.Detail = "skipped on request"
		default:
			f = k.verdict()
			if f.Verdict == Violated && k.Vital {
				broken = k.Property
			}
		}
		findings = append(findings, f)
	}
	return findings
}

// verdict runs a trial and turns what it returns, or its panic, into a verdict.
func (t Trial) verdict() (f Finding) {
	f.Property = t.Property
	err := Guard(func() error { return t.Run(&f) })
	switch {
	case errors.Is(err, ErrAbsent):
		return Finding{Property: t.Property, Verdict: Absent}
	case errors.Is(err, ErrUnknown):
		return Finding{Property: t.Property, Verdict: NotChecked, Detail: err.Error()}
	case err != nil:
		f.Verdict, f.Detail = Violated, err.Error()
	case f.Tol > 0 && !(f.Worst <= f.Tol):
		f.Verdict = Violated
	}
	return f
}

// Saw records an error relative to size, with words for where it was, if it is
// the worst so far. NaN is worse than all.
func (f *Finding) Saw(err, size float64, format string, args ...any) {
	if err == 0 {
		return // also 0/0
	}
	e := err / size
	if !(e <= f.Worst) && !math.IsNaN(f.Worst) {
		f.Worst, f.Detail = e, fmt.Sprintf(format, args...)
	}
}

// Guard returns the error of f, or its panic as a [*Panic].
func Guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Panic{r}
		}
	}()
	return f()
}

// A Panic is what a panic is turned into.
type Panic struct{ Value any }

// Error implements error.
func (p *Panic) Error() string {
	v := p.Value
	if w, ok := v.(*parallel.Panic); ok {
		v = w.Value // without the stack
	}
	return fmt.Sprintf("panic: %v", v)
}

// RandomVector returns random vector number k of length n: Gaussian for even k
// and ±1 for odd ones.
func RandomVector(seed uint64, k, n int) []float64 {
	rng := rand.New(rand.NewPCG(seed, uint64(k)))
	x := make([]float64, n)
	for i := range x {
		switch {
		case k%2 == 0:
			x[i] = rng.NormFloat64()
		case rng.Uint64()&1 == 0:
			x[i] = 1
		default:
			x[i] = -1
		}
	}
	return x
}

// VectorName says in words which random vector number k is.
func VectorName(k int) string {
	if k%2 == 0 {
		return fmt.Sprintf("Gaussian vector %d", k)
	}
	return fmt.Sprintf("±1 vector %d", k)
}

// SameBits compares two vectors and names the first difference. All NaN are the
// same.
func SameBits(got, want []float64) error {
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) && !(math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			return fmt.Errorf("element %d is %v, was %v", i, got[i], want[i])
		}
	}
	return nil
}
