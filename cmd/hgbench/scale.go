package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/krylov"
)

const scaleIntro = `hgbench scale measures how the time of hypergradients and of linear solves grows:
with the workers, the unknowns, the nonzeros per row, the condition number, the
right-hand sides and the parameters. Without flags it runs all studies at sizes that
take a few minutes.

	hgbench scale [flags]
	hgbench scale -study size -problem denoise -n 1e4:1e7:10 -record r.jsonl -html r.html
	hgbench scale -study strong,rhs -stencil 3d -n 1e6 -solver cg,minres -precond none,jacobi

What is timed for a problem is dL/dw at the solution of its inner problem:
derivatives, preconditioner, adjoint solve and mixed product; the inner solve is
set-up. With -stencil it is a plain solve with a random right-hand side: of the
Laplacian of a grid (1d, 2d, 3d), shifted to the condition number of -cond, or of a
band matrix (band) with so many -nnz. Each study has a problem by default: smoothing
for strong, weak and size, quadratic for cond and nw, band for nnz and 2d for rhs.

Cells that are compared run in turn, after one solve to warm up; medians are
quoted, with quartiles. In the same rounds the memory bandwidth is measured on as
many workers, and each cell gets its share of it: of is GB/s, by the model of
hgbench help solve, over the larger of dot and triad. It is above 100 % where caches
serve. bytes/n are measured on the heap: what a solved system keeps per unknown, and
the most that was taken until then.

With -record each cell is written to a file as soon as it is done, and the same
command goes on where it was interrupted. hgbench compare compares two of them.
A list is as in 1,2,8 or, from, to and factor, as in 1e4:1e7:10. The exit status
is 1 if a cell failed.

Flags:

`

// scaleOptions are the flags of hgbench scale.
type scaleOptions struct {
	studies         []string
	explicit        bool // -study was given
	problem         string
	stencil         string
	operator        string
	dim             int
	solvers         []string
	preconds        []string
	workers         []int
	values          map[string][]int // by flag: n, nnz, cond, rhs, nw
	rtol            float64
	rounds, streamN int
	predict         bool

	record, format, json, plot, html string
	quiet                            bool

	// data holds the flags of problems, and given the arguments for those that
	// were set.
	data  *flag.FlagSet
	given [][2]string
}

// ownFlags are flags of problems that scale sets itself, cell by cell.
var ownFlags = []string{"problem", "n", "nw", "cond", "size", "grid"}

func (o *scaleOptions) parse(stdout io.Writer, args []string) error {
	fs := newFlags("scale")
	var study, solver, precond string
	lists := map[string]*string{}
	fs.StringVar(&study, "study", "all", "`list` of studies: "+strings.Join(bench.KindNames(), ", ")+" or all")
	fs.StringVar(&o.problem, "problem", "", "`name` of the problem whose hypergradient is measured: "+oneOf(problemNames())+" (default: by study)")
	fs.StringVar(&o.stencil, "stencil", "", "plain solves instead of a problem: `kind` 1d, 2d or 3d, or band")
	fs.StringVar(&o.operator, "operator", assembled, "-stencil 1d, 2d or 3d: `form` of the matrix, assembled or matrix-free")
	fs.IntVar(&o.dim, "dim", 2, "smoothing: `dimensions` of the grid, 1 to 3")
	for _, name := range []string{"solver", "method"} {
		fs.StringVar(&solver, name, "auto", "`list` of methods: "+oneOf(krylov.Methods()))
	}
	fs.StringVar(&precond, "precond", "none", "`list` of preconditioners: "+precondNames())
	for _, l := range []struct{ name, usage string }{
		{"workers", "`list` of workers for strong and weak (default: powers of two up to all cores); others run on the last of them"},
		{"n", "`list` of unknowns, for weak of those per worker; studies but size take the last (default: by study)"},
		{"sizes", "the same as -n, a `list`"},
		{"nnz", "`list` of nonzeros per row, odd, for nnz (default 3,7,15,31)"},
		{"cond", "`list` of condition numbers for cond (default 10:10000:10); others take the first (default: 1000 for -stencil, less on small grids, 100 for quadratic)"},
		{"rhs", "`list` of right-hand sides for rhs (default 1,2,4,8)"},
		{"nw", "`list` of parameters of quadratic for nw (default 1:10000:10); others take the first"},
	} {
		text := new(string)
		lists[l.name] = text
		fs.StringVar(text, l.name, "", l.usage)
	}
	fs.Float64Var(&o.rtol, "rtol", krylov.DefaultRTol, "relative residual of the solves and gradient of inner problems")
	fs.IntVar(&o.rounds, "rounds", 5, "how often each cell is measured, `R` times")
	fs.IntVar(&o.streamN, "stream-n", bench.DefaultStreamN, "length `N` of the vectors that the bandwidth is measured with; take several times the size of the caches")
	fs.BoolVar(&o.predict, "predict", false, "say what more cores or memory channels would give, and where the memory ends")
	fs.StringVar(&o.record, "record", "", "append each cell to a `file` as it is done, or go on with one")
	fs.StringVar(&o.format, "format", "text", "`format` on standard output: text, csv, json or bench, that of Go benchmarks for benchstat")
	fs.StringVar(&o.json, "json", "", "write the report as JSON to a `file`, - for standard output")
	fs.StringVar(&o.plot, "plot", "", "write the charts to a `file`, .svg or .png")
	fs.StringVar(&o.html, "html", "", "write tables and charts as a page to a `file`")
	fs.BoolVar(&o.quiet, "quiet", false, "no progress")
	_, o.data = newDataFlags()
	o.data.VisitAll(func(f *flag.Flag) {
		if !slices.Contains(ownFlags, f.Name) {
			fs.Var(f.Value, f.Name, f.Usage)
		}
	})
	if err := parse(fs, stdout, scaleIntro, args); err != nil {
		return err
	}
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) {
		set[f.Name] = true
		if o.data.Lookup(f.Name) != nil && !slices.Contains(ownFlags, f.Name) {
			o.given = append(o.given, [2]string{f.Name, f.Value.String()})
		}
	})
	o.explicit = set["study"] && study != "all"
	if set["n"] && set["sizes"] || set["solver"] && set["method"] {
		return usagef("-n and -sizes, and -solver and -method, mean the same: give one")
	}
	o.values = map[string][]int{}
	for _, name := range []string{"workers", "n", "sizes", "nnz", "cond", "rhs", "nw"} { // in order, for errors
		v, err := parseList(name, *lists[name])
		if err != nil {
			return err
		}
		o.values[name] = v
	}
	if set["sizes"] {
		o.values["n"] = o.values["sizes"]
	}
	for _, name := range []string{"workers", "n", "sizes", "nnz", "cond", "rhs", "nw"} {
		if set[name] && *lists[name] == "" {
			return usagef("-%s is empty", name)
		}
	}
	if o.workers = o.values["workers"]; o.workers == nil {
		o.workers = bench.WorkerCounts()
	}
	o.studies = bench.KindNames()
	if o.explicit {
		o.studies = splitNames(study)
	}
	o.solvers, o.preconds = splitNames(solver), splitNames(precond)
	return o.check(set)
}

// splitNames splits at commas.
func splitNames(text string) []string {
	names := strings.Split(text, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

// parseList returns the numbers of a list such as 1,2,1e6 or 1e4:1e7:10.
func parseList(flag, text string) (values []int, err error) {
	if text == "" {
		return nil, nil
	}
	number := func(s string) (float64, error) {
		v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || !(v >= 1 && v <= math.MaxInt32) {
			return 0, usagef("-%s %s: %q is not a number from 1 to %d", flag, text, s, math.MaxInt32)
		}
		return v, nil
	}
	if parts := strings.Split(text, ":"); len(parts) == 3 {
		var v [3]float64
		for i, p := range parts {
			if v[i], err = number(p); err != nil {
				return nil, err
			}
		}
		if !(v[2] > 1) || v[1] < v[0] {
			return nil, usagef("-%s %s: want from:to:factor with from ≤ to and a factor above 1", flag, text)
		}
		for x := v[0]; x <= v[1]*(1+1e-9); x *= v[2] {
			if k := int(math.Round(x)); len(values) == 0 || k > values[len(values)-1] {
				values = append(values, k)
			}
			if len(values) > 1000 {
				return nil, usagef("-%s %s has more than 1000 values", flag, text)
			}
		}
		return values, nil
	} else if len(parts) != 1 {
		return nil, usagef("-%s %s is neither a list nor from:to:factor", flag, text)
	}
	for _, p := range strings.Split(text, ",") {
		v, err := number(p)
		if err != nil {
			return nil, err
		}
		if v != math.Trunc(v) {
			return nil, usagef("-%s %s: %q is not a whole number", flag, text, p)
		}
		values = append(values, int(v))
	}
	slices.Sort(values)
	return slices.Compact(values), nil
}

// check refuses what cannot work before anything is measured.
func (o *scaleOptions) check(set map[string]bool) error {
	for i, s := range o.studies {
		if slices.Contains(o.studies[:i], s) {
			return usagef("study %s twice", s)
		}
		if !slices.Contains(bench.KindNames(), s) {
			return usagef("no study %q; there are %s and all", s, strings.Join(bench.KindNames(), ", "))
		}
	}
	switch {
	case o.problem != "" && o.stencil != "":
		return usagef("-problem and -stencil exclude each other")
	case o.stencil != "" && !slices.Contains(stencilKinds, o.stencil):
		return usagef("-stencil %s is none of %s", o.stencil, oneOf(stencilKinds))
	case o.operator != assembled && o.operator != matrixFree:
		return usagef("no operator %q; there are %s and %s", o.operator, assembled, matrixFree)
	case set["operator"] && (o.stencil == "" || o.stencil == "band"):
		return usagef("-operator belongs to -stencil 1d, 2d or 3d")
	case o.dim < 1 || o.dim > 3:
		return usagef("-dim %d must be 1, 2 or 3", o.dim)
	case !(o.rtol > 0 && o.rtol < 1):
		return usagef("-rtol %v must be between 0 and 1", o.rtol)
	case o.rounds < 1 || o.rounds > 10_000:
		return usagef("-rounds %d must be 1 … 10000", o.rounds)
	case o.streamN < 1 || o.streamN > 1<<34:
		return usagef("-stream-n %d must be 1 … 2^34", o.streamN)
	case !slices.Contains([]string{"text", "csv", "json", "bench"}, o.format):
		return usagef("no format %q; there are text, csv, json and bench", o.format)
	}
	for _, v := range o.values["nnz"] {
		if v < 3 || v%2 == 0 {
			return usagef("-nnz %d must be odd and at least 3", v)
		}
	}
	for _, v := range o.values["cond"] {
		if v < 2 {
			return usagef("-cond %d must be at least 2", v)
		}
	}
	for _, m := range o.solvers {
		if !slices.Contains(krylov.Methods(), m) {
			return usagef("no method %q; there are %s", m, strings.Replace(oneOf(krylov.Methods()), " or ", " and ", 1))
		}
	}
	for _, p := range o.preconds {
		if _, err := precondByName(p); err != nil {
			return err
		}
	}
	if err := checkMemory(fmt.Sprintf("-stream-n %d", o.streamN), 2*float64(o.streamN)); err != nil {
		return err
	}
	if o.plot != "" {
		if _, err := bench.PictureFormat(o.plot); err != nil {
			return usagef("-plot %w", err)
		}
	}
	if err := jsonOnOutput(o.json, &o.format); err != nil {
		return err
	}
	var inputs []fileFlag
	for _, g := range o.given {
		inputs = append(inputs, fileFlag{"-" + g[0], g[1]})
	}
	return checkOutputs(inputs, fileFlag{"-record", o.record}, fileFlag{"-json", o.json}, fileFlag{"-plot", o.plot}, fileFlag{"-html", o.html})
}

// plan returns the studies.
func (o *scaleOptions) plan() (*bench.Plan, error) {
	p := &bench.Plan{Rounds: o.rounds, RTol: o.rtol, StreamN: o.streamN}
	var options []string
	for _, g := range o.given {
		options = append(options, "-"+g[0]+" "+g[1])
	}
	p.Options = strings.Join(options, " ")
	if o.dim != 2 {
		p.Options = strings.TrimSpace(fmt.Sprintf("-dim %d %s", o.dim, p.Options))
	}
	for _, kind := range o.studies {
		variants, values, err := o.study(kind)
		if err != nil && !o.explicit {
			continue // a study that this problem does not have
		}
		if err != nil {
			return nil, err
		}
		s, err := bench.NewStudy(kind, variants, values)
		if err != nil {
			return nil, usageError{err}
		}
		p.Studies = append(p.Studies, *s)
	}
	if p.Studies == nil {
		return nil, usagef("no study suits this problem")
	}
	return p, nil
}

// runScale is the command hgbench scale.
func runScale(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var o scaleOptions
	if err := o.parse(stdout, args); err != nil {
		return err
	}
	plan, err := o.plan()
	if err != nil {
		return err
	}
	if err := o.checkProblems(plan); err != nil {
		return err
	}
	prog := newProgress(stderr, o.quiet)
	defer prog.end()
	head := bench.RecordHeader{Plan: *plan, Machine: bench.ThisMachine(), Version: version()}
	s := bench.RunSettings{Progress: func(p bench.Progress) {
		eta := ""
		if p.Remaining > 0 {
			eta = fmt.Sprintf(", about %v to go", p.Remaining.Round(time.Second))
		}
		prog.update("%d of %d cells%s: %v: %s", p.Done, p.Total, eta, p.Cell, p.Step)
	}}
	if o.record != "" {
		record, done, err := bench.OpenRecord(o.record, &head)
		if err != nil {
			return err
		}
		defer record.Close()
		if len(done) > 0 {
			prog.phase("%s: %d of %d cells are there", o.record, len(done), len(plan.Cells()))
		}
		s.Done, s.Append = done, record.Append
	}
	measured, err := bench.Run(ctx, plan, o.maker(), &s)
	if err != nil {
		return err
	}
	prog.end()
	rep := bench.NewReport(head, measured, o.predict)
	if err := o.write(stdout, rep); err != nil {
		return err
	}
	if failed := bench.Failed(measured); len(failed) > 0 {
		return fmt.Errorf("%d of %d cells failed, the first: %v: %s", len(failed), len(measured), failed[0].Cell, failed[0].Error)
	}
	return nil
}
