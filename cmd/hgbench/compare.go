package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/hgsolve/hgsolve/bench"
)

const compareIntro = `hgbench compare sets two runs of hgbench scale against each other, cell by cell:
records (-record) or JSON reports (-format json, -json), in any combination.

	hgbench compare [flags] OLD NEW

ratio is the time of NEW over that of OLD, of the medians: below 1 is faster. p is
the probability of such a difference if nothing had changed, by the two-sided test
of Mann and Whitney over all rounds; at 0.05 and above the difference is marked ~,
not significant. Of many cells, one in twenty is significant by chance. Below stand
the geometric mean of all ratios and that of the bandwidths measured beside them: far
from 1 it was not the same machine, or it was not as free. The exit status is 0
whatever comes out.

Flags:

`

// runCompare is the command hgbench compare.
func runCompare(_ context.Context, stdout, _ io.Writer, args []string) error {
	var format string
	fs := newFlags("compare")
	fs.StringVar(&format, "format", "text", "`format` on standard output: text, csv or json")
	paths, err := parseMixed(fs, stdout, compareIntro, args)
	if err != nil {
		return err
	}
	switch {
	case len(paths) != 2:
		return usagef("want two files, OLD and NEW, got %d; see hgbench help compare", len(paths))
	case format != "text" && format != "csv" && format != "json":
		return usagef("no format %q; there are text, csv and json", format)
	}
	old, err := bench.ReadMeasurements(paths[0])
	if err != nil {
		return err
	}
	now, err := bench.ReadMeasurements(paths[1])
	if err != nil {
		return err
	}
	c, err := bench.Compare(old, now)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", paths[0], paths[1], err)
	}
	switch format {
	case "json":
		return encodeJSON(stdout, c)
	case "csv":
		return compareCSV(stdout, c)
	}
	return compareText(stdout, c)
}

// compareText writes an aligned table.
func compareText(w io.Writer, c *bench.Comparisons) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tab, "old\tnew\tratio\tp\t\tits\t  cell\n")
	significant := 0
	for i := range c.Cells {
		d := &c.Cells[i]
		mark := "~"
		if d.Significant() {
			mark = "faster"
			if d.Ratio > 1 {
				mark = "slower"
			}
			significant++
		}
		its := strconv.Itoa(d.NewIterations)
		if d.OldIterations != d.NewIterations {
			its = fmt.Sprintf("%d → %d", d.OldIterations, d.NewIterations)
		}
		fmt.Fprintf(tab, "%s\t%s\t%.3f\t%.3f\t%s\t%s\t  %v\n", bench.Seconds(d.Old.Median), bench.Seconds(d.New.Median), d.Ratio, d.P, mark, its, d.Cell)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\ngeometric mean %.3f of %d cells, %d with a significant difference\n", c.GeoMean, len(c.Cells), significant)
	if c.Roof > 0 {
		fmt.Fprintf(w, "measured bandwidth: %.3f times that of the old run\n", c.Roof)
	}
	for _, n := range []struct {
		count int
		what  string
	}{{c.OnlyOld, "only in the old run"}, {c.OnlyNew, "only in the new run"}, {c.Failed, "failed in one of the two"}} {
		if n.count > 0 {
			fmt.Fprintf(w, "%d cells %s\n", n.count, n.what)
		}
	}
	if c.Least >= 0.05 {
		fmt.Fprintf(w, "so few rounds cannot show a difference: p is at least %.2f; take -rounds 5 or more\n", c.Least)
	}
	return nil
}

// compareCSV writes the cells as comma-separated values with a header.
func compareCSV(w io.Writer, c *bench.Comparisons) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"cell", "old_s", "new_s", "ratio", "p", "significant", "old_iterations", "new_iterations", "roof_ratio"})
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for i := range c.Cells {
		d := &c.Cells[i]
		_ = out.Write([]string{d.Cell.String(), number(d.Old.Median), number(d.New.Median), number(d.Ratio), number(d.P), strconv.FormatBool(d.Significant()), strconv.Itoa(d.OldIterations), strconv.Itoa(d.NewIterations), number(d.Roof)})
	}
	_ = out.Write([]string{"geometric mean", "", "", number(c.GeoMean), "", "", "", "", number(c.Roof)})
	out.Flush()
	return out.Error() // the first error of all writes
}
