//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"

// The loops of slices_amd64.go: four rows of a sparse matrix to a register, Y0 the
// sums of their even entries and Y1 those of the odd ones. Products and sums are
// rounded one by one in the order of the plain twin. Elements of x are loaded one by
// one: the gather instruction took 0.9 of the time in the second cache and as long outside of
// it, and is said to be slow on processors whose microcode guards it.
//
// DI dst, SI x, R8 lengths, R9 columns, R10 values, R14 order, CX slices left; from
// the entry BX to DX, the end of a slice or row.

#define LOAD(at) \
	MOVL        (4*(at))(R9)(BX*4), AX; \
	MOVL        (4*(at)+4)(R9)(BX*4), R11; \
	MOVL        (4*(at)+8)(R9)(BX*4), R12; \
	MOVL        (4*(at)+12)(R9)(BX*4), R13; \
	VMOVSD      (SI)(AX*8), X2; \
	VMOVSD      (SI)(R12*8), X3; \
	VMOVHPD     (SI)(R11*8), X2, X2; \
	VMOVHPD     (SI)(R13*8), X3, X3; \
	VINSERTF128 $1, X3, Y2, Y2

#define FOUR64(at, sum) \
	LOAD(at); \
	VMULPD (8*(at))(R10)(BX*8), Y2, Y2; \
	VADDPD Y2, sum, sum

#define PAIR64 \
	VMULPD (R10)(BX*8), X2, X2

#define LAST64 \
	VMULSD (R10)(BX*8), X2, X2

#define FETCH64 \
	PREFETCHT0 AHEAD(R10)(BX*8); \
	PREFETCHT0 AHEAD/2(R9)(BX*4)

#define FOUR32(at, sum) \
	LOAD(at); \
	VCVTPS2PD (4*(at))(R10)(BX*4), Y3; \
	VMULPD    Y3, Y2, Y2; \
	VADDPD    Y2, sum, sum

#define PAIR32 \
	VCVTPS2PD (R10)(BX*4), X3; \
	VMULPD    X3, X2, X2

#define LAST32 \
	VMOVSS    (R10)(BX*4), X3; \
	VCVTPS2PD X3, X3; \
	VMULSD    X3, X2, X2

#define FETCH32 \
	PREFETCHT0 AHEAD/2(R10)(BX*4); \
	PREFETCHT0 AHEAD/2(R9)(BX*4)

// REST adds to X4, the sums of the even and the odd entries of row order[k], those
// of its entries that the other rows of the slice do not have, and stores it. R15
// is the number of those that they have.
#define REST(k, PAIR, LAST, pair, last, store) \
	MOVBQZX k(R14), AX; \
	MOVQ    rowPtr+56(FP), R11; \
	MOVQ    8(R11)(AX*8), DX; \
	SUBQ    (R11)(AX*8), DX; \
	SUBQ    R15, DX; \
	ADDQ    BX, DX; \
	CMPQ    DX, entries+64(FP); \
	JHI     bad; \
	SUBQ    $2, DX; \
	CMPQ    BX, DX; \
	JGT     last; \
pair: \
	MOVL    (R9)(BX*4), R11; \
	MOVL    4(R9)(BX*4), R12; \
	VMOVSD  (SI)(R11*8), X2; \
	VMOVHPD (SI)(R12*8), X2, X2; \
	PAIR; \
	VADDPD  X2, X4, X4; \
	ADDQ    $2, BX; \
	CMPQ    BX, DX; \
	JLE     pair; \
last: \
	ADDQ    $2, DX; \
	CMPQ    BX, DX; \
	JGE     store; \
	MOVL    (R9)(BX*4), R11; \
	VMOVSD  (SI)(R11*8), X2; \
	LAST; \
	VADDSD  X2, X4, X4; \
	INCQ    BX; \
store: \
	VUNPCKHPD X4, X4, X2; \
	VADDSD    X2, X4, X4; \
	VMOVSD    X4, (DI)(AX*8)

#define SLICES(FOUR, PAIR, LAST, FETCH) \
	MOVQ dst+0(FP), DI; \
	MOVQ x+8(FP), SI; \
	MOVQ length+16(FP), R8; \
	MOVQ slices+24(FP), CX; \
	MOVQ order+32(FP), R14; \
	MOVQ col+40(FP), R9; \
	MOVQ val+48(FP), R10; \
	XORQ BX, BX; \
slice: \
	MOVL   (R8), R15; \
	ADDQ   $4, R8; \
	MOVQ   R15, DX; \
	SHRQ   $1, DX; \
	LEAQ   (BX)(DX*4), DX; \
	CMPQ   DX, entries+64(FP); \
	JHI    bad; \
	SUBQ   $8, DX; \
	VXORPD Y0, Y0, Y0; \
	VXORPD Y1, Y1, Y1; \
	CMPQ   BX, DX; \
	JGT    odd; \
two: \
	FETCH; \
	FOUR(0, Y0); \
	FOUR(4, Y1); \
	ADDQ   $8, BX; \
	CMPQ   BX, DX; \
	JLE    two; \
odd: \
	ADDQ   $8, DX; \
	CMPQ   BX, DX; \
	JEQ    sum; \
	FOUR(0, Y0); \
	ADDQ   $4, BX; \
sum: \
	SHRQ    $1, R15; \
	JCS     rest; \
	VADDPD  Y1, Y0, Y0; \
	MOVBQZX (R14), AX; \
	MOVBQZX 1(R14), R11; \
	MOVBQZX 2(R14), R12; \
	MOVBQZX 3(R14), R13; \
	VEXTRACTF128 $1, Y0, X2; \
	VMOVSD  X0, (DI)(AX*8); \
	VMOVHPD X0, (DI)(R11*8); \
	VMOVSD  X2, (DI)(R12*8); \
	VMOVHPD X2, (DI)(R13*8); \
next: \
	ADDQ $4, R14; \
	DECQ CX; \
	JNE  slice; \
	VZEROUPPER; \
	MOVB $1, valid+72(FP); \
	RET; \
rest: \
	VUNPCKLPD Y1, Y0, Y5; \
	VUNPCKHPD Y1, Y0, Y6; \
	VMOVAPD X5, X4; \
	REST(0, PAIR, LAST, pair0, last0, store0); \
	VMOVAPD X6, X4; \
	REST(1, PAIR, LAST, pair1, last1, store1); \
	VEXTRACTF128 $1, Y5, X4; \
	REST(2, PAIR, LAST, pair2, last2, store2); \
	VEXTRACTF128 $1, Y6, X4; \
	REST(3, PAIR, LAST, pair3, last3, store3); \
	JMP next; \
bad: \
	VZEROUPPER; \
	MOVB $0, valid+72(FP); \
	RET

// func slices64(dst, x *float64, length *uint32, slices int, order *uint8, col *int32, val *float64, rowPtr *int, entries int) (valid bool)
TEXT ·slices64(SB), NOSPLIT, $0-73
	SLICES(FOUR64, PAIR64, LAST64, FETCH64)

// func slices32(dst, x *float64, length *uint32, slices int, order *uint8, col *int32, val *float32, rowPtr *int, entries int) (valid bool)
TEXT ·slices32(SB), NOSPLIT, $0-73
	SLICES(FOUR32, PAIR32, LAST32, FETCH32)
