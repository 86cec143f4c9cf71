package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Cell holds the parameters of one measurement: what is solved, how, and on
// how many workers. Cells are compared by ==. What does not apply is zero.
type Cell struct {
	// Study is the kind of the study that the cell is part of.
	Study   string `json:"study"`
	Problem string `json:"problem"`
	// N is the number of unknowns asked for. Grids have the nearest number
	// that makes them square or cubic; see Measurement.Unknowns.
	N       int `json:"n"`
	Workers int `json:"workers"`
	// NNZ is the number of nonzeros per row asked for, Cond the condition
	// number, RHS the number of right-hand sides solved at once and NW the
	// number of parameters n_w.
	NNZ  int     `json:"nnz_per_row,omitempty"`
	Cond float64 `json:"cond,omitempty"`
	RHS  int     `json:"rhs,omitempty"`
	NW   int     `json:"n_w,omitempty"`
	// Solver and Precond are names as in krylov.New and precond.New, "none" for
	// no preconditioner. Operator is the form of a matrix of a plain solve:
	// assembled or matrix-free.
	Solver   string `json:"solver"`
	Precond  string `json:"precond"`
	Operator string `json:"operator,omitempty"`
}

// String returns the parameters that are set as key=value parts with slashes
// between, which is also the form of a benchmark name.
func (c Cell) String() string {
	var b strings.Builder
	for _, p := range c.parts() {
		if b.Len() > 0 {
			b.WriteByte('/')
		}
		b.WriteString(p[0] + "=" + p[1])
	}
	return b.String()
}

// parts returns the names and values of the parameters that are set.
func (c Cell) parts() (parts [][2]string) {
	add := func(name string, value any) {
		if text := fmt.Sprint(value); text != "" && text != "0" {
			parts = append(parts, [2]string{name, text})
		}
	}
	add("study", c.Study)
	add("problem", c.Problem)
	add("operator", c.Operator)
	add("n", c.N)
	add("nnz", c.NNZ)
	add("cond", c.Cond)
	add("rhs", c.RHS)
	add("nw", c.NW)
	add("solver", c.Solver)
	add("precond", c.Precond)
	add("workers", c.Workers)
	return parts
}

// Variant names what is compared within a study: problem, form, solver and
// preconditioner.
func (c Cell) Variant() string {
	name := c.Problem
	if c.Operator != "" {
		name += " " + c.Operator
	}
	name += ", " + c.Solver
	if c.Precond != "none" && c.Precond != "" {
		name += " + " + c.Precond
	}
	return name
}

// system is the cell without what does not change the system that is set up:
// cells with the same system share it.
func (c Cell) system() Cell {
	c.Study, c.Workers = "", 0
	return c
}

// A Kind of study says which parameter varies.
type Kind struct {
	Name string `json:"name"`
	// Parameter is what varies, as it is called on an axis.
	Parameter string `json:"parameter"`
	Summary   string `json:"summary"`

	value func(Cell) float64
	set   func(c *Cell, v int)
}

var kinds = []Kind{
	{"strong", "workers", "the same system on 1 … P workers",
		func(c Cell) float64 { return float64(c.Workers) }, func(c *Cell, v int) { c.Workers = v }},
	{"weak", "workers", "n proportional to the workers, 1 … P",
		func(c Cell) float64 { return float64(c.Workers) }, func(c *Cell, v int) { c.Workers = v; c.N *= v }},
	{"size", "unknowns n", "growth with the number of unknowns",
		func(c Cell) float64 { return float64(c.N) }, func(c *Cell, v int) { c.N = v }},
	{"nnz", "nonzeros per row", "growth with the nonzeros per row of a matrix",
		func(c Cell) float64 { return float64(c.NNZ) }, func(c *Cell, v int) { c.NNZ = v }},
	{"cond", "condition number", "growth with the condition number",
		func(c Cell) float64 { return c.Cond }, func(c *Cell, v int) { c.Cond = float64(v) }},
	{"rhs", "right-hand sides", "several right-hand sides at once, with shared products",
		func(c Cell) float64 { return float64(c.RHS) }, func(c *Cell, v int) { c.RHS = v }},
	{"nw", "parameters n_w", "growth with the number of parameters of a hypergradient",
		func(c Cell) float64 { return float64(c.NW) }, func(c *Cell, v int) { c.NW = v }},
}

// Kinds lists the kinds of studies.
func Kinds() []Kind { return slices.Clone(kinds) }

// KindNames lists the names of the kinds of studies, in the order of [Kinds].
func KindNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name
	}
	return names
}

// KindByName returns the kind of a name.
func KindByName(name string) (Kind, error) {
	for _, k := range kinds {
		if k.Name == name {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("bench: no study %q; there are %q", name, KindNames())
}

// Value returns the value of the parameter that varies.
func (k Kind) Value(c Cell) float64 { return k.value(c) }

// A Study is a list of cells to be measured.
type Study struct {
	Kind string `json:"kind"`
	// Groups hold the cells; those of one group are compared with each other
	// and so run in turn, round by round. All systems of a group are in memory
	// at the same time.
	Groups [][]Cell `json:"groups"`
}

// NewStudy returns the study of a kind over the variants, cells in which all is
// set but the parameter that varies (for weak, N is that of one worker), and the
// values of that parameter, which are positive and increasing.
//
// Strong and weak scaling are one group each, since speed-ups are ratios over
// all of their cells; others have a group per value.
func NewStudy(kind string, variants []Cell, values []int) (*Study, error) {
	k, err := KindByName(kind)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 || len(variants) == 0 {
		return nil, fmt.Errorf("bench: study %s of %d values and %d variants", kind, len(values), len(variants))
	}
	s := &Study{Kind: kind}
	seen := map[Cell]bool{}
	for i, v := range values {
		if v < 1 || i > 0 && v <= values[i-1] {
			return nil, fmt.Errorf("bench: study %s: the values %v are not positive and increasing", kind, values)
		}
		var group []Cell
		for _, c := range variants {
			if kind == "weak" && c.N > math.MaxInt32/v {
				return nil, fmt.Errorf("bench: study weak: %d unknowns on each of %d workers", c.N, v)
			}
			c.Study = kind
			k.set(&c, v)
			if c.N < 1 || c.Workers < 1 {
				return nil, fmt.Errorf("bench: study %s: cell %v", kind, c)
			}
			if seen[c] {
				return nil, fmt.Errorf("bench: study %s: cell %v twice", kind, c)
			}
			seen[c] = true
			group = append(group, c)
		}
		if len(s.Groups) > 0 && (kind == "strong" || kind == "weak") {
			s.Groups[0] = append(s.Groups[0], group...)
		} else {
			s.Groups = append(s.Groups, group)
		}
	}
	return s, nil
}

// Cells returns the cells of all groups in order.
func (s *Study) Cells() []Cell { return slices.Concat(s.Groups...) }

// A Plan is a set of studies and how to measure them: what a record is a record
// of.
type Plan struct {
	Studies []Study `json:"studies"`
	// Rounds is how often each cell is measured.
	Rounds int `json:"rounds"`
	// RTol is the tolerance of the solves.
	RTol float64 `json:"rtol"`
	// StreamN is the length of the vectors that the bandwidth is measured with.
	StreamN int `json:"stream_n"`
	// Options are further settings that change what is measured, such as the
	// files of a problem.
	Options string `json:"options,omitempty"`
}

// Cells returns the cells of all studies in order.
func (p *Plan) Cells() (cells []Cell) {
	for i := range p.Studies {
		cells = append(cells, p.Studies[i].Cells()...)
	}
	return cells
}
