package main

import (
	"strings"

	"github.com/hgsolve/hgsolve/hypergrad"
)

// preconds are the preconditioners that the flag -precond knows.
var preconds = []struct {
	name string
	make hypergrad.PrecondFunc // nil: none
}{
	{"jacobi", hypergrad.Jacobi},
	{"none", nil},
}

// precondNames lists them for the help text.
func precondNames() string {
	names := make([]string, len(preconds))
	for i, p := range preconds {
		names[i] = p.name
	}
	return oneOf(names)
}

// precondByName returns the preconditioner of a name, nil for none.
func precondByName(name string) (hypergrad.PrecondFunc, error) {
	for _, p := range preconds {
		if p.name == name {
			return p.make, nil
		}
	}
	return nil, usagef("no preconditioner %q; there are %s", name, strings.Replace(precondNames(), " or ", " and ", 1))
}

// oneOf joins names as in "a, b or c".
func oneOf(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
