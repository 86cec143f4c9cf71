package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// RunSettings are the choices of [Run]. The zero value works.
type RunSettings struct {
	// Done are measurements of cells of the plan that need not be repeated.
	Done []Measurement
	// Append, if not nil, is called with each measurement as soon as it is
	// there. An error ends the run.
	Append func(Measurement) error
	// Progress, if not nil, is called before each step.
	Progress func(Progress)
	// Memory is what may be taken, in bytes. A cell that would need more,
	// judged by smaller ones of its kind, fails without being tried. Zero means
	// what the system says is available; negative no limit.
	Memory int64
}

// Progress says where a run stands.
type Progress struct {
	// Cell is the one at work, and Step what is done: set-up, or the round.
	Cell Cell
	Step string
	// Done of Total cells have been measured.
	Done, Total int
	// Remaining is an estimate, zero if there is none yet.
	Remaining time.Duration
}

// Run measures the cells of a plan, group by group: each system is set up, with
// its memory measured, and solved once to warm up; then the cells of the group
// run in turn, and with them the kernels of [Bandwidth] on as many workers. It
// returns the measurements of all cells in the order of the plan.
//
// A cell that fails is a measurement with an Error; Run itself fails when ctx
// ends or Append does, with what has been measured so far.
func Run(ctx context.Context, plan *Plan, maker Maker, s *RunSettings) ([]Measurement, error) {
	if s == nil {
		s = &RunSettings{}
	}
	if plan.Rounds < 1 || plan.StreamN < 0 {
		return nil, fmt.Errorf("bench: %d rounds with vectors of length %d", plan.Rounds, plan.StreamN)
	}
	r := &runner{RunSettings: *s, plan: plan, maker: maker, done: map[Cell]Measurement{}, begin: time.Now(), perUnknown: map[Cell]float64{}}
	for _, m := range s.Done {
		r.done[m.Cell] = m
		r.learn(&m)
	}
	cells := plan.Cells()
	r.total = len(cells)
	for _, c := range cells {
		if _, is := r.done[c]; !is {
			r.weight += weight(c)
		}
	}
	err := r.all(ctx)
	var out []Measurement
	for _, c := range cells {
		if m, is := r.done[c]; is {
			out = append(out, m)
		}
	}
	return out, err
}

type runner struct {
	RunSettings
	plan   *Plan
	maker  Maker
	stream *stream

	done         map[Cell]Measurement
	total        int
	begin        time.Time
	weight, past float64 // of all cells to be measured, and of those that are
	// perUnknown is the memory per unknown that a kind of system takes.
	perUnknown map[Cell]float64
}

// weight estimates how long a cell takes, in units of its own.
func weight(c Cell) float64 {
	w := float64(c.N) * float64(max(1, c.RHS)) * (1 + float64(c.NNZ)/10)
	if c.Cond > 0 {
		w *= 1 + math.Sqrt(c.Cond)/20
	}
	return 1e4 + w*(1+1/float64(min(c.Workers, runtime.NumCPU())))
}

func (r *runner) all(ctx context.Context) error {
	for i := range r.plan.Studies {
		for _, group := range r.plan.Studies[i].Groups {
			var cells []Cell
			for _, c := range group {
				if _, is := r.done[c]; !is {
					cells = append(cells, c)
				}
			}
			if len(cells) == 0 {
				continue
			}
			if err := r.group(ctx, cells); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *runner) progress(c Cell, format string, args ...any) {
	if r.Progress == nil {
		return
	}
	p := Progress{Cell: c, Step: fmt.Sprintf(format, args...), Done: len(r.done), Total: r.total}
	if r.past > 0 {
		spent := time.Since(r.begin)
		p.Remaining = time.Duration(float64(spent) * (r.weight - r.past) / r.past)
	}
	r.Progress(p)
}

// prepared is a system with what is known of it.
type prepared struct {
	*System
	result Measurement // without cell and times
	times  int         // that it runs in a round
}

// group measures cells that are compared with each other.
func (r *runner) group(ctx context.Context, cells []Cell) error {
	systems := map[Cell]*prepared{}
	for _, c := range cells {
		key := c.system()
		if systems[key] == nil {
			most := c.Workers
			for _, d := range cells {
				if d.system() == key {
					most = max(most, d.Workers)
				}
			}
			r.progress(c, "setting up")
			var err error
			if systems[key], err = r.prepare(ctx, key, most); err != nil {
				return err
			}
		}
	}
	if r.stream == nil && r.plan.StreamN > 0 {
		r.stream = newStream(r.plan.StreamN)
	}
	ms := make([]Measurement, len(cells))
	solve := make([]float64, len(cells))
	var contenders []Contender
	index := make([]int, len(cells)) // of the contender of a cell
	roofs := map[int]int{}           // workers → index of the contender that is dot
	for i, c := range cells {
		p := systems[c.system()]
		ms[i] = p.result
		ms[i].Cell = c
		if !p.result.Converged() {
			continue
		}
		index[i] = len(contenders)
		round := 0
		contenders = append(contenders, Contender{c.String(), func() error {
			round++
			r.progress(c, "round %d of %d", round, r.plan.Rounds)
			return p.measure(ctx, c.Workers, &ms[i], &solve[i])
		}})
		if _, is := roofs[c.Workers]; !is && r.stream != nil {
			roofs[c.Workers] = len(contenders)
			contenders = append(contenders,
				Contender{"dot", func() error { return r.stream.dot(c.Workers) }},
				Contender{"triad", func() error { return r.stream.triad(c.Workers) }})
		}
	}
	seconds, err := interleave(ctx, 0, r.plan.Rounds, contenders)
	if err != nil {
		return err
	}
	for i, c := range cells {
		m := &ms[i]
		if m.Converged() {
			p := systems[c.system()]
			for k, t := range seconds[index[i]] {
				m.Seconds = append(m.Seconds, t/float64(p.times))
				if m.Solve[k] == 0 {
					m.Solve[k] = m.Seconds[k]
				}
			}
			if r.stream != nil {
				m.Dot = r.stream.rate(dotBytes, seconds[roofs[c.Workers]])
				m.Triad = r.stream.rate(triadBytes, seconds[roofs[c.Workers]+1])
			}
		} else {
			m.Seconds, m.Solve = nil, nil
		}
		if r.Append != nil {
			if err := r.Append(*m); err != nil {
				return err
			}
		}
		r.done[c] = *m
		r.past += weight(c)
		r.learn(m)
	}
	return nil
}

// measure runs the system as often as it takes to be timed. A failure is noted
// in m; only the end of ctx is an error.
func (p *prepared) measure(ctx context.Context, workers int, m *Measurement, solve *float64) error {
	*solve = 0
	for range p.times {
		out, err := p.Run(ctx, workers)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			m.fail(out.Status, err)
			return nil
		}
		*solve += out.Solve.Seconds() / float64(p.times)
	}
	m.Solve = append(m.Solve, *solve)
	return nil
}

// fail notes why a cell failed.
func (m *Measurement) fail(status string, err error) {
	if status == "" {
		status = "Failed"
	}
	m.Status, m.Error = status, strings.Join(strings.Fields(err.Error()), " ")
}

// prepare sets a system up, measures its memory and runs it once.
func (r *runner) prepare(ctx context.Context, c Cell, workers int) (*prepared, error) {
	p := &prepared{times: 1}
	m := &p.result
	if need, limit := r.perUnknown[kindOfSystem(c)]*float64(c.N), r.memory(); limit > 0 && need > limit {
		m.fail("OutOfMemory", fmt.Errorf("it would take about %.1f GiB, %.1f are available", need/(1<<30), limit/(1<<30)))
		return p, nil
	}
	before := heap(true)
	peak := watch()
	begin := time.Now()
	sys, err := r.maker(ctx, c)
	m.Setup = time.Since(begin).Seconds()
	if err == nil {
		p.System = sys
		m.Unknowns, m.Parameters, m.Nonzeros = sys.Unknowns, sys.Parameters, sys.Nonzeros
		begin = time.Now()
		var out Outcome
		out, err = sys.Run(ctx, workers)
		took := time.Since(begin).Seconds()
		const enough = 0.02 // seconds that a clock and a scheduler do not disturb much
		p.times = int(min(1000, max(1, math.Ceil(enough/took))))
		m.Method, m.Status, m.Iterations, m.Products = out.Method, out.Status, out.Iterations, out.Products
		if sys.Traffic >= 0 {
			m.Bytes = out.Bytes + int64(out.Products)*sys.Traffic
		}
	}
	m.Peak = max(0, peak()-before)
	m.Live = max(0, heap(true)-before)
	m.Peak = max(m.Peak, m.Live) // of small systems the heap has seen little
	runtime.KeepAlive(sys)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		m.fail(m.Status, err)
		p.System = nil // its memory can go
	} else if m.Status == "" {
		m.Status = "Converged"
	}
	return p, nil
}

// kindOfSystem is what systems of any size have in common.
func kindOfSystem(c Cell) Cell {
	c = c.system()
	c.N = 0
	return c
}

// learn keeps what a measurement says about the memory of larger systems.
func (r *runner) learn(m *Measurement) {
	// Small systems say little: their overheads are not proportional to n.
	if key := kindOfSystem(m.Cell); m.Unknowns >= 50_000 {
		r.perUnknown[key] = float64(m.Peak) / float64(m.Unknowns)
	}
}

// memory returns how many bytes may be taken, zero if that is not known.
func (r *runner) memory() float64 {
	switch {
	case r.Memory > 0:
		return float64(r.Memory)
	case r.Memory < 0:
		return 0
	}
	return AvailableMemory()
}

// AvailableMemory returns how many bytes the system says can be taken without
// swapping, zero if that is not known.
func AvailableMemory() float64 {
	kib, err := strconv.ParseFloat(strings.TrimSuffix(field("/proc/meminfo", "MemAvailable"), " kB"), 64)
	if err != nil {
		return 0
	}
	return kib * 1024
}

const heapMetric = "/memory/classes/heap/objects:bytes"

// heap returns the bytes of all objects, after a collection if asked for.
func heap(collect bool) int64 {
	if collect {
		runtime.GC()
		runtime.GC() // what was in a sync.Pool goes with the second one only
	}
	sample := []metrics.Sample{{Name: heapMetric}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// watch looks at the heap all the time until the function that it returns is
// called, which returns the most that was seen.
func watch() (stop func() int64) {
	var most atomic.Int64
	end := make(chan struct{})
	var wg sync.WaitGroup
	look := func() { most.Store(max(most.Load(), heap(false))) }
	wg.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				look()
			}
		}
	})
	return func() int64 {
		close(end)
		wg.Wait()
		look()
		return most.Load()
	}
}

// Failed returns the measurements that have an error.
func Failed(ms []Measurement) []Measurement {
	return slices.DeleteFunc(slices.Clone(ms), func(m Measurement) bool { return m.Converged() })
}
