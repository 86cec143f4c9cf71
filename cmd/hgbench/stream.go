package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hgsolve/hgsolve/bench"
)

const streamIntro = `hgbench stream measures the memory bandwidth that 1 … P workers reach with the
kernels of the solvers: dot (reads 16 bytes per element) and triad (reads 16, writes
8). It is the roof that the solvers are to be compared with. All cells are measured
in turn, round by round, and the median is quoted with the quartiles.

	hgbench stream [flags]

Flags:

`

// streamReport is the JSON report of hgbench stream.
type streamReport struct {
	Machine bench.Machine        `json:"machine"`
	Rows    []bench.BandwidthRow `json:"rows"`
	Version string               `json:"version"`
}

// runStream is the command hgbench stream.
func runStream(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var s bench.BandwidthSettings
	var workers, format, path string
	var quiet bool
	fs := newFlags("stream")
	fs.IntVar(&s.N, "n", 32_000_000, "length `N` of the vectors; take several times the size of the caches")
	fs.IntVar(&s.Rounds, "rounds", 7, "how often each cell is measured, `R` times")
	fs.StringVar(&workers, "workers", "", "numbers of workers, a `list` as in 1,2,4 (default: powers of two up to all cores)")
	fs.StringVar(&format, "format", "text", "`format` on standard output: text, csv or json")
	fs.StringVar(&path, "json", "", "write the report as JSON to a `file`, - for standard output")
	fs.BoolVar(&quiet, "quiet", false, "no progress")
	if err := parse(fs, stdout, streamIntro, args); err != nil {
		return err
	}
	switch {
	case s.N < 1 || s.N > 1<<34:
		return usagef("-n %d must be 1 … 2^34", s.N)
	case s.Rounds < 1:
		return usagef("-rounds %d must be at least 1", s.Rounds)
	case format != "text" && format != "csv" && format != "json":
		return usagef("no format %q; there are text, csv and json", format)
	}
	if err := jsonOnOutput(path, &format); err != nil {
		return err
	}
	if workers != "" {
		for _, text := range strings.Split(workers, ",") {
			w, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil || w < 1 {
				return usagef("-workers %s: %q is not a number of workers", workers, text)
			}
			s.Workers = append(s.Workers, w)
		}
	}
	if err := checkOutputs(nil, fileFlag{"-json", path}); err != nil {
		return err
	}
	if err := checkMemory(fmt.Sprintf("-n %d", s.N), 2*float64(s.N)); err != nil {
		return err
	}
	prog := newProgress(stderr, quiet)
	defer prog.end()
	s.Progress = func(round, rounds int) {
		if round == 0 {
			prog.update("bandwidth: warming up")
			return
		}
		prog.update("bandwidth: round %d of %d", round, rounds)
	}
	rows, err := bench.Bandwidth(ctx, &s)
	if err != nil {
		return err
	}
	prog.end()
	rep := streamReport{Machine: bench.ThisMachine(), Rows: rows, Version: version()}
	if err := writeJSONFile(path, rep); err != nil {
		return err
	}
	switch format {
	case "json":
		return encodeJSON(stdout, rep)
	case "csv":
		return streamCSV(stdout, rows)
	}
	printMachine(stdout, rep.Machine)
	fmt.Fprintf(stdout, "\n%-7s %8s %12s %10s %18s\n", "kernel", "workers", "n", "GB/s", "quartiles")
	for _, r := range rows {
		fmt.Fprintf(stdout, "%-7s %8d %12d %10.1f %18s\n", r.Kernel, r.Workers, r.N, r.GBs.Median, fmt.Sprintf("%.1f … %.1f", r.GBs.Low, r.GBs.High))
	}
	return nil
}

// streamCSV writes the rows as comma-separated values with a header.
func streamCSV(w io.Writer, rows []bench.BandwidthRow) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"kernel", "workers", "n", "gb_per_s", "low", "high", "rounds"})
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, r := range rows {
		_ = out.Write([]string{r.Kernel, strconv.Itoa(r.Workers), strconv.Itoa(r.N), number(r.GBs.Median), number(r.GBs.Low), number(r.GBs.High), strconv.Itoa(r.GBs.N)})
	}
	out.Flush()
	return out.Error() // the first error of all writes
}

// printMachine writes the machine record as text.
func printMachine(w io.Writer, m bench.Machine) {
	cpu := m.CPU
	if cpu == "" {
		cpu = "unknown"
	}
	reportLine(w, "cpu", "%s, %d cores, caches of one %s", cpu, m.Cores, strings.Join(m.Caches, ", "))
	reportLine(w, "memory", "%.1f GiB", m.MemoryGiB)
	build := m.OS + "/" + m.Arch
	if m.GOAMD64 != "" {
		build += " " + m.GOAMD64
	}
	reportLine(w, "go", "%s %s, GOMAXPROCS %d", m.Go, build, m.GOMAXPROCS)
}
