package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hgsolve/hgsolve/problems"
)

// problemSpec is what the command knows of one problem.
type problemSpec struct {
	name string
	// flags are those that mean something to this problem; others that are in
	// the list of any problem are refused.
	flags []string
	// check refuses values of these flags; it may be nil.
	check func(*dataOptions) error
	// load reads the data and makes the problem.
	load func(*dataOptions, *progress) (*problemData, error)
}

var problemSpecs = []problemSpec{
	{"denoise", []string{"image", "noisy", "size", "noise", "seed", "potential", "filters", "filter-size", "store-weights", "picture"},
		(*dataOptions).checkDenoise, (*dataOptions).loadDenoise},
	{"logistic", []string{"train", "val", "per-feature"}, (*dataOptions).checkLogistic, (*dataOptions).loadLogistic},
	{"pagerank", []string{"edges", "page", "pages"}, (*dataOptions).checkPageRank, (*dataOptions).loadPageRank},
	{"quadratic", []string{"n", "nw", "cond", "seed"}, (*dataOptions).checkQuadratic, (*dataOptions).loadQuadratic},
	{"smoothing", []string{"grid", "modes"}, (*dataOptions).checkSmoothing, (*dataOptions).loadSmoothing},
}

// problemNames lists them.
func problemNames() []string {
	names := make([]string, len(problemSpecs))
	for i, p := range problemSpecs {
		names[i] = p.name
	}
	return names
}

// problemByName returns the problem of a name, and refuses flags that belong
// to others.
func problemByName(name string, given []string) (*problemSpec, error) {
	var p *problemSpec
	for i := range problemSpecs {
		if problemSpecs[i].name == name {
			p = &problemSpecs[i]
		}
	}
	if p == nil {
		return nil, usagef("no problem %q; there are %s", name, strings.Replace(oneOf(problemNames()), " or ", " and ", 1))
	}
	for _, flag := range given {
		var owners []string
		for _, q := range problemSpecs {
			if slices.Contains(q.flags, flag) {
				owners = append(owners, q.name)
			}
		}
		if owners != nil && !slices.Contains(owners, name) {
			return nil, usagef("-%s belongs to -problem %s, not to %s", flag, oneOf(owners), name)
		}
	}
	return p, nil
}

func (o *dataOptions) checkDenoise() error {
	switch {
	case o.filterSize != 3 && o.filterSize != 5 && o.filterSize != 7:
		return usagef("-filter-size %d must be 3, 5 or 7", o.filterSize)
	case o.size < 0 || o.size > 0 && o.size < o.filterSize || o.size > 1<<16:
		return usagef("-size %d must be %d … 65536", o.size, o.filterSize)
	case !(o.noise >= 0 && o.noise <= 1e6):
		return usagef("-noise %v must be 0 … 1e6", o.noise)
	}
	return nil
}

func (o *dataOptions) checkLogistic() error {
	if o.train == "" || o.val == "" {
		return usagef("-problem logistic needs -train and -val")
	}
	return nil
}

// mostUnknowns bounds the problems that are made up: 16 GiB for each vector.
const mostUnknowns = math.MaxInt32

func (o *dataOptions) checkQuadratic() error {
	switch {
	case o.n < 1 || o.n > mostUnknowns:
		return usagef("-n %d must be 1 … %d", o.n, mostUnknowns)
	case o.nw < 1 || o.nw > mostUnknowns:
		return usagef("-nw %d must be 1 … %d", o.nw, mostUnknowns)
	case !(o.cond >= 1 && o.cond <= 1e16):
		return usagef("-cond %v must be 1 … 1e16", o.cond)
	}
	return nil
}

func (o *dataOptions) loadQuadratic(*progress) (*problemData, error) {
	if err := checkMemory(fmt.Sprintf("-n %d -nw %d", o.n, o.nw), leastVectors*float64(o.n)+2*float64(o.nw)); err != nil {
		return nil, err
	}
	w, err := readW(o.w, 1, o.nw, checkFinite)
	if err != nil {
		return nil, err
	}
	p, err := problems.NewQuadratic(o.n, o.nw, &problems.QuadraticSettings{Cond: o.cond, Seed: o.seed})
	if err != nil {
		return nil, err
	}
	return &problemData{
		name: "quadratic", title: fmt.Sprintf("quadratic %d×%d", o.n, o.nw), problem: p, exact: p, w: w, y: make([]float64, o.n),
		describe: [][2]string{{"spectrum", fmt.Sprintf("condition number %g, seed %d", o.cond, o.seed)}},
	}, nil
}

func (o *dataOptions) checkPageRank() error {
	switch {
	case o.edges == "":
		return usagef("-problem pagerank needs -edges")
	case o.page < 0 || o.page >= mostUnknowns:
		return usagef("-page %d must be 0 … %d", o.page, mostUnknowns-1)
	case o.pages < 0 || o.pages > mostUnknowns:
		return usagef("-pages %d must be 0 … %d", o.pages, mostUnknowns)
	}
	return nil
}

func (o *dataOptions) loadPageRank(prog *progress) (*problemData, error) {
	w, err := readW(o.w, 0.85, 1, func(v float64) error {
		if !(v >= 0 && v < 1) {
			return errors.New("the probability α must be in [0, 1)")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := checkMemory(fmt.Sprintf("-pages %d", o.pages), leastVectors*float64(o.pages)); err != nil {
		return nil, err
	}
	prog.phase("reading %s", o.edges)
	links, err := problems.ReadEdges(o.edges, o.pages)
	if err != nil {
		return nil, err
	}
	n, _ := links.Dims()
	if o.page >= n {
		return nil, fmt.Errorf("-page %d: %s has pages 0 … %d", o.page, o.edges, n-1)
	}
	c := make([]float64, n)
	c[o.page] = 1
	p, err := problems.NewPageRank(links, c)
	if err != nil {
		return nil, err
	}
	return &problemData{
		name: "pagerank", title: "pagerank " + o.edges, problem: p, exact: p, w: w, y: make([]float64, n),
		describe: [][2]string{{"graph", fmt.Sprintf("%d pages, %d links", n, links.NNZ())}, {"page", fmt.Sprintf("%d, its rank is the loss", o.page)}},
	}, nil
}

func (o *dataOptions) checkSmoothing() error {
	shape, err := parseGrid(o.grid)
	if err != nil {
		return err
	}
	_, err = parseModes(o.modes, shape)
	return err
}

func (o *dataOptions) loadSmoothing(*progress) (*problemData, error) {
	shape, err := parseGrid(o.grid)
	if err != nil {
		return nil, err
	}
	modes, err := parseModes(o.modes, shape)
	if err != nil {
		return nil, err
	}
	w, err := readW(o.w, 2, 1, checkLog)
	if err != nil {
		return nil, err
	}
	nodes := 1.0
	for _, side := range shape {
		nodes *= float64(side)
	}
	if err := checkMemory("-grid "+o.grid, leastVectors*nodes); err != nil {
		return nil, err
	}
	p, err := problems.NewSmoothing(modes, shape...)
	if err != nil {
		return nil, err
	}
	ny, _ := p.Dims()
	size := strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", "×"), "[]")
	return &problemData{
		name: "smoothing", title: "smoothing " + o.grid, problem: p, exact: p, w: w, y: make([]float64, ny),
		describe: [][2]string{{"grid", size + " nodes"}, {"data", fmt.Sprintf("%d sine modes", len(p.Modes()))}},
	}, nil
}

// parseGrid takes 1d:N, 2d:N or 3d:N apart.
func parseGrid(text string) (shape []int, err error) {
	kind, number, _ := strings.Cut(text, ":")
	dim := map[string]int{"1d": 1, "2d": 2, "3d": 3}[kind]
	side, err := strconv.Atoi(number)
	if dim == 0 || err != nil {
		return nil, usagef("-grid %s is none of 1d:N, 2d:N and 3d:N", text)
	}
	if most := [3]int{mostUnknowns, 46340, 1290}[dim-1]; side < 1 || side > most {
		return nil, usagef("-grid %s: N must be 1 … %d", text, most)
	}
	return slices.Repeat([]int{side}, dim), nil
}

// parseModes returns the modes of -modes: a number of them, or k:K,… with each K
// as in 3 or 3x1x4.
func parseModes(text string, shape []int) ([]problems.Mode, error) {
	list, is := strings.CutPrefix(text, "k:")
	if !is {
		const most = 1000
		count, err := strconv.Atoi(text)
		if err != nil {
			return nil, usagef("-modes %s is neither a number nor wave numbers as in k:3,10", text)
		}
		if count < 1 || count > most {
			return nil, usagef("-modes %s: the number must be 1 … %d", text, most)
		}
		return problems.SpreadModes(count, shape...), nil
	}
	var modes []problems.Mode
	for _, item := range strings.Split(list, ",") {
		var k []int
		for _, number := range strings.Split(item, "x") {
			v, err := strconv.Atoi(number)
			if err != nil {
				return nil, usagef("-modes %s: %q is no wave number", text, number)
			}
			if v < 1 || v > shape[0] {
				return nil, usagef("-modes %s: the wave number %d must be 1 … %d", text, v, shape[0])
			}
			k = append(k, v)
		}
		if len(k) == 1 {
			k = slices.Repeat(k, len(shape))
		}
		if len(k) != len(shape) {
			return nil, usagef("-modes %s: %s has %d wave numbers, the grid %d dimensions", text, item, len(k), len(shape))
		}
		modes = append(modes, problems.Mode{K: k, Amplitude: 1})
	}
	return modes, nil
}
