// Arguments and streams of the loops for two inner products with each column: v and u are at
// DI and DX, and what is fetched is sixteen rows on, or AHEAD if that is farther.
#define ARGS \
	MOVQ    x+0(FP), SI       \
	MOVQ    stride+8(FP), R8  \
	MOVQ    v+16(FP), DI      \
	MOVQ    u+24(FP), DX      \
	MOVQ    rows+32(FP), CX   \
	MOVQ    sums+40(FP), BX   \
	MOVQ    R8, R9            \
	SHLQ    $4, R9            \
	MOVQ    $AHEAD, AX        \
	CMPQ    R9, AX            \
	CMOVQLT AX, R9

#define STREAM LEAQ (SI)(R9*1), AX; PREFETCHT0 (AX); PREFETCHT0 (AX)(R8*1)
#define ZEROY4 VXORPD Y0, Y0, Y0; VXORPD Y1, Y1, Y1; VXORPD Y2, Y2, Y2; VXORPD Y3, Y3, Y3
#define ZEROY8 ZEROY4; VXORPD Y4, Y4, Y4; VXORPD Y5, Y5, Y5; VXORPD Y6, Y6, Y6; VXORPD Y7, Y7, Y7
#define ZEROZ4 VPXORQ Z0, Z0, Z0; VPXORQ Z1, Z1, Z1; VPXORQ Z2, Z2, Z2; VPXORQ Z3, Z3, Z3
#define ZEROZ8 ZEROZ4; VPXORQ Z4, Z4, Z4; VPXORQ Z5, Z5, Z5; VPXORQ Z6, Z6, Z6; VPXORQ Z7, Z7, Z7
