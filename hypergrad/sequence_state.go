package hypergrad

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/krylov"
)

// stateVersion changes with the meaning of savedState.
const stateVersion = 2

// savedState is the state of a sequence in a checkpoint.
type savedState struct {
	Version, N, NW, Solves int
	Rate                   float64
	Warm, Project          backoff

	Guess savedHistory

	Plain, Best float64
	Gathered    int
	Pause       backoff
	Space       []byte
}

// Checkpoint returns what the Estimator has learned from earlier solves, for
// [Estimator.Resume] in another process. Preconditioners, and what a Method
// remembers by itself, cannot be saved: this one forgets its own, and both begin
// anew with these at the next solve, so that the run that goes on and the one that
// is resumed have the same bits.
func (e *Estimator) Checkpoint() ([]byte, error) {
	q := &e.seq
	q.lag = lag{}
	e.resetMethod()
	s := savedState{
		Version: stateVersion, N: q.n, NW: q.nw, Solves: q.solves, Rate: q.rate, Warm: q.warm, Project: q.project,
		Guess: q.guess.save(),
		Plain: q.recycle.Plain, Best: q.recycle.Best, Gathered: q.recycle.Gathered, Pause: q.recycle.pause,
	}
	if q.recycle.space != nil {
		var err error
		if s.Space, err = q.recycle.space.MarshalBinary(); err != nil {
			return nil, fmt.Errorf("hypergrad: checkpoint: %w", err)
		}
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(&s); err != nil {
		return nil, fmt.Errorf("hypergrad: checkpoint: %w", err)
	}
	return b.Bytes(), nil
}

// Resume puts the Estimator where the one that [Estimator.Checkpoint] was called of
// was. The next solve must be one of the same problem: a Problem of other sizes
// begins anew, but one of the same sizes is taken for the same. Settings are not
// part of the state. After an error e is unchanged.
func (e *Estimator) Resume(data []byte) error {
	var s savedState
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return fmt.Errorf("hypergrad: resume: %w", err)
	}
	if err := s.validate(); err != nil {
		return fmt.Errorf("hypergrad: resume: %w", err)
	}
	var space *krylov.Space
	if s.Space != nil {
		space = new(krylov.Space)
		if err := space.UnmarshalBinary(s.Space); err != nil {
			return fmt.Errorf("hypergrad: resume: %w", err)
		}
	}
	e.seq = sequence{n: s.N, nw: s.NW, solves: s.Solves, rate: s.Rate, warm: s.Warm, project: s.Project}
	e.seq.guess = s.Guess.history()
	e.seq.recycle = recycling{space: space, pause: s.Pause, Plain: s.Plain, Best: s.Best, Gathered: s.Gathered}
	return nil
}

// validate looks for what no Estimator writes.
func (s *savedState) validate() error {
	if s.Version != stateVersion {
		return fmt.Errorf("state of version %d, want %d", s.Version, stateVersion)
	}
	wrong := errors.New("the state is damaged")
	switch {
	case s.N < 0 || s.NW < 0 || s.Solves < 0, s.Guess.Len > 0 && (s.Guess.N != s.N || s.Guess.NW != s.NW), !s.Guess.valid():
		return wrong
	}
	if !allFinite([]float64{s.Rate, s.Plain, s.Best}) {
		return wrong
	}
	return nil
}

func positive(v float64) bool { return v > 0 && !math.IsInf(v, 0) }

func allFinite(x []float64) bool {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
