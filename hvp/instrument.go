package hvp

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Instrument returns a with a [Meter] that counts what is done with it. The
// wrapper has the capabilities, the promises and the accuracy of a, no more and no
// less; its transpose counts on the same meter. bytes is the memory traffic of one
// product; zero means 8·(rows+cols), reading x and writing dst.
//
// A [DiagonalMatrix] stays one: solvers that work with its entries directly make
// no calls that could be counted.
func Instrument(a Operator, name string, bytes int64) (Operator, *Meter) {
	rows, cols := a.Dims()
	if bytes <= 0 {
		bytes = 8 * (int64(rows) + int64(cols))
	}
	m := &Meter{name: name, bytes: bytes}
	return instrument(a, m, false), m
}

func instrument(a Operator, m *Meter, flipped bool) Operator {
	w := &instrumented{a: a, meter: m, flipped: flipped}
	if d, ok := a.(DiagonalMatrix); ok {
		return &instrumentedDiagonal{w, d}
	}
	return w
}

// A Meter counts the uses of one operator. It is safe for concurrent use.
type Meter struct {
	name  string
	bytes int64 // of one product

	products, transposed, vectors, blocks, ranges, rows, diags, failures, traffic, nanos atomic.Int64
}

// Usage is what a [Meter] has counted.
type Usage struct {
	// Products and Transposed count calls of Apply and ApplyTrans.
	Products, Transposed int64
	// Blocks counts calls of ApplyBlock and ApplyBlockSingle, and Vectors the vectors in
	// them.
	Blocks, Vectors int64
	// Ranges counts calls of ApplyRows and ApplyBlockRows, and Rows the rows in
	// them.
	Ranges, Rows int64
	// Diags counts calls of Diag and Failures all calls that returned an error.
	Diags, Failures int64
	// Bytes is the memory traffic: that of a product for each, its part for row
	// ranges and once for a block, with 8·(rows+cols) for each further vector.
	Bytes int64
	// Time is the sum over all calls of the time spent in them; calls at the
	// same time each count.
	Time time.Duration
}

// Usage returns the counts so far.
func (m *Meter) Usage() Usage {
	return Usage{
		Products: m.products.Load(), Transposed: m.transposed.Load(),
		Blocks: m.blocks.Load(), Vectors: m.vectors.Load(),
		Ranges: m.ranges.Load(), Rows: m.rows.Load(),
		Diags: m.diags.Load(), Failures: m.failures.Load(),
		Bytes: m.traffic.Load(), Time: time.Duration(m.nanos.Load()),
	}
}

// Reset sets all counts to zero.
func (m *Meter) Reset() {
	for _, c := range []*atomic.Int64{&m.products, &m.transposed, &m.vectors, &m.blocks, &m.ranges, &m.rows, &m.diags, &m.failures, &m.traffic, &m.nanos} {
		c.Store(0)
	}
}

// String returns the name and the counts that are not zero on one line.
func (m *Meter) String() string {
	u := m.Usage()
	var parts []string
	add := func(n int64, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(u.Products, "products")
	add(u.Transposed, "transposed")
	if u.Blocks > 0 {
		parts = append(parts, fmt.Sprintf("%d vectors in %d blocks", u.Vectors, u.Blocks))
	}
	if u.Ranges > 0 {
		parts = append(parts, fmt.Sprintf("%d rows in %d ranges", u.Rows, u.Ranges))
	}
	add(u.Diags, "diagonals")
	add(u.Failures, "failures")
	if parts == nil {
		return m.name + ": not used"
	}
	line := fmt.Sprintf("%s: %s; %.4g s, %.4g MB", m.name, strings.Join(parts, ", "), u.Time.Seconds(), float64(u.Bytes)/1e6)
	if u.Time > 0 && u.Bytes > 0 {
		line += fmt.Sprintf(", %.3g GB/s", float64(u.Bytes)/float64(u.Time))
	}
	return line
}

// end closes a call that began at start.
func (m *Meter) end(start time.Time, bytes int64, err error) {
	m.nanos.Add(int64(time.Since(start)))
	m.traffic.Add(bytes)
	if err != nil {
		m.failures.Add(1)
	}
}

// instrumented is the wrapper; flipped says that a is the transpose of what the
// meter was made for.
type instrumented struct {
	a       Operator
	meter   *Meter
	flipped bool
}

type instrumentedDiagonal struct {
	*instrumented
	DiagonalMatrix
}

func (w *instrumented) Dims() (rows, cols int)   { return w.a.Dims() }
func (w *instrumented) Structure() Structure     { return StructureOf(w.a) }
func (w *instrumented) Capabilities() Capability { return capabilitiesOf(w.a) }
func (w *instrumented) Accuracy() float64        { return AccuracyOf(w.a) }
func (w *instrumented) RowGrain() int            { return w.a.(grained).RowGrain() }

// count notes one product of A, or of Aᵀ.
func (w *instrumented) count(trans bool) {
	if trans != w.flipped {
		w.meter.transposed.Add(1)
	} else {
		w.meter.products.Add(1)
	}
}

func (w *instrumented) Apply(ctx context.Context, dst, x []float64) error {
	start := time.Now()
	err := w.a.Apply(ctx, dst, x)
	w.count(false)
	w.meter.end(start, w.meter.bytes, err)
	return err
}

func (w *instrumented) ApplyTrans(ctx context.Context, dst, x []float64) error {
	t, ok := Trans(w.a)
	if !ok {
		return fmt.Errorf("hvp: operator %T has no transpose", w.a)
	}
	start := time.Now()
	err := t.ApplyTrans(ctx, dst, x)
	w.count(true)
	w.meter.end(start, w.meter.bytes, err)
	return err
}

func (w *instrumented) ApplyRows(dst, x []float64, lo, hi int) {
	start := time.Now()
	w.a.(RowRanger).ApplyRows(dst, x, lo, hi)
	w.meter.ranges.Add(1)
	w.meter.rows.Add(int64(hi - lo))
	w.meter.end(start, int64(float64(w.meter.bytes)*float64(hi-lo)/float64(max(1, len(dst)))), nil)
}

func (w *instrumented) ApplyBlockRows(dst, x []float64, k, lo, hi int) {
	start := time.Now()
	w.a.(BlockRanger).ApplyBlockRows(dst, x, k, lo, hi)
	w.meter.ranges.Add(1)
	w.meter.rows.Add(int64(hi - lo))
	rows, cols := w.a.Dims()
	bytes := w.meter.bytes + int64(max(0, k-1))*8*(int64(rows)+int64(cols))
	w.meter.end(start, int64(float64(bytes)*float64(hi-lo)/float64(max(1, rows))), nil)
}

func (w *instrumented) ApplyBlockRowsSingle(dst, x []float32, k, lo, hi int) {
	start := time.Now()
	w.a.(SingleBlockRanger).ApplyBlockRowsSingle(dst, x, k, lo, hi)
	w.meter.ranges.Add(1)
	w.meter.rows.Add(int64(hi - lo))
	rows, cols := w.a.Dims()
	bytes := w.meter.bytes + int64(max(0, k-2))*4*(int64(rows)+int64(cols))
	w.meter.end(start, int64(float64(bytes)*float64(hi-lo)/float64(max(1, rows))), nil)
}

func (w *instrumented) ApplyBlock(ctx context.Context, dst, x []float64, k int) error {
	start := time.Now()
	err := w.a.(Blocker).ApplyBlock(ctx, dst, x, k)
	w.meter.blocks.Add(1)
	w.meter.vectors.Add(int64(k))
	rows, cols := w.a.Dims()
	w.meter.end(start, w.meter.bytes+int64(max(0, k-1))*8*(int64(rows)+int64(cols)), err)
	return err
}

func (w *instrumented) ApplyBlockSingle(ctx context.Context, dst, x []float32, k int) error {
	start := time.Now()
	err := w.a.(SingleBlocker).ApplyBlockSingle(ctx, dst, x, k)
	w.meter.blocks.Add(1)
	w.meter.vectors.Add(int64(k))
	rows, cols := w.a.Dims()
	w.meter.end(start, w.meter.bytes+int64(max(0, k-2))*4*(int64(rows)+int64(cols)), err)
	return err
}

func (w *instrumented) Diag(dst []float64) error {
	start := time.Now()
	err := w.a.(Diagonaler).Diag(dst)
	w.meter.diags.Add(1)
	w.meter.end(start, 8*int64(len(dst)), err)
	return err
}

var (
	_ Conditional    = (*instrumented)(nil)
	_ Approximate    = (*instrumented)(nil)
	_ DiagonalMatrix = (*instrumentedDiagonal)(nil)
)
