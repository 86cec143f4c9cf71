// Command hgbench computes hypergradients, solves linear systems and measures
// how both scale.
//
//	hgbench                 the main job on an embedded photograph: no flags, no files
//	hgbench grad [flags]    a hypergradient of a problem of your choice
//	hgbench fit [flags]     parameters improved by hypergradients
//	hgbench solve [flags]   a linear system of yours
//	hgbench stream [flags]  the memory bandwidth by workers
//	hgbench check [flags]   every piece of a problem against differences
//	hgbench precond [flags] preconditioners on one system, set-up and solve
//	hgbench scale [flags]   how times grow with workers and sizes
//	hgbench compare A B     two runs of scale
//	hgbench list            what there is to choose from
//	hgbench estimators      other estimators of the hypergradient, error and cost
//	hgbench help [command]
//
// Data goes to standard output, progress to standard error. Exit status: 0 only
// if the result converged, 1 if not or on bad input, 2 on wrong usage, 130 on
// interrupt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// The heap is a few vectors of millions of entries: collecting early
		// costs nothing and halves the memory.
		debug.SetGCPercent(25)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	code := run(ctx, os.Stdout, os.Stderr, os.Args[1:])
	stop()
	os.Exit(code)
}

// command is one subcommand. run parses args with its own flag set.
type command struct {
	name, summary string
	run           func(ctx context.Context, stdout, stderr io.Writer, args []string) error
}

var commands = []command{
	{"grad", "compute a hypergradient", runGrad},
	{"fit", "improve the parameters by hypergradients", runFit},
	{"check", "check every piece of a problem", runCheck},
	{"solve", "solve a linear system", runSolve},
	{"precond", "compare preconditioners on one system", runPrecond},
	{"estimators", "compare estimators of the hypergradient", runEstimators},
	{"scale", "measure how times grow with workers, sizes and conditioning", runScale},
	{"compare", "compare two runs of scale", runCompare},
	{"stream", "measure the memory bandwidth by workers", runStream},
	{"list", "list problems, methods, preconditioners and studies", runList},
}

// usageError is a mistake in how the command was called: exit status 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, out, stderr io.Writer, args []string) int {
	stdout := &checkedWriter{w: out}
	name := "grad"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	} else if len(args) > 0 {
		switch strings.TrimLeft(args[0], "-") {
		case "h", "help":
			name, args = "help", nil
		case "version":
			name, args = "version", nil
		default:
			fmt.Fprintf(stderr, "hgbench: flags come after a command, as in hgbench grad %s; see hgbench help\n", args[0])
			return 2
		}
	}
	var err error
	switch name {
	case "help":
		err = help(stdout, args)
	case "version":
		fmt.Fprintln(stdout, "hgbench", version())
	default:
		err = usagef("no command %q; see hgbench help", name)
		for _, c := range commands {
			if c.name == name {
				err = c.run(ctx, stdout, stderr, args)
			}
		}
	}
	if stdout.err != nil && (err == nil || errors.Is(err, flag.ErrHelp) || errors.Is(err, stdout.err)) {
		err = fmt.Errorf("standard output: %w", stdout.err)
	}
	return exitStatus(ctx, stderr, name, err)
}

// checkedWriter remembers the first error, so that reports can be printed line by
// line without a look at each.
type checkedWriter struct {
	w   io.Writer
	err error
}

// Write implements io.Writer. After an error nothing more is written.
func (c *checkedWriter) Write(p []byte) (n int, err error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err = c.w.Write(p)
	if pathErr, is := errors.AsType[*fs.PathError](err); is {
		err = pathErr.Err // its name says nothing
	}
	c.err = err
	return n, err
}

func exitStatus(ctx context.Context, stderr io.Writer, name string, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil:
		fmt.Fprintf(stderr, "hgbench %s: interrupted\n", name)
		return 130
	}
	fmt.Fprintf(stderr, "hgbench %s: %s\n", name, oneLine(err))
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// oneLine returns the error text without line breaks.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}

// version returns the version of the module from the build information.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v += "+" + s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return v
}

func help(stdout io.Writer, args []string) error {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return c.run(context.Background(), stdout, stdout, []string{"-h"})
			}
		}
		return usagef("no command %q; see hgbench help", args[0])
	}
	fmt.Fprint(stdout, `hgbench computes hypergradients, solves linear systems and measures how both scale.

Usage:

	hgbench                   the main job on an embedded photograph
	hgbench COMMAND [flags]   see hgbench help COMMAND

Commands:

`)
	for _, c := range commands {
		fmt.Fprintf(stdout, "\t%-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(stdout, `	help       this text, or that of a command
	version    the version, also as hgbench -version

Data goes to standard output, progress to standard error. Exit status: 0 only if
the result converged, 1 if not or on bad input, 2 on wrong usage, 130 on interrupt.
`)
	return nil
}

// newFlags returns a flag set that reports errors instead of printing them, and
// prints its help on stdout.
func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// parse parses args, prints help if it was asked for, and refuses arguments
// that are not flags.
func parse(fs *flag.FlagSet, stdout io.Writer, intro string, args []string) error {
	rest, err := parseMixed(fs, stdout, intro, args)
	if err == nil && len(rest) > 0 {
		return usagef("unexpected argument %q; see hgbench help %s", rest[0], fs.Name())
	}
	return err
}

// parseMixed is parse for commands that take arguments, which it returns: before,
// between and after the flags.
func parseMixed(fs *flag.FlagSet, stdout io.Writer, intro string, args []string) (rest []string, err error) {
	for {
		if err := parseFlags(fs, stdout, intro, args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}

// parseFlags parses the flags up to the first argument that is none.
func parseFlags(fs *flag.FlagSet, stdout io.Writer, intro string, args []string) error {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, intro)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return err
	case err != nil:
		return usagef("%v; see hgbench help %s", err, fs.Name())
	}
	return nil
}
