//go:build race

package krylov_test

const raceEnabled = true
