//go:build race

package hvp_test

const raceEnabled = true
