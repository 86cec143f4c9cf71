//go:build !race

package hvp_test

const raceEnabled = false
