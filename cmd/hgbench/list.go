package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/krylov"
	"github.com/hgsolve/hgsolve/precond"
)

const listIntro = `hgbench list says what there is to choose from: problems, methods, preconditioners
and studies, with a line on each.

	hgbench list [-json]

Flags:

`

// listReport is the JSON of hgbench list. Scripts rely on its names.
type listReport struct {
	Problems []listEntry `json:"problems"`
	Methods  []listEntry `json:"methods"`
	Preconds []listEntry `json:"preconditioners"`
	Studies  []listEntry `json:"studies"`
}

type listEntry struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

// problemSummaries and methodSummaries have a line on each; one that is missing
// here is listed by its name alone, which a test refuses.
var problemSummaries = map[string]string{
	"denoise":   "field of experts on an image: filter weights, and filters, of a denoiser",
	"logistic":  "l2-regularised logistic regression on LIBSVM files: penalties",
	"pagerank":  "PageRank of a directed graph, a fixed point: its damping",
	"quadratic": "quadratic energy of any size, spectrum and number of parameters, with a closed form",
	"smoothing": "smoothing on a grid of 1, 2 or 3 dimensions: its strength, with a closed form",
}

var methodSummaries = map[string]string{
	"auto":       "by the promises of the operator: cg, with minres after it, minres or gmres",
	"cg":         "conjugate gradients: symmetric positive definite",
	"minres":     "minimal residuals: symmetric, definite or not",
	"minres-qlp": "minres with the solution of least norm: symmetric, singular or ill-conditioned",
	"gmres":      "generalised minimal residuals with restarts: any square operator",
	"fgmres":     "gmres with a preconditioner that may vary",
	"gcrodr":     "gmres that carries a deflation space from solve to solve",
	"idrs":       "induced dimension reduction: any square operator, short recurrences",
	"lsmr":       "least squares and systems of any shape, by products with A and its transpose",
}

// newListReport collects what there is.
func newListReport() *listReport {
	r := &listReport{}
	for _, name := range problemNames() {
		r.Problems = append(r.Problems, listEntry{name, problemSummaries[name]})
	}
	for _, name := range krylov.Methods() {
		r.Methods = append(r.Methods, listEntry{name, methodSummaries[name]})
	}
	r.Preconds = append(r.Preconds, listEntry{noPrecond, "no preconditioner"})
	for _, k := range precond.Kinds() {
		r.Preconds = append(r.Preconds, listEntry{k.Name, k.Summary})
	}
	for _, k := range bench.Kinds() {
		r.Studies = append(r.Studies, listEntry{k.Name, k.Summary})
	}
	return r
}

// runList is the command hgbench list.
func runList(_ context.Context, stdout, _ io.Writer, args []string) error {
	fs := newFlags("list")
	asJSON := fs.Bool("json", false, "write JSON")
	if err := parse(fs, stdout, listIntro, args); err != nil {
		return err
	}
	r := newListReport()
	if *asJSON {
		return encodeJSON(stdout, r)
	}
	tab := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for i, part := range []struct {
		title   string
		entries []listEntry
	}{
		{"problems (-problem)", r.Problems}, {"methods (-method)", r.Methods},
		{"preconditioners (-precond)", r.Preconds}, {"studies (hgbench scale -study)", r.Studies},
	} {
		if i > 0 {
			fmt.Fprintln(tab)
		}
		fmt.Fprintln(tab, part.title)
		for _, e := range part.entries {
			fmt.Fprintf(tab, "  %s\t%s\n", e.Name, e.Summary)
		}
	}
	return tab.Flush()
}
