// Package parallel runs short loops on all cores and sums their results in an
// order that does not depend on how many cores there were.
//
// # One pool
//
// The process has one pool of helper goroutines. [Team.Run] hands out the
// chunks 0 … n-1 of a loop to the caller and to as many helpers as the team
// asks for, and returns when all chunks are done. Only one loop runs on the
// pool at a time: a loop started from within a chunk (nested use), or from
// another goroutine while the pool is taken, runs inline on its caller. A panic
// in a chunk reaches the caller of Run.
//
// A helper that has run out of work looks for the next loop for at most
// [SpinLimit] and then parks; after a second without work it ends, so that an
// idle program has no goroutine of ours. Spinning is what makes loops of a few
// microseconds worth sharing: waking a parked goroutine costs more than the
// whole loop. When a team is larger than GOMAXPROCS, and after [SetSpin](false),
// helpers park at once.
//
// # Same bits for any number of workers
//
// Vectors are cut into blocks of [BlockSize] elements, whose boundaries depend
// on the length only. A reduction writes one partial sum per block and
// [Combine] adds them pairwise in a fixed order. Which worker computed a block,
// and when, therefore cannot change a result.
package parallel
