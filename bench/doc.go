// Package bench measures: the machine, its memory bandwidth, and statistics of
// repeated runs that can be trusted on a machine that is shared with others.
//
// Times of single runs are noise there. What is compared runs in turn, round by
// round ([Interleave]), so that a disturbance meets all alike; medians are quoted,
// with their spread, and ratios are taken within a round.
//
// The package prints nothing and knows no flags: the command hgbench does.
package bench
