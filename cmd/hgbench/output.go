package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"github.com/hgsolve/hgsolve/bench"
	"github.com/hgsolve/hgsolve/internal/formats"
)

// number is a float64 that JSON can hold: NaN and Inf become null.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// encodeJSON writes v as indented JSON.
func encodeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// writeJSONFile writes v to a file, all or nothing; without a path, or with -
// for standard output, it does nothing.
func writeJSONFile(path string, v any) error {
	if path == "" || path == "-" {
		return nil
	}
	return formats.WriteFile(path, func(w io.Writer) error { return encodeJSON(w, v) })
}

// jsonOnOutput makes -json - the same as -format json.
func jsonOnOutput(path string, format *string) error {
	if path != "-" {
		return nil
	}
	if *format != "text" && *format != "json" {
		return usagef("-json - and -format %s both want standard output", *format)
	}
	*format = "json"
	return nil
}

// fileFlag is a flag that names a file; path is empty if it is not given.
type fileFlag struct{ flag, path string }

// checkOutputs refuses paths that cannot be written, before anything is
// computed, and those of inputs, which would be lost. Only -json takes - for
// standard output.
func checkOutputs(inputs []fileFlag, outputs ...fileFlag) error {
	seen := map[string]string{}
	for _, o := range outputs {
		if o.path == "" || o.path == "-" && o.flag == "-json" {
			continue
		}
		if o.path == "-" {
			return usagef("%s -: only -json writes to standard output", o.flag)
		}
		if info, err := os.Stat(filepath.Dir(o.path)); err != nil || !info.IsDir() {
			return fmt.Errorf("%s %s: there is no directory %s", o.flag, o.path, filepath.Dir(o.path))
		}
		info, err := os.Stat(o.path)
		if err == nil && info.IsDir() {
			return fmt.Errorf("%s %s is a directory", o.flag, o.path)
		}
		if err == nil && !info.Mode().IsRegular() {
			continue // /dev/null serves any number of flags
		}
		for _, in := range inputs {
			if read, e := os.Stat(in.path); err == nil && e == nil && os.SameFile(info, read) {
				return usagef("%s %s would replace what %s reads", o.flag, o.path, in.flag)
			}
		}
		path := filepath.Clean(o.path)
		if other, is := seen[path]; is {
			return usagef("%s and %s both name %s", other, o.flag, o.path)
		}
		seen[path] = o.flag
	}
	return nil
}

// leastVectors is how many vectors of its length any solve keeps.
const leastVectors = 8

// checkMemory refuses what takes more memory than there is: of so many numbers of 8
// bytes at least. A system that runs out of it ends the process without a word.
func checkMemory(what string, numbers float64) error {
	if need, free := 8*numbers, bench.AvailableMemory(); free > 0 && need > free {
		return fmt.Errorf("%s: takes at least %.3g GiB of memory, %.3g are available", what, need/(1<<30), free/(1<<30))
	}
	return nil
}

// reportLine writes one line of a report in text: a name, and what is to say
// about it.
func reportLine(w io.Writer, name, format string, args ...any) {
	fmt.Fprintf(w, "%-12s %s\n", name, fmt.Sprintf(format, args...))
}

// plural writes a number of things, of which one has the name thing.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// workersOf returns the number of workers that the flag -workers stands for.
func workersOf(flag int) int {
	if flag == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return flag
}
