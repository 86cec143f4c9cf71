// Package bench measures: the machine, its memory bandwidth, and statistics of
// repeated runs that can be trusted on a machine that is shared with others.
//
// Times of single runs are noise there. What is compared runs in turn, round by
// round ([Interleave]), so that a disturbance meets all alike; medians are quoted,
// with their spread, and ratios are taken within a round.
//
// # Studies
//
// A [Study] is a list of cells, each the parameters of one measurement, in which
// one parameter varies: strong and weak scaling, growth with n, the nonzeros per
// row, the condition number, the right-hand sides and n_w. [Run] measures the cells
// of a [Plan] with the systems that a [Maker] sets up ([NewSolveSystem],
// [NewGradientSystem]), and with them the bandwidth of memory on as many workers,
// round by round: each [Row] tells which share of it a solve reaches, by the traffic
// model of the solvers and of [hvp.ProductTraffic]. A [RecordFile] keeps what is done; [Report],
// [Figures], [Predict] and [Compare] are what is made of it.
//
// # Charts
//
// A [Chart] is drawn by [Chart.Save] into a file, by [SaveCharts] with others on a
// sheet, or by [Chart.SVG] into a page.
//
// The package prints nothing and knows no flags: the command hgbench does.
package bench
