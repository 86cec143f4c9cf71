// Directions spread over a grid by one node per iteration and fade on the way, in
// single precision to numbers without a normal form, which take a hundred times as
// long to multiply. Between FLUSH and KEEP they are zero. A function that uses them has
// a frame of 8 bytes.

#define FLUSH(t) \
	STMXCSR old-8(SP)    \
	MOVL    old-8(SP), t \
	ORL     $0x8040, t   \
	MOVL    t, new-4(SP) \
	LDMXCSR new-4(SP)

#define KEEP LDMXCSR old-8(SP)
