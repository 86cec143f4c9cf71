// Package problems holds real inner problems to measure and to learn from, each
// with its mathematics in its documentation and, where one exists, an exact
// reference. Each implements hypergrad.Problem and hypergrad.Energy.
//
//   - [Logistic]: l2-regularised logistic regression, one or many penalties.
//   - [Denoise]: a continuous-valued Markov random field (fields of experts) that
//     removes noise from an image; millions of unknowns, matrix-free.
//   - [Smoothing]: smoothing on a grid of 1, 2 or 3 dimensions, with a closed form
//     for millions of unknowns.
//   - [Quadratic]: a quadratic energy of any size, spectrum and number of
//     parameters, with a closed form.
package problems
