//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"

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

#define FETCH64 \
	PREFETCHT0 AHEAD(R10)(BX*8); \
	PREFETCHT0 AHEAD/2(R9)(BX*4)

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

#define FETCH32 \
	PREFETCHT0 AHEAD/2(R10)(BX*4); \
	PREFETCHT0 AHEAD/2(R9)(BX*4)

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

// ROW leaves the product of the entries BX … DX-1 in the low half of X0. FETCH
// fetches what will be needed later, a line of values for eight entries.
#define ROW(PRODUCT, LAST, FETCH) \
	FETCH; \
	VXORPD X0, X0, X0; \
	SUBQ   $8, DX; \
	CMPQ   BX, DX; \
	JGT    four; \
eight: \
	FOUR(0, PRODUCT); \
	FOUR(4, PRODUCT); \
	ADDQ   $8, BX; \
	FETCH; \
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

#define ROWS(PRODUCT, LAST, FETCH) \
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
	ROW(PRODUCT, LAST, FETCH); \
	VMOVSD X0, (DI); \
	ADDQ $8, DI; \
	DECQ CX; \
	JNE  row; \
	MOVB $1, valid+72(FP); \
	RET; \
bad: \
	MOVB $0, valid+72(FP); \
	RET

// func csrRows64(dst, x *float64, n int, rowPtr *int, rows int, col []int32, val *float64) (valid bool)
TEXT ·csrRows64(SB), NOSPLIT, $0-73
	ROWS(PRODUCT64, LAST64, FETCH64)

// func csrRows32(dst, x *float64, n int, rowPtr *int, rows int, col []int32, val *float32) (valid bool)
TEXT ·csrRows32(SB), NOSPLIT, $0-73
	ROWS(PRODUCT32, LAST32, FETCH32)
