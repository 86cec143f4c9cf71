//go:build race

package precond_test

const raceEnabled = true
