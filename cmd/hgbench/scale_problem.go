package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/hvp"
)

// stencilKinds are the values of -stencil of hgbench scale.
var stencilKinds = []string{"1d", "2d", "3d", "band"}

// defaultCond returns the condition number of plain solves from n unknowns on: some
// hundred iterations at any size, so that times of different sizes can be
// compared. It is 1000, or the largest power of ten that a small grid can have.
func defaultCond(kind string, n int) int {
	if kind == "band" {
		return 1000
	}
	own, err := bench.GridCondition(stencilDim(kind), n)
	if err != nil {
		return 1000 // making it will fail for the same reason
	}
	cond := 1000
	for float64(cond) > own && cond > 10 {
		cond /= 10
	}
	return cond
}

// stencilDim returns the dimension of 1d, 2d and 3d.
func stencilDim(kind string) int { return int(kind[0] - '0') }

// scaleDefaults are the problem and the sizes of each study: minutes in all on
// two cores.
var scaleDefaults = map[string]struct {
	problem string
	n       []int
	values  []int // of what varies, but workers and n
}{
	"strong": {"smoothing", []int{1_000_000}, nil},
	"weak":   {"smoothing", []int{500_000}, nil},
	"size":   {"smoothing", []int{10_000, 100_000, 1_000_000, 10_000_000}, nil},
	"nnz":    {"band", []int{100_000}, []int{3, 7, 15, 31}},
	"cond":   {"quadratic", []int{50_000}, []int{10, 100, 1000, 10_000}},
	"rhs":    {"2d", []int{100_000}, []int{1, 2, 4, 8}},
	"nw":     {"quadratic", []int{50_000}, []int{1, 10, 100, 1000, 10_000}},
}

// study returns the variants and the values of a study.
func (o *scaleOptions) study(kind string) (variants []bench.Cell, values []int, err error) {
	d := scaleDefaults[kind]
	c := bench.Cell{Problem: d.problem, Workers: o.workers[len(o.workers)-1]}
	if o.problem != "" {
		c.Problem = o.problem
	}
	if o.stencil != "" {
		c.Problem = o.stencil
	}
	first := func(flag string, fallback int) int {
		if v := o.values[flag]; v != nil {
			return v[0]
		}
		return fallback
	}
	c.N = d.n[0]
	if v := o.values["n"]; v != nil {
		c.N = v[len(v)-1]
	}
	values = d.values
	switch kind {
	case "strong", "weak":
		values = o.workers
	case "size":
		if values = d.n; o.values["n"] != nil {
			values = o.values["n"]
		}
	default:
		if v := o.values[kind]; v != nil {
			values = v
		}
	}
	least := c.N
	if kind == "size" {
		least = values[0]
	}
	unsuited := func() error { return usagef("study %s means nothing to %s", kind, c.Problem) }
	if slices.Contains(stencilKinds, c.Problem) {
		if kind == "nw" || kind == "nnz" && c.Problem != "band" {
			return nil, nil, unsuited()
		}
		c.RHS, c.Cond, c.Operator = first("rhs", 1), float64(first("cond", defaultCond(c.Problem, least))), o.operator
		if kind != "rhs" {
			c.RHS = 1
		}
		if c.Problem == "band" {
			c.NNZ, c.Operator = first("nnz", 7), assembled
		}
	} else {
		spec, err := problemByName(c.Problem, nil)
		if err != nil {
			return nil, nil, err
		}
		has := func(flag string) bool { return slices.Contains(spec.flags, flag) }
		switch {
		case kind == "nnz" || kind == "rhs",
			kind == "cond" && !has("cond"), kind == "nw" && !has("nw"),
			(kind == "size" || kind == "weak") && !resizable(spec):
			return nil, nil, unsuited()
		}
		if !resizable(spec) {
			c.N = 1 // what the data say
		}
		if has("cond") {
			c.Cond = float64(first("cond", 100))
		}
		if has("nw") {
			c.NW = first("nw", 1)
		}
	}
	for _, solver := range o.solvers {
		for _, precond := range o.preconds {
			c.Solver, c.Precond = solver, precond
			variants = append(variants, c)
		}
	}
	return variants, values, nil
}

// resizable says whether a problem can have any number of unknowns.
func resizable(spec *problemSpec) bool {
	return slices.ContainsFunc([]string{"n", "grid", "size"}, func(flag string) bool { return slices.Contains(spec.flags, flag) })
}

// newDataFlags returns the flags of problems.
func newDataFlags() (*dataOptions, *flag.FlagSet) {
	o, fs := &dataOptions{}, newFlags("data")
	o.flags(fs, 0)
	return o, fs
}

// dataOf returns the flags of a problem as they are for a cell, checked.
func (o *scaleOptions) dataOf(c bench.Cell) (*dataOptions, error) {
	data, fs := newDataFlags()
	set := func(name, value string) error {
		if err := fs.Set(name, value); err != nil {
			return usagef("-%s %s: %w", name, value, err)
		}
		return nil
	}
	spec, err := problemByName(c.Problem, nil)
	if err != nil {
		return nil, err
	}
	args := append([][2]string{{"problem", c.Problem}}, o.given...)
	for _, p := range []struct{ flag, value string }{
		{"n", strconv.Itoa(c.N)}, {"cond", fmt.Sprint(c.Cond)}, {"nw", strconv.Itoa(c.NW)},
	} {
		if slices.Contains(spec.flags, p.flag) {
			args = append(args, [2]string{p.flag, p.value})
		}
	}
	if slices.Contains(spec.flags, "grid") {
		shape, err := bench.GridShape(o.dim, c.N)
		if err != nil {
			return nil, err
		}
		args = append(args, [2]string{"grid", fmt.Sprintf("%dd:%d", o.dim, shape[0])})
	}
	if slices.Contains(spec.flags, "size") {
		shape, err := bench.GridShape(2, c.N)
		if err != nil {
			return nil, err
		}
		args = append(args, [2]string{"size", strconv.Itoa(shape[0])})
	}
	for _, a := range args {
		if err := set(a[0], a[1]); err != nil {
			return nil, err
		}
	}
	return data, data.check(fs)
}

// checkProblems refuses flags of problems that cannot work.
func (o *scaleOptions) checkProblems(p *bench.Plan) error {
	for _, c := range p.Cells() {
		if slices.Contains(stencilKinds, c.Problem) {
			if len(o.given) > 0 {
				return usagef("-%s belongs to a -problem, and study %s has none", o.given[0][0], c.Study)
			}
			continue
		}
		if _, err := o.dataOf(c); err != nil {
			return err
		}
	}
	return nil
}

// maker sets cells up.
func (o *scaleOptions) maker() bench.Maker {
	return func(ctx context.Context, c bench.Cell) (*bench.System, error) {
		makePrecond, err := precondByName(c.Precond)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(stencilKinds, c.Problem) {
			data, err := o.dataOf(c)
			if err != nil {
				return nil, err
			}
			p, err := data.load(newProgress(nil, true))
			if err != nil {
				return nil, err
			}
			return bench.NewGradientSystem(ctx, &bench.GradientConfig{Problem: p.problem, Y: p.y, W: p.w, Solver: c.Solver, Precond: makePrecond, RTol: o.rtol})
		}
		var a hvp.Operator
		if c.Problem == "band" {
			a, err = bench.Band(c.N, c.NNZ, c.Cond)
		} else {
			a, err = bench.GridLaplacian(stencilDim(c.Problem), c.N, c.Cond, c.Operator == assembled)
		}
		if err != nil {
			return nil, err
		}
		return bench.NewSolveSystem(ctx, &bench.SolveConfig{A: a, RHS: c.RHS, Solver: c.Solver, Precond: makePrecond, RTol: o.rtol})
	}
}
