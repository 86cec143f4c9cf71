// Package kernel holds the inner loops: plain functions over slices, serial,
// without policy. Who cuts vectors into pieces, and who checks lengths, stands
// above. All slices of one call have the length of the first unless said
// otherwise, and destinations do not overlap sources.
//
// Loops are written so that the compiler drops the bounds checks (slices cut to
// one length first) and with four independent accumulators in reductions, which
// hides the latency of the addition. Each fast kernel has a plain twin in the
// tests that it is compared with.
//
// The kernels of MINRES have assembly for AVX2 besides (files _amd64.s), with
// the plain Go code as the twin that gives the same bits. The build tag purego
// leaves the assembly out.
package kernel
