//go:build !race

package krylov_test

const raceEnabled = false
