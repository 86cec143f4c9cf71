//go:build race

package parallel

// The race detector makes sync.Pool drop items at random.
const raceEnabled = true
