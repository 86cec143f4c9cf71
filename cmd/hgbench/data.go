package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/internal/formats"
	"github.com/hgsolve/hgsolve/problems"
)

// dataOptions are the flags that choose a problem, its data and its parameters.
type dataOptions struct {
	problem string
	spec    *problemSpec // of problem, once checked
	w       string

	train, val string
	perFeature bool

	image, noisy, potential string
	size, filterSize        int
	noise                   float64
	seed                    uint64
	filters, storeWeights   bool

	grid, modes string
	n, nw       int
	cond        float64

	edges       string
	page, pages int
}

// flags adds the flags to fs. size is the default of -size.
func (o *dataOptions) flags(fs *flag.FlagSet, size int) {
	fs.StringVar(&o.problem, "problem", "denoise", "`name` of the problem: "+oneOf(problemNames()))
	fs.StringVar(&o.w, "w", "", "parameters: a `value` for all of them or a .npy file (default 0 for logistic, 1.3 for denoise, 2 for smoothing, 1 for quadratic, 0.85 for pagerank)")
	fs.StringVar(&o.train, "train", "", "logistic: training examples, a LIBSVM `file`, plain or .gz .bz2 .xz")
	fs.StringVar(&o.val, "val", "", "logistic: held-out examples, a LIBSVM `file`")
	fs.BoolVar(&o.perFeature, "per-feature", false, "logistic: one penalty per feature instead of one for all")
	fs.StringVar(&o.image, "image", "", "denoise: clean image, a .png or .npy `file` in grey levels 0…255 (default: an embedded photograph)")
	fs.StringVar(&o.noisy, "noisy", "", "denoise: noisy image, a .png or .npy `file` (default: noise is added to the clean one)")
	asItIs := " (default: as it is)"
	if size > 0 {
		asItIs = ", 0 for as it is"
	}
	fs.IntVar(&o.size, "size", size, "denoise: `N` for an N×N image, cropped or tiled by reflection"+asItIs)
	fs.Float64Var(&o.noise, "noise", 20, "denoise: standard deviation of the noise in grey levels")
	fs.Uint64Var(&o.seed, "seed", 1, "denoise, quadratic: seed of what is random")
	fs.StringVar(&o.potential, "potential", "charbonnier", "denoise: `name` of the potential: charbonnier or lorentzian")
	fs.BoolVar(&o.filters, "filters", false, "denoise: the filter coefficients are part of w, after the log-weights")
	fs.IntVar(&o.filterSize, "filter-size", 3, "denoise: `S` for DCT filters of S×S pixels, all but the constant one: 3, 5 or 7, with -w 1.3, 0.1 or -0.6 unless given")
	fs.BoolVar(&o.storeWeights, "store-weights", false, "denoise: more memory, faster products")
	fs.StringVar(&o.grid, "grid", "2d:500", "smoothing: `grid` of N, N×N or N×N×N nodes, given as 1d:N, 2d:N or 3d:N")
	fs.StringVar(&o.modes, "modes", "20", "smoothing: sine modes of the data: a `number` of them, spread over the spectrum, or wave numbers as in k:3,1x20, each of amplitude 1, one number for all dimensions or one for each")
	fs.IntVar(&o.n, "n", 100_000, "quadratic: `N` unknowns")
	fs.IntVar(&o.nw, "nw", 1, "quadratic: `M` parameters")
	fs.Float64Var(&o.cond, "cond", 100, "quadratic: condition number `K` of the Hessian")
	fs.StringVar(&o.edges, "edges", "", "pagerank: links, a `file` with two page numbers from 0 per line, plain or .gz .bz2 .xz")
	fs.IntVar(&o.page, "page", 0, "pagerank: `number` of the page whose rank is the loss")
	fs.IntVar(&o.pages, "pages", 0, "pagerank: number of pages, if the last ones have no links")
}

// inputs are the files that are read.
func (o *dataOptions) inputs() []fileFlag {
	return []fileFlag{{"-train", o.train}, {"-val", o.val}, {"-image", o.image}, {"-noisy", o.noisy}, {"-edges", o.edges}, {"-w", o.w}}
}

// check refuses what cannot work before anything is read. fs has been parsed:
// flags given that belong to another problem are refused.
func (o *dataOptions) check(fs *flag.FlagSet) (err error) {
	var given []string
	fs.Visit(func(f *flag.Flag) { given = append(given, f.Name) })
	if o.spec, err = problemByName(o.problem, given); err != nil || o.spec.check == nil {
		return err
	}
	return o.spec.check(o)
}

// An exacter knows its hypergradient in closed form.
type exacter interface {
	// Exact sets grad = dL/dw; y is not wanted.
	Exact(ctx context.Context, y, grad, w []float64) (loss float64, err error)
}

// problemData is a problem with its data.
type problemData struct {
	name, title string
	problem     hypergrad.Problem
	w, y        []float64   // y: the start of the inner solve
	describe    [][2]string // more lines for the report
	exact       exacter     // nil if there is no closed form
	picture     func(y []float64) (pix []float64, rows, cols int)
}

// load reads the data and makes the problem.
func (o *dataOptions) load(prog *progress) (*problemData, error) { return o.spec.load(o, prog) }

func (o *dataOptions) loadLogistic(prog *progress) (*problemData, error) {
	prog.phase("reading %s and %s", o.train, o.val)
	p, info, err := problems.ReadLogistic(o.train, o.val, o.perFeature)
	if err != nil {
		return nil, err
	}
	if info.SkippedEntries > 0 {
		prog.warn("%s: %d values of features beyond the %d of %s carry no weight and are skipped", o.val, info.SkippedEntries, info.Features, o.train)
	}
	ny, nw := p.Dims()
	if err := checkMemory(fmt.Sprintf("%s: %d features", o.train, ny), leastVectors*float64(ny)); err != nil {
		return nil, err
	}
	w, err := readW(o.w, 0, nw, checkLog)
	if err != nil {
		return nil, err
	}
	return &problemData{
		name: "logistic", title: fmt.Sprintf("logistic %d×%d", info.Train, ny), problem: p, w: w, y: make([]float64, ny),
		describe: [][2]string{
			{"training", fmt.Sprintf("%s: %d examples, %d features, %d nonzeros", o.train, info.Train, info.Features, info.Entries)},
			{"held-out", fmt.Sprintf("%s: %d examples", o.val, info.Held)},
			{"labels", fmt.Sprintf("%g → −1, %g → +1", info.Negative, info.Positive)},
		},
	}, nil
}

func (o *dataOptions) loadDenoise(*progress) (*problemData, error) {
	potential, err := problems.ParsePotential(o.potential)
	if err != nil {
		return nil, usageError{err}
	}
	if err := checkMemory(fmt.Sprintf("-size %d", o.size), leastVectors*float64(o.size)*float64(o.size)); err != nil {
		return nil, err
	}
	source := `"Seeding" by Clements Engelhardt (CC0), embedded`
	clean := &formats.Image{}
	if o.image == "" {
		clean.Pix, clean.Rows, clean.Cols = problems.Photograph()
	} else {
		source = o.image
		if clean, err = formats.ReadImage(o.image); err != nil {
			return nil, err
		}
	}
	rows, cols := clean.Rows, clean.Cols
	if o.size > 0 {
		clean.Pix = problems.Resize(clean.Pix, rows, cols, o.size, o.size)
		rows, cols = o.size, o.size
	}
	noise := fmt.Sprintf("σ = %g grey levels, seed %d", o.noise, o.seed)
	var noisy []float64
	if o.noisy == "" {
		noisy = problems.AddNoise(clean.Pix, o.noise, o.seed)
	} else {
		im, err := formats.ReadImage(o.noisy)
		if err != nil {
			return nil, err
		}
		if im.Rows != rows || im.Cols != cols {
			return nil, fmt.Errorf("%s: %d×%d pixels, the clean image has %d×%d", o.noisy, im.Rows, im.Cols, rows, cols)
		}
		noisy, noise = im.Pix, o.noisy
	}
	p, err := problems.NewDenoise(clean.Pix, noisy, rows, cols, &problems.DenoiseSettings{Potential: potential, LearnFilters: o.filters, StoreWeights: o.storeWeights, FilterSize: o.filterSize})
	if err != nil && o.image != "" {
		return nil, fmt.Errorf("%s: %w", o.image, err)
	} else if err != nil {
		return nil, err
	}
	_, nw := p.Dims()
	w := p.Default(defaultLogWeight[o.filterSize])
	if o.w != "" {
		if v, err := strconv.ParseFloat(o.w, 64); err == nil {
			if err := checkLog(v); err != nil {
				return nil, usagef("-w %s: %w", o.w, err)
			}
			w = p.Default(v) // the log-weights; the filters are what they are
		} else if w, err = readW(o.w, 0, nw, checkLog); err != nil {
			return nil, err
		}
	}
	y := make([]float64, rows*cols)
	copy(y, noisy)
	describe := [][2]string{
		{"image", fmt.Sprintf("%s, %d×%d pixels", source, rows, cols)},
		{"noise", noise},
		{"potential", potential.String()},
	}
	if s := o.filterSize; s != 3 {
		describe = append(describe, [2]string{"filters", fmt.Sprintf("%d of %d×%d", s*s-1, s, s)})
	}
	return &problemData{
		name: "denoise", title: fmt.Sprintf("denoise %d×%d", rows, cols), problem: p, w: w, y: y,
		describe: describe,
		picture: func(y []float64) (pix []float64, pr, pc int) {
			const gap = 8
			pc = 3*cols + 2*gap
			pix = make([]float64, rows*pc)
			for i := range pix {
				pix[i] = 255
			}
			for k, im := range [][]float64{clean.Pix, noisy, y} {
				for i := range rows {
					copy(pix[i*pc+k*(cols+gap):][:cols], im[i*cols:])
				}
			}
			return pix, rows, pc
		},
	}, nil
}

// defaultLogWeight is, by filter size, close to the best one for the embedded
// photograph at the default noise, when all weights are equal. More filters need
// less weight each.
var defaultLogWeight = map[int]float64{3: 1.3, 5: 0.1, 7: -0.6}

// readW returns n parameters: text as a number for all of them, or the contents
// of the .npy file of that name; fallback if text is empty. check refuses values.
func readW(text string, fallback float64, n int, check func(float64) error) ([]float64, error) {
	value := fallback
	if text != "" {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return readWFile(text, n, check)
		}
		value = v
	}
	if err := check(value); err != nil {
		return nil, usagef("-w %s: %w", text, err)
	}
	w := make([]float64, n)
	for i := range w {
		w[i] = value
	}
	return w, nil
}

// checkLog refuses a logarithm whose exponential is no finite positive number.
func checkLog(v float64) error {
	if e := math.Exp(v); !(e > 0) || math.IsInf(e, 0) {
		return fmt.Errorf("w is on the natural-log scale and e^%v is out of range", v)
	}
	return nil
}

// checkFinite refuses NaN and Inf.
func checkFinite(v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return errors.New("w must be finite")
	}
	return nil
}

func readWFile(path string, n int, check func(float64) error) ([]float64, error) {
	if !strings.HasSuffix(path, ".npy") {
		return nil, usagef("-w %s is neither a number nor a .npy file", path)
	}
	w, err := readNpyVector(path)
	if err != nil {
		return nil, err
	}
	if len(w) != n {
		return nil, fmt.Errorf("%s: %d values, the problem has %d parameters", path, len(w), n)
	}
	for i, v := range w {
		if err := check(v); err != nil {
			return nil, fmt.Errorf("%s: value %d is %v: %w", path, i, v, err)
		}
	}
	return w, nil
}
