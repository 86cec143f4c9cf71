//go:build !purego

#include "textflag.h"

// The loops of csr_amd64.go: products with the rows of a sparse matrix, two entries
// of a row to a register, the low half for the even ones and the high half for the
// odd ones. Products and sums are rounded one by one in the order of the plain twin.
//
// DI dst, SI x, R8 row pointers, R9 columns, R10 values, R11 len(x), and from the
// entry BX to DX, the end of its row. Columns are compared with len(x) before x is
// read.

#define PRODUCT64(at, c0, c1) \
	VMOVSD  (SI)(c0*8), X1; \
	VMOVHPD (SI)(c1*8), X1, X1; \
	VMULPD  (8*(at))(R10)(BX*8), X1, X1; \
	VADDPD  X1, X0, X0

#define LAST64 \
	VMOVSD (SI)(AX*8), X1; \
	VMULSD (R10)(BX*8), X1, X1; \
	VADDSD X1, X0, X0

#define AHEAD64 \
	PREFETCHT0 2048(R10)(BX*8); \
	PREFETCHT0 1024(R9)(BX*4)

#define PRODUCT32(at, c0, c1) \
	VMOVSD    (SI)(c0*8), X1; \
	VCVTPS2PD (4*(at))(R10)(BX*4), X2; \
	VMOVHPD   (SI)(c1*8), X1, X1; \
	VMULPD    X2, X1, X1; \
	VADDPD    X1, X0, X0

#define LAST32 \
	VMOVSS    (R10)(BX*4), X2; \
	VMOVSD    (SI)(AX*8), X1; \
	VCVTPS2PD X2, X2; \
	VMULSD    X2, X1, X1; \
	VADDSD    X1, X0, X0

#define AHEAD32 \
	PREFETCHT0 1024(R10)(BX*4); \
	PREFETCHT0 1024(R9)(BX*4)

#define COLUMN(at, c) \
	MOVL (4*(at))(R9)(BX*4), c; \
	CMPQ c, R11; \
	JCC  bad

#define FOUR(at, PRODUCT) \
	COLUMN(at, AX); \
	COLUMN(at+1, R12); \
	PRODUCT(at, AX, R12); \
	COLUMN(at+2, R13); \
	COLUMN(at+3, R15); \
	PRODUCT(at+2, R13, R15)

// ROW leaves the product of the entries BX … DX-1 in the low half of X0. AHEAD
// fetches what will be needed later, a line of values for eight entries.
#define ROW(PRODUCT, LAST, AHEAD) \
	AHEAD; \
	VXORPD X0, X0, X0; \
	SUBQ   $8, DX; \
	CMPQ   BX, DX; \
	JGT    four; \
eight: \
	FOUR(0, PRODUCT); \
	FOUR(4, PRODUCT); \
	ADDQ   $8, BX; \
	AHEAD; \
	CMPQ   BX, DX; \
	JLE    eight; \
four: \
	ADDQ   $4, DX; \
	CMPQ   BX, DX; \
	JGT    pair; \
	FOUR(0, PRODUCT); \
	ADDQ   $4, BX; \
pair: \
	ADDQ   $2, DX; \
	CMPQ   BX, DX; \
	JGT    last; \
	COLUMN(0, AX); \
	COLUMN(1, R12); \
	PRODUCT(0, AX, R12); \
	ADDQ   $2, BX; \
last: \
	ADDQ   $2, DX; \
	CMPQ   BX, DX; \
	JEQ    sum; \
	COLUMN(0, AX); \
	LAST; \
sum: \
	VUNPCKHPD X0, X0, X1; \
	VADDSD    X1, X0, X0

#define ROWS(PRODUCT, LAST, AHEAD) \
	MOVQ dst+0(FP), DI; \
	MOVQ x+8(FP), SI; \
	MOVQ n+16(FP), R11; \
	MOVQ rowPtr+24(FP), R8; \
	MOVQ col_base+40(FP), R9; \
	MOVQ val+64(FP), R10; \
	MOVQ rows+32(FP), CX; \
row: \
	MOVQ (R8), BX; \
	MOVQ 8(R8), DX; \
	ADDQ $8, R8; \
	CMPQ DX, col_len+48(FP); \
	JHI  bad; \
	CMPQ BX, DX; \
	JHI  bad; \
	ROW(PRODUCT, LAST, AHEAD); \
	VMOVSD X0, (DI); \
	ADDQ $8, DI; \
	DECQ CX; \
	JNE  row; \
	MOVB $1, valid+72(FP); \
	RET; \
bad: \
	MOVB $0, valid+72(FP); \
	RET

// SHIFTED takes rows that have R8 entries each, all of them the columns of the first,
// plus one for each row in between: x moves on below them, and so does its end.
#define SHIFTED(PRODUCT, LAST, AHEAD, size) \
	MOVQ dst+0(FP), DI; \
	MOVQ x+8(FP), SI; \
	MOVQ n+16(FP), R11; \
	MOVQ rows+24(FP), CX; \
	MOVQ col_base+32(FP), R9; \
	MOVQ col_len+40(FP), R8; \
	MOVQ val+56(FP), R10; \
row: \
	XORQ BX, BX; \
	MOVQ R8, DX; \
	ROW(PRODUCT, LAST, AHEAD); \
	VMOVSD X0, (DI); \
	LEAQ (R10)(R8*size), R10; \
	ADDQ $8, DI; \
	ADDQ $8, SI; \
	DECQ R11; \
	DECQ CX; \
	JNE  row; \
	MOVB $1, valid+64(FP); \
	RET; \
bad: \
	MOVB $0, valid+64(FP); \
	RET

#define AHEADVALUES64 PREFETCHT0 2048(R10)(BX*8)

#define AHEADVALUES32 PREFETCHT0 1024(R10)(BX*4)

// func csrRows64(dst, x *float64, n int, rowPtr *int, rows int, col []int32, val *float64) (valid bool)
TEXT ·csrRows64(SB), NOSPLIT, $0-73
	ROWS(PRODUCT64, LAST64, AHEAD64)

// func csrRows32(dst, x *float64, n int, rowPtr *int, rows int, col []int32, val *float32) (valid bool)
TEXT ·csrRows32(SB), NOSPLIT, $0-73
	ROWS(PRODUCT32, LAST32, AHEAD32)

// func csrShifted64(dst, x *float64, n, rows int, col []int32, val *float64) (valid bool)
TEXT ·csrShifted64(SB), NOSPLIT, $0-65
	SHIFTED(PRODUCT64, LAST64, AHEADVALUES64, 8)

// func csrShifted32(dst, x *float64, n, rows int, col []int32, val *float32) (valid bool)
TEXT ·csrShifted32(SB), NOSPLIT, $0-65
	SHIFTED(PRODUCT32, LAST32, AHEADVALUES32, 4)
