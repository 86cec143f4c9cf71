// Package problems holds real inner problems to measure and to learn from, each
// with its mathematics in its documentation and, where one exists, an exact
// reference. Each implements hypergrad.Problem, and hypergrad.Energy where it is a
// minimum without constraints.
//
//   - [Logistic]: l2-regularised logistic regression, one or many penalties.
//   - [Denoise]: a continuous-valued Markov random field (fields of experts) that
//     removes noise from an image; millions of unknowns, matrix-free.
//   - [Smoothing]: smoothing on a grid of 1, 2 or 3 dimensions, with a closed form
//     for millions of unknowns.
//   - [Quadratic]: a quadratic energy of any size, spectrum and number of
//     parameters, with a closed form.
//   - [QP]: quadratic programs with equations, inequalities and bounds, from files;
//     the envelope theorem is the reference for the optimal value.
//   - [PageRank]: the stationary distribution of a random surfer, a nonsymmetric
//     fixed point, with a series as the reference.
package problems
