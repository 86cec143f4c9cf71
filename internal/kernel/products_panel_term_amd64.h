// SOON is how many bytes before they are needed the coefficients are asked for, a few
// hundred cycles: there are more diagonals than streams that the hardware follows. From 128
// to 384 it made no difference beyond 15 percent; products with 81 diagonals took 0.7 and with
// 169 0.45 of the time without.
#define SOON 128

// TERM sets R14 to where the coefficients of term AX, numbers of SIZE bytes, are, and BX to
// where its rows of x are.
#define TERM \
	MOVQ (R9)(AX*8), R14     \
	LEAQ (SI)(R14*SIZE), R14 \
	MOVQ (R10)(AX*8), BX     \
	LEAQ (DX)(BX*SIZE), BX   \
	PREFETCHT0 SOON(R14)
