package main

import (
	"strings"

	"github.com/hgsolve/hgsolve/hypergrad"
	"github.com/hgsolve/hgsolve/precond"
)

// noPrecond is the name that stands for no preconditioner.
const noPrecond = "none"

// precondNames lists the values of the flag -precond for the help text.
func precondNames() string {
	var names []string
	for _, k := range precond.Kinds() {
		names = append(names, k.Name)
	}
	return oneOf(append(names, noPrecond))
}

// precondByName returns the preconditioner of a name, nil for none.
func precondByName(name string) (hypergrad.PrecondFunc, error) {
	if name == noPrecond {
		return nil, nil
	}
	for _, k := range precond.Kinds() {
		if k.Name == name {
			return k.Make, nil
		}
	}
	return nil, usagef("no preconditioner %q; there are %s", name, strings.Replace(precondNames(), " or ", " and ", 1))
}

// innerPrecondByName returns what the steps of the inner solver take for that name:
// they need few digits.
func innerPrecondByName(name string) (hypergrad.PrecondFunc, error) {
	if name == "auto" {
		return hypergrad.AutoLoose, nil
	}
	return precondByName(name)
}

// oneOf joins names as in "a, b or c".
func oneOf(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
