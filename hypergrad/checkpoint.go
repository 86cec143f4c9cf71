package hypergrad

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"github.com/hgsolve/hgsolve/internal/formats"
)

// A checkpoint file is this line, which changes with the meaning of what follows;
// the fingerprint; the length of the state as a little-endian number of 8 bytes;
// the state (gob); and the SHA-256 sum of all of that.
const checkpointMagic = "hgsolve minimisation checkpoint, version 2\n"

// A learner has a state that outlives a solve and that can be saved. Where saving
// changes what it does next, it does so for the run that goes on and the one that
// is resumed alike.
type learner interface {
	Checkpoint() ([]byte, error)
	Resume(data []byte) error
}

// fingerprint identifies the run.
func (r *outerRun) fingerprint() (sum [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %d %v %v %v %d %T\n", r.Fingerprint, r.ny, r.nw, r.ErrorShare, r.FirstStep, r.MaxStep, r.Memory, r.Inner)
	var buffer [8]byte
	for _, v := range [][]float64{r.w, r.y, r.Low, r.High} {
		fmt.Fprintln(h, len(v))
		for _, x := range v {
			binary.LittleEndian.PutUint64(buffer[:], math.Float64bits(x))
			h.Write(buffer[:])
		}
	}
	h.Sum(sum[:0])
	return sum
}

// save writes the checkpoint.
func (r *outerRun) save() (err error) {
	if r.Checkpoint == "" {
		return nil
	}
	st := &r.st
	if l, is := any(r.Estimator).(learner); is {
		if st.Estimator, err = l.Checkpoint(); err != nil {
			return err
		}
	}
	if l, is := r.Inner.(learner); is {
		if st.Inner, err = l.Checkpoint(); err != nil {
			return err
		}
	}
	st.Path = r.path.save()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(st); err != nil {
		return fmt.Errorf("hypergrad: checkpoint: %w", err)
	}
	return formats.WriteFile(r.Checkpoint, func(w io.Writer) error {
		h := sha256.New()
		head := append([]byte(checkpointMagic), r.identity[:]...)
		head = binary.LittleEndian.AppendUint64(head, uint64(b.Len()))
		out := io.MultiWriter(w, h)
		for _, part := range [][]byte{head, b.Bytes()} {
			if _, err := out.Write(part); err != nil {
				return err
			}
		}
		_, err := w.Write(h.Sum(nil))
		return err
	})
}

// load reads the checkpoint, if there is one and it is wanted.
func (r *outerRun) load() (found bool, err error) {
	if r.Checkpoint == "" {
		return false, nil
	}
	r.identity = r.fingerprint()
	if r.Fresh {
		return false, nil
	}
	data, err := os.ReadFile(r.Checkpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := r.decode(data); err != nil {
		return false, fmt.Errorf("%s: %w", r.Checkpoint, err)
	}
	return true, nil
}

func (r *outerRun) decode(data []byte) error {
	rest, is := bytes.CutPrefix(data, []byte(checkpointMagic))
	if !is {
		return errors.New("not a checkpoint of a minimisation, or one of another version")
	}
	const head = sha256.Size + 8
	if len(rest) < head+sha256.Size {
		return errors.New("damaged checkpoint: cut short")
	}
	end := len(data) - sha256.Size
	if sum := sha256.Sum256(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return errors.New("damaged checkpoint: the checksum does not fit")
	}
	if !bytes.Equal(rest[:sha256.Size], r.identity[:]) {
		return errors.New("checkpoint of another problem, start or setting")
	}
	body := rest[head : len(rest)-sha256.Size]
	if binary.LittleEndian.Uint64(rest[sha256.Size:]) != uint64(len(body)) {
		return errors.New("damaged checkpoint: the length does not fit")
	}
	var st outerState
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(&st); err != nil {
		return fmt.Errorf("damaged checkpoint: %w", err)
	}
	if len(st.W) != r.nw || len(st.G) != r.nw || len(st.Y) != r.ny || len(st.S) != len(st.D) || len(st.Trace) == 0 {
		return errors.New("damaged checkpoint: lengths of vectors")
	}
	if !st.Path.valid() || st.Path.Len == 0 || st.Path.N != r.ny || st.Path.NW != r.nw {
		return errors.New("damaged checkpoint: the path")
	}
	for _, pair := range append(append([][]float64(nil), st.S...), st.D...) {
		if len(pair) != r.nw {
			return errors.New("damaged checkpoint: lengths of L-BFGS pairs")
		}
	}
	for _, l := range []struct {
		who  any
		data []byte
	}{{r.Estimator, st.Estimator}, {r.Inner, st.Inner}} {
		if l.data == nil {
			continue
		}
		who, is := l.who.(learner)
		if !is {
			return fmt.Errorf("checkpoint with the state of a solver that a %T does not have", l.who)
		}
		if err := who.Resume(l.data); err != nil {
			return err
		}
	}
	r.st, r.before, r.path = st, st.Elapsed, st.Path.history()
	return nil
}
