// AHEAD is how many bytes before they are needed the loops over long vectors ask
// for the next pieces of their streams. The hardware looks ahead too, but no
// further than the end of a page of 4 KiB: out of the caches it is late at the
// begin of each. 1024 … 4096 bytes gain the same (14 % of an iteration of CG at
// 10⁷ unknowns on two cores with 260 MiB of L3, nothing within the caches);
// BenchmarkAhead shows it. Addresses beyond the end of a vector are harmless.
#define AHEAD 2048
