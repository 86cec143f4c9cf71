package hvp

import (
	"context"
	"errors"
	"fmt"

	"github.com/hgsolve/hgsolve/internal/parallel"
)

// A PairField is a vector-valued function of two vectors, such as ∂E/∂y or ∂E/∂w:
// it sets dst = f(y, w). It must be safe for concurrent calls and keeps no slice.
type PairField func(ctx context.Context, dst, y, w []float64) error

// MixedDifference is ∂G/∂w, n_y × n_w, by differences:
//
//	(∂G/∂w)·u  ≈ ( G(y, w+h·u) − G(y, w−h·u) ) / 2h
//	(∂G/∂w)ᵀ·q ≈ ( ∇_wE(y+h·q, w) − ∇_wE(y−h·q, w) ) / 2h
//
// The second line holds where G = ∂E/∂y comes from an energy whose gradient in w
// is at hand: since the mixed derivatives can be taken in either order, the
// transpose costs two gradients, whatever n_w is, and nobody derives a second
// derivative (Domke, Generic methods for optimization-based modeling, AISTATS
// 2012). Without ∇_wE the transpose takes the columns one by one, 2·n_w
// evaluations of G.
//
// Step and accuracy are those of [FiniteDifference], for each of the two lines by
// itself, measured at its first use.
type MixedDifference struct {
	inW, inY differ // inY.field is nil without ∇_wE
}

// NewMixedDifference returns ∂G/∂w at (y, w), which it keeps. gradW is ∂E/∂w if G
// is ∂E/∂y, or nil. Of the settings, Promise is not used. Nothing is evaluated yet.
func NewMixedDifference(g, gradW PairField, y, w []float64, s *FiniteDifferenceSettings) (*MixedDifference, error) {
	if g == nil {
		return nil, errors.New("hvp: mixed differences of a nil function")
	}
	if s == nil {
		s = &FiniteDifferenceSettings{}
	}
	m := new(MixedDifference)
	err := m.inW.init(func(ctx context.Context, dst, w []float64) error { return g(ctx, dst, y, w) }, w, len(y), s)
	if err != nil {
		return nil, err
	}
	if gradW != nil {
		err = m.inY.init(func(ctx context.Context, dst, y []float64) error { return gradW(ctx, dst, y, w) }, y, len(w), s)
	} else {
		m.inY.at = y
	}
	return m, err
}

// Dims implements [Operator].
func (m *MixedDifference) Dims() (rows, cols int) { return len(m.inY.at), len(m.inW.at) }

// Apply implements [Operator].
func (m *MixedDifference) Apply(ctx context.Context, dst, u []float64) error {
	rows, cols := m.Dims()
	if err := checkShape(rows, cols, dst, u, 1); err != nil {
		return err
	}
	if err := m.inW.ready(ctx); err != nil {
		return err
	}
	return m.inW.along(ctx, dst, nil, u, m.inW.step)
}

// ApplyTrans implements [Transposer].
func (m *MixedDifference) ApplyTrans(ctx context.Context, dst, q []float64) error {
	rows, cols := m.Dims()
	if err := checkShape(cols, rows, dst, q, 1); err != nil {
		return err
	}
	if m.inY.field != nil {
		if err := m.inY.ready(ctx); err != nil {
			return err
		}
		return m.inY.along(ctx, dst, nil, q, m.inY.step)
	}
	if err := m.inW.ready(ctx); err != nil {
		return err
	}
	unit, column := make([]float64, cols), make([]float64, rows)
	for j := range dst {
		if err := ctx.Err(); err != nil {
			return err
		}
		unit[j] = 1
		if err := m.inW.along(ctx, column, nil, unit, m.inW.step); err != nil {
			return fmt.Errorf("difference in w[%d]: %w", j, err)
		}
		unit[j] = 0
		dst[j] = parallel.Dot(parallel.FromContext(ctx), column, q)
	}
	return nil
}

// Accuracy implements [Approximate] for both products: the worse of the two. It
// evaluates the functions unless both have been used; where that fails it is 1.
func (m *MixedDifference) Accuracy() float64 {
	return max(m.inW.measured(), m.TransAccuracy())
}

// TransAccuracy is the accuracy of ApplyTrans alone.
func (m *MixedDifference) TransAccuracy() float64 {
	if m.inY.field == nil {
		return m.inW.measured()
	}
	return m.inY.measured()
}

// measured returns the accuracy, measuring it if that has not been done.
func (d *differ) measured() float64 {
	if d.ready(context.Background()) != nil {
		return 1
	}
	return d.accuracy
}

var (
	_ Operator    = (*MixedDifference)(nil)
	_ Transposer  = (*MixedDifference)(nil)
	_ Approximate = (*MixedDifference)(nil)
)
