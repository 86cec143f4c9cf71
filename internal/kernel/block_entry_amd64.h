// FETCH asks for the row of x of the entry whose column is c bytes after the current one.
// It goes to the second cache, which has room for more of them under way than the first.
#define LOOK 64
#define FETCH(c) MOVL c(R10)(AX*4), BX; IMULQ R8, BX; PREFETCHT1 (SI)(BX*1)

// COLUMN leaves the offset of the row of x in BX.
#define COLUMN(c) \
	MOVL  c(R10)(AX*4), BX \
	CMPQ  BX, R12          \
	JCC   bad              \
	IMULQ R8, BX
